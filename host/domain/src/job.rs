//! The work a request asks for, and the states it goes through.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{plugin::SlotName, result::JobResult};

/// A `UUIDv7`, so that ids sort by the time of their making.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[schema(value_type = String, format = Uuid)]
pub struct JobId(pub Uuid);

impl JobId {
    #[expect(clippy::new_without_default, reason = "every call makes another id")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for JobId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// What is asked, already checked at the door.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct JobRequest {
    /// Name of the molecule: 1 to 200 characters, none of them a control character, not blank.
    pub molecule: String,
    pub smiles: Option<String>,
    pub synonyms: Vec<String>,
    /// Slots to ask; none for all.
    pub sources: Option<Vec<SlotName>>,
    /// Pieces of evidence kept per kind.
    pub limit: u32,
    /// Keep every call of a guest with its inputs, so that it can be run again. Nothing is taken
    /// from the cache then.
    #[serde(default)]
    pub record: bool,
}

impl JobRequest {
    pub const MAX_NAME_CHARS: usize = 200;
    pub const MAX_SMILES_CHARS: usize = 2_000;
    pub const MAX_SMILES_ATOMS: usize = 1_000;
    pub const MAX_SYNONYMS: usize = 50;
    pub const DEFAULT_LIMIT: u32 = 20;
    pub const MAX_LIMIT: u32 = 100;
}

/// How soon a job is taken: 1 is urgent, 2 is usual, 3 can wait, 4 is for bulk. A job that waits
/// gains one step an hour ([`Priority::STEP`]), so that none waits for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Priority(u8);

impl Priority {
    pub const URGENT: Self = Self(1);
    pub const NORMAL: Self = Self(2);
    pub const BULK: Self = Self(4);
    /// A job of one priority goes before one of the next that waits for no longer than this more.
    pub const STEP: Duration = Duration::from_hours(1);

    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::NORMAL
    }
}

/// Why a number is no priority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is {0}: expected 1 (urgent) to 4 (bulk)")]
pub struct InvalidPriority(u32);

impl TryFrom<u32> for Priority {
    type Error = InvalidPriority;

    fn try_from(number: u32) -> Result<Self, InvalidPriority> {
        u8::try_from(number)
            .ok()
            .filter(|number| (Self::URGENT.0..=Self::BULK.0).contains(number))
            .map(Self)
            .ok_or(InvalidPriority(number))
    }
}

impl TryFrom<u8> for Priority {
    type Error = InvalidPriority;

    fn try_from(number: u8) -> Result<Self, InvalidPriority> {
        u32::from(number).try_into()
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

/// The right to run a job until a time. The token fences every later write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub job_id: JobId,
    pub token: Uuid,
    pub until: DateTime<Utc>,
}

/// Why a job failed for good, or waits for its next attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobFailure {
    pub message: String,
    /// False: no further attempt is made, now or by itself.
    pub retryable: bool,
}

/// A result belongs to success, a reason to failure.
#[derive(Debug, Clone, PartialEq)]
pub enum JobState {
    /// With `run_at` in the future it is scheduled, or waits for its retry.
    Queued {
        run_at: DateTime<Utc>,
    },
    Running {
        lease_until: DateTime<Utc>,
        cancel_requested: bool,
    },
    Succeeded {
        result: Box<JobResult>,
        finished_at: DateTime<Utc>,
    },
    Failed {
        failure: JobFailure,
        finished_at: DateTime<Utc>,
    },
    Cancelled {
        finished_at: DateTime<Utc>,
    },
}

impl JobState {
    pub fn status(&self) -> JobStatus {
        match self {
            Self::Queued { .. } => JobStatus::Queued,
            Self::Running { .. } => JobStatus::Running,
            Self::Succeeded { .. } => JobStatus::Succeeded,
            Self::Failed { .. } => JobStatus::Failed,
            Self::Cancelled { .. } => JobStatus::Cancelled,
        }
    }
}

/// The name of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl JobStatus {
    pub const ALL: [Self; 5] = [
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    pub fn is_finished(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// The steps of an analysis, in order.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Resolve,
    Gather,
    Merge,
    Rerank,
    Map,
    Assess,
    Narrate,
}

impl Stage {
    pub const ALL: [Self; 7] = [
        Self::Resolve,
        Self::Gather,
        Self::Merge,
        Self::Rerank,
        Self::Map,
        Self::Assess,
        Self::Narrate,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Gather => "gather",
            Self::Merge => "merge",
            Self::Rerank => "rerank",
            Self::Map => "map",
            Self::Assess => "assess",
            Self::Narrate => "narrate",
        }
    }
}

/// How far a running job is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Progress {
    pub stage: Stage,
    /// Such as `4 of 5 sources answered`.
    pub detail: String,
}

/// A job as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub id: JobId,
    pub request: JobRequest,
    pub state: JobState,
    /// Attempts begun; counted at claim.
    pub attempt: u32,
    pub max_attempts: u32,
    pub progress: Option<Progress>,
    pub created_at: DateTime<Utc>,
    pub priority: Priority,
    /// Name of the key that it was submitted with; none: nobody's.
    pub tenant: Option<String>,
    /// W3C's `traceparent` of the request that made it.
    pub trace_parent: Option<String>,
}
