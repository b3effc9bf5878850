//! The answer to a job.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    assessment::Assessment,
    digest::Digest,
    evidence::{Evidence, EvidenceId, EvidenceKind, Signal},
    molecule::ResolvedMolecule,
    plugin::{SlotName, World},
    story::Sentence,
    suggestion::Suggestion,
};

/// Which plugin brought a piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Provenance {
    pub slot: SlotName,
    #[schema(value_type = String)]
    pub plugin_digest: Digest,
    #[schema(value_type = Option<String>)]
    pub artifact_digest: Option<Digest>,
}

/// Evidence in its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RankedEvidence {
    #[serde(flatten)]
    pub evidence: Evidence,
    /// 1-based, within its kind.
    pub rank: u32,
    /// The reranker's output; comparable across kinds of one job, not across jobs.
    pub score: f32,
    pub signals: Vec<Signal>,
    /// The reranker's features, in the order of [`Reranking::feature_names`].
    pub features: Vec<f32>,
    /// Every source that brought it.
    pub provenance: Vec<Provenance>,
    /// Evidence with nearly the same text that was folded into this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same_text_as: Vec<EvidenceId>,
    #[schema(value_type = String)]
    pub text_digest: Digest,
}

/// What ordered the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reranking {
    pub slot: SlotName,
    #[schema(value_type = String)]
    pub plugin_digest: Digest,
    #[schema(value_type = Option<String>)]
    pub artifact_digest: Option<Digest>,
    pub feature_names: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceStatus {
    /// It answered with evidence.
    Found,
    /// It answered, and knows nothing of the molecule.
    Empty,
    /// It did not answer; `error` says why.
    Failed,
    /// The request did not name it.
    NotAsked,
}

/// Why an answer past its time was used all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StaleReason {
    /// It is being asked for again; the next job gets what comes.
    Revalidating,
    /// Asking again failed, and the reason may pass.
    LoadFailed,
}

/// A kept answer past its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Stale {
    /// When it was answered.
    pub made_at: DateTime<Utc>,
    pub reason: StaleReason,
}

/// What one source contributed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SourceReport {
    pub slot: SlotName,
    pub plugin: String,
    #[schema(value_type = String)]
    pub plugin_digest: Digest,
    pub status: SourceStatus,
    /// Pieces of evidence it returned.
    pub n_returned: u32,
    /// Of those, left out because neither title nor passages name the molecule.
    pub n_off_topic: u32,
    /// Of those, in the result.
    pub n_kept: u32,
    pub milliseconds: f64,
    pub cached: bool,
    /// Of a cached answer that is past its time; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<Stale>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Where it failed for a reason that may pass by itself; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passing: Option<PassingFailure>,
}

/// A failure that another try may not meet again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PassingFailure {
    /// How long the source asks to be left alone, as by `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_milliseconds: Option<u64>,
}

/// One slot of the set that the job ran with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SlotVersion {
    pub slot: SlotName,
    #[schema(value_type = String)]
    pub world: World,
    pub plugin: String,
    #[schema(value_type = String)]
    pub plugin_digest: Digest,
    #[schema(value_type = Option<String>)]
    pub artifact_digest: Option<Digest>,
    pub generation: u64,
}

/// Everything that touched the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Versions {
    pub phagen: String,
    pub wasmtime: String,
    pub contract: String,
    pub rule_set: String,
    /// Digest of the MeSH vocabulary used for tree numbers.
    #[schema(value_type = String)]
    pub vocabulary_digest: Digest,
    #[schema(value_type = String)]
    pub drug_list_digest: Digest,
    pub corpus_generation: u64,
    /// Names the very index that was searched, which every host that serves it has to the byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub corpus_digest: Option<Digest>,
    pub slots: Vec<SlotVersion>,
}

/// The answer to a job. With nothing found it says so and invents nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobResult {
    pub molecule: ResolvedMolecule,
    #[schema(value_type = String, example = "2026-11-22")]
    pub as_of: NaiveDate,
    /// By kind, best first.
    pub evidence: BTreeMap<EvidenceKind, Vec<RankedEvidence>>,
    pub reranking: Reranking,
    pub repurposing_suggestions: Vec<Suggestion>,
    pub recommendation: Assessment,
    pub innovation_story: Vec<Sentence>,
    pub sources: Vec<SourceReport>,
    /// Some source failed or a stage fell back; `warnings` says what.
    pub degraded: bool,
    pub warnings: Vec<String>,
    /// Milliseconds by stage.
    pub timings: BTreeMap<String, f64>,
    pub versions: Versions,
    /// The guests' calls, if the request asked to keep them: what `phagen replay` reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub recording: Option<Digest>,
}

impl JobResult {
    pub fn find_evidence(&self, id: &EvidenceId) -> Option<&RankedEvidence> {
        self.evidence
            .values()
            .flatten()
            .find(|ranked| &ranked.evidence.evidence_id == id)
    }
}
