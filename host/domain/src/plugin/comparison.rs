//! Two versions at the same work: what a trial saw, and when that is good enough.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::SlotName;
use crate::{digest::Digest, job::JobId};

/// One job on which a candidate worked beside what serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    pub job: JobId,
    pub slot: SlotName,
    pub serving: Digest,
    pub candidate: Digest,
    pub at: DateTime<Utc>,
    pub outcome: ComparisonOutcome,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ComparisonOutcome {
    Compared(Compared),
    /// The candidate did not answer; `code` is a plugin error's.
    Failed {
        code: String,
        message: String,
    },
}

/// How far two answers agree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Kendall's tau-b of the two orders, −1 to 1; 1 where fewer than two things were ranked.
    pub kendall_tau: f64,
    /// Part of the first ten that both share, 0 to 1.
    pub overlap_at_10: f64,
    /// Largest difference between two scores of one thing.
    pub max_score_change: f64,
    pub serving_milliseconds: f64,
    pub candidate_milliseconds: f64,
    /// Evidence ids (for a mapper: descriptors), best first, at most 100.
    pub serving_ranking: Vec<String>,
    pub candidate_ranking: Vec<String>,
}
