//! What of a source's call is written down as it is given to it, or comes from what was written
//! down: the network, time and chance. Scoring guests have neither, and the corpus is heard where
//! it is searched.

use std::sync::Arc;

use super::{
    chance::{self, OverheardClocks},
    http::{OverheardNetwork, Placeholders, RecordedNetwork},
};
use crate::record::{Difference, Given, HttpExchange, RecordedCall};

/// Who listens to a call, or speaks for the world in it.
#[derive(Clone, Default)]
pub(crate) enum Witness {
    #[default]
    Nobody,
    Overheard(Arc<Overheard>),
    Recorded(Arc<Recorded>),
}

/// A call that is being written down.
pub(crate) struct Overheard {
    pub(super) network: Arc<OverheardNetwork>,
    pub(super) seed: [u64; 4],
    pub(super) clocks: OverheardClocks,
}

impl Overheard {
    /// `max_bytes` of its requests and responses are kept.
    pub(crate) fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            network: OverheardNetwork::new(max_bytes),
            seed: rand::random(),
            clocks: OverheardClocks::new(chance::MAX_READINGS),
        })
    }

    /// Everything so far.
    pub(crate) fn take(&self) -> (Given, Vec<HttpExchange>) {
        let given = Given {
            seed: self.seed,
            placeholders: self.network.placeholders(),
            ..self.clocks.take()
        };
        (given, self.network.take())
    }
}

/// A call that was written down.
pub(crate) struct Recorded {
    pub(super) network: Arc<RecordedNetwork>,
    /// None where the recording is from before it was kept.
    pub(super) given: Option<Given>,
}

impl Recorded {
    pub(crate) fn new(call: &RecordedCall) -> Arc<Self> {
        Arc::new(Self {
            network: RecordedNetwork::new(&call.http),
            given: call.given.clone(),
        })
    }

    /// What the guest first asked of the network that it did not ask then.
    pub(crate) fn difference(&self) -> Option<Difference> {
        self.network.difference()
    }

    pub(super) fn placeholders(&self) -> Placeholders {
        let given = self.given.as_ref();
        Placeholders::recorded(given.map_or(&[], |given| &given.placeholders))
    }
}
