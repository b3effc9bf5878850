//! What users say of evidence, and what training needs to know of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    evidence::{EvidenceId, EvidenceKind},
    job::JobId,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Vote {
    Upvote,
    Downvote,
    /// Wrong or misleading: counted, never trained on.
    Flag,
}

impl Vote {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upvote => "upvote",
            Self::Downvote => "downvote",
            Self::Flag => "flag",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Upvote, Self::Downvote, Self::Flag]
            .into_iter()
            .find(|vote| vote.as_str() == name)
    }
}

/// One vote with the state it was cast in. One per voter, job and evidence; the last wins. It
/// outlives its job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    pub job_id: JobId,
    pub evidence_id: EvidenceId,
    pub kind: EvidenceKind,
    pub vote: Vote,
    pub comment: Option<String>,
    /// A key's id, or `anonymous`.
    pub voter: String,
    /// Name of the molecule asked for: votes of one molecule make one training query.
    pub molecule: String,
    /// 1-based rank, within its kind, that the voter saw.
    pub rank: u32,
    pub reranker_digest: Digest,
    pub artifact_digest: Option<Digest>,
    pub feature_names: Vec<String>,
    pub features: Vec<f32>,
    pub text_digest: Digest,
    pub created_at: DateTime<Utc>,
}

/// Votes counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VoteCounts {
    pub upvotes: u64,
    pub downvotes: u64,
    pub flags: u64,
}
