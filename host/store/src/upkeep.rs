//! Work that is nobody's in particular: what comes round again and again, and what is forgotten.
//! There is no scheduler: any process may take a tick, and the database gives it to one.

use std::time::Duration;

use async_trait::async_trait;
use phagen_domain::{digest::Digest, job::JobId};

use crate::StoreError;

/// How long jobs are kept after their end; none keeps them for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    pub succeeded: Option<Duration>,
    pub failed: Option<Duration>,
    pub cancelled: Option<Duration>,
}

/// What was forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pruned {
    pub n_jobs: u64,
    /// That the results named, each with its job.
    pub recordings: Vec<(JobId, Digest)>,
}

#[async_trait]
pub trait UpkeepStore: Send + Sync {
    /// Takes the tick of a chore: true for one caller in every `every`, by the database's clock,
    /// however many ask. Whoever takes it and dies has it done at the next.
    async fn take_tick(&self, chore: &str, every: Duration) -> Result<bool, StoreError>;

    /// Forgets jobs that ended longer ago than `kept` says, with their events and idempotency keys:
    /// the oldest first, at most `limit` at once, so that no transaction grows long. Votes stay.
    /// Tells how many it forgot, and which recordings nobody names any more for it.
    async fn prune_jobs(&self, kept: Retention, limit: u32) -> Result<Pruned, StoreError>;

    /// Forgets idempotency keys that ran out, of requests and of moves, at most `limit` of each.
    /// Returns how many. A key that ran out means nothing whether it is forgotten or not.
    async fn expire_keys(&self, limit: u32) -> Result<u64, StoreError>;
}
