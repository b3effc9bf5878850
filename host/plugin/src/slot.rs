//! The named places that plugins serve in, and what a job asks of them.

use std::{fmt, sync::Arc};

use chrono::NaiveDate;
use phagen_domain::{
    digest::Digest,
    evidence::{Candidate, EvidenceId, Page, Passage},
    finding::Finding,
    molecule::Molecule,
    plugin::{Activation, SlotName},
    query::Query,
};

use serde::{Deserialize, Serialize};
use tracing::Instrument;

use crate::{
    PluginError,
    breaker::{BreakerSettings, Guard},
    call::{self, Call},
    guest::{CorpusSearch, Egress, Witness},
    kept::Kept,
    plugin::Plugin,
    record::{CallInput, Tape},
};

/// Weights or tables that an operator paired with a plugin.
#[derive(Clone)]
pub struct Artifact {
    pub name: String,
    pub digest: Digest,
    pub bytes: Arc<[u8]>,
}

/// One piece of evidence as a mapper reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    pub evidence_id: EvidenceId,
    /// The title first, as ordinal 0.
    pub passages: Vec<Passage>,
}

/// What a reranker says of a list of candidates, in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reranked {
    pub feature_names: Vec<String>,
    /// A row per candidate, a column per name, all finite.
    pub features: Vec<Vec<f32>>,
    /// One per candidate, finite; higher is better.
    pub scores: Vec<f32>,
}

/// A slot with everything needed to call its guest.
///
/// Every method runs in a fresh instance, which is gone when the method returns, or in a kept one
/// where the manifest asks for that; and yields to tokio at each tick of the engine (5 ms): a guest
/// that computes for seconds does not keep timers and sockets of the same thread waiting. Dropping
/// the future ends the guest. All need a tokio runtime with its timer. While the breaker is open
/// they answer [`PluginError::BreakerOpen`] at once.
#[derive(Clone)]
pub struct ActiveSlot {
    pub slot: SlotName,
    /// Of the slot's row, when it was read.
    pub generation: u64,
    pub activation: Activation,
    pub plugin: Plugin,
    pub artifact: Option<Artifact>,
    guard: Arc<Guard>,
    fallback: Option<Arc<Self>>,
    kept: Option<Arc<Kept>>,
    tape: Option<Arc<Tape>>,
    pub(crate) outside: Outside,
}

/// What answers a guest in the place of the host's own corpus and network, where something does.
#[derive(Clone, Default)]
pub(crate) struct Outside {
    pub(crate) corpus: Option<Arc<dyn CorpusSearch>>,
    pub(crate) egress: Option<Arc<Egress>>,
    pub(crate) witness: Witness,
}

/// The whole set that a job reads once, so that it never sees half of a change. Share it as an
/// `Arc<SlotSet>`; a clone copies the rows.
#[derive(Clone)]
pub struct SlotSet {
    /// Asked side by side.
    pub sources: Vec<ActiveSlot>,
    /// A chain whose findings are united.
    pub mappers: Vec<ActiveSlot>,
    /// A chain in its order: each sees the score of the one before, and the last one ranks.
    pub rerankers: Vec<ActiveSlot>,
}

impl SlotSet {
    /// Sources, mappers, rerankers, each in their order.
    pub fn iter(&self) -> impl Iterator<Item = &ActiveSlot> {
        self.sources
            .iter()
            .chain(&self.mappers)
            .chain(&self.rerankers)
    }

    /// The same with this corpus in place of the host's own, whatever that is by the time of a call.
    #[must_use]
    pub fn reading(&self, corpus: &Arc<dyn CorpusSearch>) -> Self {
        let mut set = self.clone();
        for slot in set.iter_mut() {
            slot.read(corpus);
        }
        set
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut ActiveSlot> {
        self.sources
            .iter_mut()
            .chain(&mut self.mappers)
            .chain(&mut self.rerankers)
    }
}

impl ActiveSlot {
    /// A slot with a guard of its own and nothing to fall back to.
    pub fn new(
        slot: SlotName,
        generation: u64,
        activation: Activation,
        plugin: Plugin,
        artifact: Option<Artifact>,
    ) -> Self {
        Self {
            guard: Arc::new(Guard::new(plugin.shared().settings.breaker.clone())),
            fallback: None,
            kept: Kept::of(&plugin),
            tape: None,
            outside: Outside::default(),
            slot,
            generation,
            activation,
            plugin,
            artifact,
        }
    }

    /// With the guard that this version had in this slot before: what it remembers goes on.
    #[must_use]
    pub fn with_guard(mut self, guard: Arc<Guard>) -> Self {
        self.guard = guard;
        self
    }

    /// With what answers when this one cannot: the version before it, else the built-in one. It
    /// may have a fallback in turn.
    #[must_use]
    pub fn with_fallback(mut self, fallback: Option<Arc<Self>>) -> Self {
        self.fallback = fallback;
        self
    }

