//! Writing calls down.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use chrono::NaiveDate;
use phagen_domain::{
    evidence::Page,
    plugin::{Failure, World},
    query::CorpusRequest,
};

use super::{CallInput, CorpusExchange, RecordedCall, RecordedFailure, Recording, Taped};
use crate::{
    PluginError,
    guest::{CorpusSearch, Overheard, Witness},
    slot::{ActiveSlot, SlotSet},
};

/// Bytes of JSON that a recording takes at most.
const MAX_BYTES: usize = 64 << 20;

impl SlotSet {
    /// The same set, every call of which is written down, and where.
    pub fn recorded(&self) -> (Self, Recorder) {
        self.recorded_within(MAX_BYTES)
    }

    /// The same with room for `max_bytes` of JSON; calls that have no room any more are only
    /// counted.
    pub fn recorded_within(&self, max_bytes: usize) -> (Self, Recorder) {
        let tape = Arc::new(Tape {
            inner: Mutex::default(),
            max_bytes,
        });
        let mut set = self.clone();
        for slot in set.iter_mut() {
            slot.taped(&tape);
        }
        (set, Recorder(tape))
    }
}

/// Hands out what was written down.
pub struct Recorder(Arc<Tape>);

impl Recorder {
    /// Everything so far. The tape is empty afterwards.
    pub fn take(&self) -> Recording {
        let mut inner = self.0.lock();
        inner.n_bytes = 0;
        std::mem::take(&mut inner.recording)
    }
}

/// Shared by the slots of one set.
pub(crate) struct Tape {
    inner: Mutex<Inner>,
    max_bytes: usize,
}

#[derive(Default)]
struct Inner {
    recording: Recording,
    n_bytes: usize,
}

/// A call that is being written down.
pub(crate) struct Taking {
    began: Instant,
    as_of: NaiveDate,
    corpus: Arc<OverheardCorpus>,
    /// Only sources have anything to overhear.
    overheard: Option<Arc<Overheard>>,
}

impl Taking {
    pub(crate) fn begin(slot: &ActiveSlot, as_of: NaiveDate) -> Self {
        Self {
            began: Instant::now(),
            as_of,
            corpus: Arc::new(OverheardCorpus {
                inner: slot.corpus(),
                heard: Mutex::default(),
            }),
            overheard: (slot.plugin.world() == World::Source)
                .then(|| Overheard::new(slot.egress().recorded_bytes())),
        }
    }

    /// The corpus that the call's guest shall search.
    pub(crate) fn corpus(&self) -> Arc<dyn CorpusSearch> {
        Arc::<OverheardCorpus>::clone(&self.corpus)
    }

    /// Who listens to everything else that the guest does.
    pub(crate) fn witness(&self) -> Witness {
        let overheard = self.overheard.clone();
        overheard.map_or(Witness::Nobody, Witness::Overheard)
    }
}

impl Tape {
    pub(crate) fn end<T: Taped>(
        &self,
        taking: &Taking,
        slot: &ActiveSlot,
        input: CallInput,
        answer: &Result<T, PluginError>,
    ) {
        let answer = match answer {
            Ok(answer) => Ok(answer.clone().taped()),
            Err(error) => Err(RecordedFailure {
                code: error.code().to_owned(),
                message: error.to_string(),
            }),
        };
        let overheard = taking.overheard.as_ref().map(|call| call.take());
        let (given, http) = overheard.unzip();
        let call = RecordedCall {
            slot: slot.slot.clone(),
            world: slot.plugin.world(),
            plugin_digest: slot.plugin.digest(),
            artifact_digest: slot.artifact.as_ref().map(|artifact| artifact.digest),
            config: slot.activation.config.clone(),
            grant: slot.activation.grant.clone(),
            as_of: taking.as_of,
            input,
            answer_digest: answer.as_ref().ok().map(super::CallAnswer::digest),
            answer,
            milliseconds: taking.began.elapsed().as_secs_f64() * 1e3,
            corpus: taking.corpus.take(),
            http: http.unwrap_or_default(),
            given,
        };
        self.keep(call);
    }

    fn keep(&self, call: RecordedCall) {
        let n_bytes = serde_json::to_vec(&call).map_or(usize::MAX, |json| json.len());
        let mut inner = self.lock();
        let total = inner.n_bytes.saturating_add(n_bytes);
        if total > self.max_bytes {
            inner.recording.n_dropped += 1;
            return;
        }
        inner.n_bytes = total;
        inner.recording.calls.push(call);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The slot's corpus, with an ear at the door.
struct OverheardCorpus {
    inner: Arc<dyn CorpusSearch>,
    heard: Mutex<Vec<CorpusExchange>>,
}

impl OverheardCorpus {
    fn take(&self) -> Vec<CorpusExchange> {
        std::mem::take(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl CorpusSearch for OverheardCorpus {
    fn search(&self, request: &CorpusRequest) -> Result<Page, Failure> {
        let answer = self.inner.search(request);
        let exchange = CorpusExchange {
            request: request.clone(),
            answer: answer.clone(),
        };
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push(exchange);
        answer
    }
}
