//! What lies behind a cache in memory: bytes under a digest until they expire, locks that run out,
//! and counters by which whole groups of answers become unreachable. A tier only saves time: losing
//! it, or all that is in it, changes no answer.

use std::time::Duration;

use async_trait::async_trait;
use phagen_domain::digest::Digest;
use uuid::Uuid;

/// A tier did not do what it was asked to. Its caller goes on without it.
#[derive(Debug, thiserror::Error)]
#[error("the cache's tier failed to {tried}")]
pub struct CacheTierError {
    tried: &'static str,
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
}

impl CacheTierError {
    pub fn new(
        tried: &'static str,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            tried,
            cause: cause.into(),
        }
    }
}

/// The counters of a tier, as they stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Generations {
    /// Another one whenever anything here is another.
    pub version: String,
    /// Made with the counters. Where they were lost and begin anew, it tells them from those before.
    pub base: Uuid,
    /// Counters that were ever moved; the others stand at 0.
    pub buckets: Vec<(u16, u64)>,
}

/// Shared by every process that names the same one.
#[async_trait]
pub trait CacheTier: Send + Sync {
    /// As metrics and probes call it.
    fn name(&self) -> &'static str;

    async fn get(&self, key: Digest) -> Result<Option<Vec<u8>>, CacheTierError>;

    async fn put(
        &self,
        key: Digest,
        value: &[u8],
        lifetime: Duration,
    ) -> Result<(), CacheTierError>;

    /// Whether `token` holds the lock now. A tier of one machine may always say yes: two processes
    /// then do the same work, and both are right.
    async fn lock(
        &self,
        key: Digest,
        token: Uuid,
        lifetime: Duration,
    ) -> Result<bool, CacheTierError>;

    /// Gives the lock back, if `token` still holds it.
    async fn unlock(&self, key: Digest, token: Uuid) -> Result<(), CacheTierError>;

    /// The counters; none while their version is `known`.
    async fn generations(&self, known: &str) -> Result<Option<Generations>, CacheTierError>;

    /// Moves one counter on.
    async fn bump(&self, bucket: u16) -> Result<(), CacheTierError>;
}