    pub fn guard(&self) -> &Arc<Guard> {
        &self.guard
    }

    pub fn fallback(&self) -> Option<&Arc<Self>> {
        self.fallback.as_ref()
    }

    /// Asks a source for at most `limit` candidates from `cursor` on.
    pub async fn search(
        &self,
        query: &Query,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page, PluginError> {
        let span = call::span(self, "search");
        let mut call = call::begun(&span, Call::begin(self, "search", query.as_of)).await?;
        let answer = call::search(&mut call, query, limit, cursor)
            .instrument(span.clone())
            .await;
        let answer = call.end(answer, || CallInput::Search {
            query: query.clone(),
            limit,
            cursor: cursor.map(str::to_owned),
        });
        call::told(&span, answer)
    }

    /// Asks a mapper for the diseases named in `documents`.
    pub async fn find(
        &self,
        as_of: NaiveDate,
        molecule: Option<&Molecule>,
        documents: &[Document],
    ) -> Result<Vec<Finding>, PluginError> {
        let span = call::span(self, "find");
        let mut call = call::begun(&span, Call::begin(self, "find", as_of)).await?;
        let answer = call::find(&mut call, molecule, documents)
            .instrument(span.clone())
            .await;
        let answer = call.end(answer, || CallInput::Find {
            molecule: molecule.cloned(),
            documents: documents.to_vec(),
        });
        call::told(&span, answer)
    }

    /// Asks a reranker for names, features and scores of `candidates`, all of one instance.
    pub async fn rerank(
        &self,
        query: &Query,
        candidates: &[Candidate],
    ) -> Result<Reranked, PluginError> {
        let span = call::span(self, "rerank");
        let mut call = call::begun(&span, Call::begin(self, "rerank", query.as_of)).await?;
        let answer = call::rerank(&mut call, query, candidates)
            .instrument(span.clone())
            .await;
        let answer = call.end(answer, || CallInput::Rerank {
            query: query.clone(),
            candidates: candidates.to_vec(),
        });
        call::told(&span, answer)
    }

    /// Lets the guest check itself with the slot's configuration and artifact: what to do before
    /// a slot is switched to it. Always in a fresh instance, whatever the breaker says.
    pub async fn self_test(&self, as_of: NaiveDate) -> Result<(), PluginError> {
        let span = call::span(self, "self-test");
        let begin = Call::begin_unguarded(self, "self-test", as_of);
        let mut call = call::begun(&span, begin).await?;
        let answer = call::self_test(&mut call).instrument(span.clone()).await;
        call::told(&span, call.end_untaped(answer))
    }

    pub(crate) fn kept(&self) -> Option<&Arc<Kept>> {
        self.kept.as_ref()
    }

    pub(crate) fn corpus(&self) -> Arc<dyn CorpusSearch> {
        let own = || Arc::clone(&self.plugin.shared().corpus);
        self.outside.corpus.clone().unwrap_or_else(own)
    }

    pub(crate) fn egress(&self) -> Arc<Egress> {
        let own = || Arc::clone(&self.plugin.shared().egress);
        self.outside.egress.clone().unwrap_or_else(own)
    }

    /// A slot for calls that are apart from all others: a guard of its own, no fallback, fresh
    /// instances only, and `outside` in place of the host's corpus and network.
    pub(crate) fn set_apart(&self, outside: Outside) -> Self {
        let mut apart = self.clone();
        // It counts and never opens: what is tried here fails on purpose at times.
        apart.guard = Arc::new(Guard::new(BreakerSettings {
            failures_in_a_row: u32::MAX,
            failure_rate: f64::INFINITY,
            ..BreakerSettings::default()
        }));
        apart.fallback = None;
        apart.kept = None;
        apart.tape = None;
        apart.outside = outside;
        apart
    }

    /// The same with kept instances of its own, where the manifest asks for any.
    pub(crate) fn with_kept_instances(&self) -> Self {
        let mut keeping = self.clone();
        keeping.kept = Kept::of(&self.plugin);
        keeping
    }

    pub(crate) fn tape(&self) -> Option<&Arc<Tape>> {
        self.tape.as_ref()
    }

    /// Its guests, and those of what it falls back to, search this corpus from now on.
    fn read(&mut self, corpus: &Arc<dyn CorpusSearch>) {
        self.outside.corpus = Some(Arc::clone(corpus));
        if let Some(fallback) = &mut self.fallback {
            Arc::make_mut(fallback).read(corpus);
        }
    }

    /// Its calls, and those of what it falls back to, are written down from now on.
    pub(crate) fn taped(&mut self, tape: &Arc<Tape>) {
        self.tape = Some(Arc::clone(tape));
        if let Some(fallback) = &mut self.fallback {
            Arc::make_mut(fallback).taped(tape);
        }
    }
}

impl fmt::Debug for ActiveSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (slot, generation) = (&self.slot, self.generation);
        write!(f, "slot `{slot}` at {generation} with {:?}", self.plugin)
    }
}
