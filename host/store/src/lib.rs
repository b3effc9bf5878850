//! The database as the rest of the house sees it: one trait, one state machine, one conformance
//! suite. The database is the truth; nothing here knows SQL, and no driver knows HTTP.
//!
//! # The life of a job
//!
//! `queued → running → succeeded | failed | cancelled`. Queued with `run_at` in the future is
//! scheduled, or waits for its retry. A discarded job is `failed` with `retryable: false`.
//! An attempt counts when it is claimed, so that a guest that kills the process uses one up. Every
//! write of a worker carries its lease token; a token that is no longer the row's changes nothing
//! and answers [`StoreError::LeaseLost`]. Queue times come from the database's own clock, in whole
//! milliseconds.
//!
//! A cancellation that was asked for ends the job at the next step that would have let it run on:
//! its acknowledgement, a retryable failure, a release or the reaper. A worker that finishes first
//! has won, and the result is kept.

mod access;
mod audit;
mod cache;
#[cfg(feature = "conformance")]
pub mod conformance;
mod corpus;
mod queue;
mod registry;
mod transfer;
mod upkeep;
mod vote;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use phagen_domain::{
    digest::Digest,
    job::{JobId, JobStatus},
    plugin::VersionState,
};

pub use access::{ApiKey, InvalidScope, KeyStore, NewApiKey, Scope, Scopes, Standing};
pub use audit::{
    AuditChange, AuditFault, AuditHead, AuditRow, AuditStore, AuditWalk, RunningSettings,
};
pub use cache::{CacheTier, CacheTierError, Generations};
pub use corpus::{CorpusSnapshot, CorpusStore, NewSnapshot};
pub use queue::{
    CancelOutcome, ClaimedJob, Enqueued, IdempotencyKey, JobEvent, JobFilter, JobPage, JobSummary,
    NewJob, QueueStats, QueueStore, Renewal, RetryPolicy,
};
pub use registry::{
    COMPARISONS_KEPT, EventFilter, HostReport, Moved, NewVersion, RegistryStore, SlotMove,
    VersionMove,
};
pub use transfer::{TableShape, TableSum};
pub use upkeep::{Pruned, Retention, UpkeepStore};
pub use vote::{FeedbackStats, FeedbackStore};

/// What went wrong, for the caller to branch on.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("lease on job `{0}` was lost: another worker may hold it, or it ended")]
    LeaseLost(JobId),
    #[error("job `{0}` does not exist")]
    UnknownJob(JobId),
    #[error("job `{id}` is already {}", status.as_str())]
    AlreadyFinished { id: JobId, status: JobStatus },
    #[error(
        "job `{id}` is {}: only one that failed or was cancelled is tried again", status.as_str()
    )]
    NotRetryable { id: JobId, status: JobStatus },
    #[error("idempotency key `{0}` was used for another request")]
    KeyReused(String),
    #[error("slot `{0}` does not exist")]
    UnknownSlot(String),
    #[error(
        "slot `{slot}` is at generation {found}, not {expected}: read it again, then repeat the change"
    )]
    GenerationMoved {
        slot: String,
        expected: u64,
        found: u64,
    },
    #[error("slot `{0}` exists already: name its generation to change it")]
    SlotExists(String),
    #[error("no plugin version `{0}` is stored: upload it first")]
    UnknownVersion(Digest),
    #[error("plugin version `{digest}` is `{}`, not `{}`: read it again", found.as_str(), expected.as_str())]
    VersionMoved {
        digest: Digest,
        expected: VersionState,
        found: VersionState,
    },
    #[error(
        "plugin version `{digest}` is `{}` and may not serve: take another version{}",
        state.as_str(), unless(*state)
    )]
    VersionMayNotServe { digest: Digest, state: VersionState },
    #[error(
        "plugin version `{0}` serves or is tried in a slot: take it out of every slot first, then quarantine it"
    )]
    VersionServes(Digest),
    #[error("no publisher key is named `{0}`")]
    UnknownKey(String),
    #[error(
        "another publisher key is named `{0}`: revoke it, then add the new one under a new name"
    )]
    KeyExists(String),
    #[error("this publisher key is stored already, under the name `{0}`: use that name")]
    KeyHeld(String),
    #[error(
        "{limit} jobs of key `{tenant}` are queued, and no more may be: submit again when some have begun"
    )]
    QueueFull { tenant: String, limit: u32 },
    #[error("no API key is named `{0}`: `phagen key list` shows those that there are")]
    UnknownApiKey(String),
    #[error("an API key was named `{0}` before, and names are used once: take another")]
    ApiKeyExists(String),
    #[error(
        "another import was published meanwhile: corpus snapshot {found} serves, not {expected}; import again"
    )]
    SnapshotMoved { expected: u64, found: u64 },
    #[error("`{0}` is not a cursor of this listing")]
    InvalidCursor(String),
    #[error("row of `{table}` cannot be read: {reason}")]
    CorruptRow { table: &'static str, reason: String },
    #[error("database `{path}` cannot be used: {reason}")]
    Unusable { path: String, reason: String },
    #[error(
        "database `{path}` has schema {found}, and this binary knows none newer than {known}: upgrade phagen, or name another `data_dir` or database URL"
    )]
    NewerSchema {
        path: String,
        found: i64,
        known: i64,
    },
    #[error("database failed to {tried}")]
    Database {
        tried: &'static str,
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It passes by itself: the connection was lost or none was free, the server is restarting, or
    /// another transaction came first. Whether the call took effect is not known.
    #[error("database was not there to {tried}: try again soon")]
    Unavailable {
        tried: &'static str,
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// Whether the same call may succeed in a moment.
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// What helps a version that may not serve, besides another one.
fn unless(state: VersionState) -> &'static str {
    match state {
        VersionState::Quarantined => ", or force it with a reason",
        state if state.awaits_a_gate() => ", or wait until it is `checked`",
        _ => "",
    }
}

/// Connections that one pool has open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    pub name: &'static str,
    pub n_used: u32,
    pub n_idle: u32,
    pub n_most: u32,
}

impl PoolUse {
    /// `n_open` and `n_idle` are not of one instant, so one may have overtaken the other.
    pub fn new(name: &'static str, n_open: u32, n_idle: usize, n_most: u32) -> Self {
        let n_idle = u32::try_from(n_idle).unwrap_or(n_open).min(n_open);
        Self {
            name,
            n_used: n_open - n_idle,
            n_idle,
            n_most,
        }
    }
}

/// Everything a driver offers.
#[async_trait]
pub trait Store:
    QueueStore + RegistryStore + FeedbackStore + UpkeepStore + KeyStore + AuditStore + CorpusStore
{
    /// Cheapest proof that the database answers: its own current time.
    async fn ping(&self) -> Result<DateTime<Utc>, StoreError>;

    /// Version of the newest migration that has been applied.
    async fn schema_version(&self) -> Result<i64, StoreError>;

    /// Version of the newest migration that this binary knows.
    fn newest_schema(&self) -> i64;

    /// How the connections of this process are used now; nothing where there are none.
    fn pools(&self) -> Vec<PoolUse> {
        Vec::new()
    }

    /// A place for answers that other processes on the same database find, of `max_bytes` or little
    /// more; none where answers do not belong into the database.
    fn cache_tier(&self, _max_bytes: u64) -> Option<Arc<dyn CacheTier>> {
        None
    }
}
