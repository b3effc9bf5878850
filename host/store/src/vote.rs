//! Votes on evidence.

use std::collections::BTreeMap;

use async_trait::async_trait;
use phagen_domain::{
    evidence::{EvidenceId, EvidenceKind},
    feedback::{Feedback, VoteCounts},
    job::JobId,
};

use crate::StoreError;

/// Votes added up across jobs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeedbackStats {
    pub total: VoteCounts,
    pub by_kind: BTreeMap<EvidenceKind, VoteCounts>,
    pub by_evidence: BTreeMap<EvidenceId, VoteCounts>,
}

#[async_trait]
pub trait FeedbackStore: Send + Sync {
    /// One per voter, job and evidence: a later vote replaces the earlier. The job need not exist
    /// any more. Times are kept to the millisecond.
    async fn record_feedback(&self, feedback: &Feedback) -> Result<(), StoreError>;

    /// Votes of one job, oldest first.
    async fn list_job_feedback(&self, job: JobId) -> Result<Vec<Feedback>, StoreError>;

    /// Every vote, oldest first, for training.
    async fn list_feedback(&self) -> Result<Vec<Feedback>, StoreError>;

    async fn feedback_stats(&self) -> Result<FeedbackStats, StoreError>;
}
