//! The named places that plugins serve in, and what a job asks of them.

use std::sync::Arc;

use chrono::NaiveDate;
use phagen_domain::{
    digest::Digest,
    evidence::{Candidate, EvidenceId, Page, Passage},
    finding::Finding,
    molecule::Molecule,
    plugin::Slot,
    query::Query,
};

use tracing::Instrument;

use crate::{
    PluginError,
    call::{self, Call},
    host::Plugin,
};

/// Weights or tables that an operator paired with a plugin.
#[derive(Clone)]
pub struct Artifact {
    pub name: String,
    pub digest: Digest,
    pub bytes: Arc<[u8]>,
}

/// One piece of evidence as a mapper reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub evidence_id: EvidenceId,
    /// The title first, as ordinal 0.
    pub passages: Vec<Passage>,
}

/// What a reranker says of a list of candidates, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Reranked {
    pub feature_names: Vec<String>,
    /// A row per candidate, a column per name, all finite.
    pub features: Vec<Vec<f32>>,
    /// One per candidate, finite; higher is better.
    pub scores: Vec<f32>,
}

/// A slot with everything needed to call its guest.
///
/// Every method runs in a fresh instance, which is gone when the method returns, and yields to
/// tokio at each tick of the engine (5 ms): a guest that computes for seconds does not keep timers
/// and sockets of the same thread waiting. Dropping the future ends the guest. All need a tokio
/// runtime with its timer.
#[derive(Clone)]
pub struct ActiveSlot {
    pub slot: Slot,
    pub plugin: Plugin,
    pub artifact: Option<Artifact>,
}

/// The whole set that a job reads once, so that it never sees half of a change. Share it as an
/// `Arc<SlotSet>`; a clone copies the rows.
#[derive(Clone)]
pub struct SlotSet {
    pub sources: Vec<ActiveSlot>,
    pub mapper: ActiveSlot,
    pub reranker: ActiveSlot,
}

impl SlotSet {
    /// Sources in order, then mapper and reranker.
    pub fn iter(&self) -> impl Iterator<Item = &ActiveSlot> {
        self.sources.iter().chain([&self.mapper, &self.reranker])
    }
}

impl ActiveSlot {
    /// Asks a source for at most `limit` candidates from `cursor` on.
    pub async fn search(
        &self,
        query: &Query,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page, PluginError> {
        let span = self.span("search");
        let mut call = Call::begin(self, "search", query.as_of)
            .instrument(span.clone())
            .await?;
        let answer = call::search(&mut call, query, limit, cursor)
            .instrument(span)
            .await;
        call.end(answer)
    }

    /// Asks a mapper for the diseases named in `documents`.
    pub async fn find(
        &self,
        as_of: NaiveDate,
        molecule: Option<&Molecule>,
        documents: &[Document],
    ) -> Result<Vec<Finding>, PluginError> {
        let span = self.span("find");
        let mut call = Call::begin(self, "find", as_of)
            .instrument(span.clone())
            .await?;
        let answer = call::find(&mut call, molecule, documents)
            .instrument(span)
            .await;
        call.end(answer)
    }

    /// Asks a reranker for names, features and scores of `candidates`, all of one instance.
    pub async fn rerank(
        &self,
        query: &Query,
        candidates: &[Candidate],
    ) -> Result<Reranked, PluginError> {
        let span = self.span("rerank");
        let mut call = Call::begin(self, "rerank", query.as_of)
            .instrument(span.clone())
            .await?;
        let answer = call::rerank(&mut call, query, candidates)
            .instrument(span)
            .await;
        call.end(answer)
    }

    /// Lets the guest check itself with the slot's configuration and artifact: what to do before
    /// a slot is switched to it.
    pub async fn self_test(&self, as_of: NaiveDate) -> Result<(), PluginError> {
        let span = self.span("self-test");
        let mut call = Call::begin(self, "self-test", as_of)
            .instrument(span.clone())
            .await?;
        let answer = call::self_test(&mut call).instrument(span).await;
        call.end(answer)
    }

    fn span(&self, call: &'static str) -> tracing::Span {
        tracing::info_span!(
            "plugin_call",
            slot = self.slot.name.as_str(),
            plugin = self.plugin.name(),
            digest = self.plugin.label(),
            call,
        )
    }
}
