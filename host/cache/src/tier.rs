//! The tier behind memory, kept at arm's length: no call of it takes longer than a bound, and after
//! a few failures it is not called at all, until a look in the background finds that it answers.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use phagen_domain::digest::Digest;
use phagen_store::{CacheTier, CacheTierError};
use tokio::time::timeout;
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    breaker::{Breaker, Turn},
    scope::Counters,
};

/// Longest wait for one answer of the tier.
const CALL_TIMEOUT: Duration = Duration::from_millis(300);
/// How often the counters are read, and so the most by which an invalidation elsewhere is late here.
const LOOK: Duration = Duration::from_millis(500);
/// The same while the tier does not answer.
const PROBE: Duration = Duration::from_secs(2);
/// Longest life of a lock whose holder died.
pub(crate) const LOCK_LIFETIME: Duration = Duration::from_secs(20);

pub(crate) struct Guarded {
    tier: Arc<dyn CacheTier>,
    breaker: Mutex<Breaker>,
    /// The counters were read once: before that no key of the tier is known.
    is_known: AtomicBool,
}

impl Guarded {
    pub(crate) fn new(tier: Arc<dyn CacheTier>) -> Self {
        Self {
            tier,
            breaker: Mutex::default(),
            is_known: AtomicBool::new(false),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.tier.name()
    }

    pub(crate) fn is_answering(&self) -> bool {
        self.is_known.load(Ordering::Acquire) && !self.breaker().is_open()
    }

    /// How long to the next look at it.
    pub(crate) fn pause(&self) -> Duration {
        if self.is_answering() { LOOK } else { PROBE }
    }

    pub(crate) async fn get(&self, key: Digest) -> Option<Option<Vec<u8>>> {
        self.ask(self.tier.get(key)).await
    }

    pub(crate) async fn put(&self, key: Digest, value: &[u8], lifetime: Duration) -> Option<()> {
        self.ask(self.tier.put(key, value, lifetime)).await
    }

    pub(crate) async fn lock(&self, key: Digest, token: Uuid) -> Option<bool> {
        self.ask(self.tier.lock(key, token, LOCK_LIFETIME)).await
    }

    pub(crate) async fn unlock(&self, key: Digest, token: Uuid) -> Option<()> {
        self.ask(self.tier.unlock(key, token)).await
    }

    pub(crate) async fn bump(&self, bucket: u16) -> Option<()> {
        self.ask(self.tier.bump(bucket)).await
    }

    /// Reads the counters, and thereby sees whether the tier answers. Before it is called again
    /// after a silence, the counters are those of now.
    pub(crate) async fn look(&self, counters: &Counters) {
        let known = counters.version();
        match bounded(self.tier.generations(&known)).await {
            Ok(generations) => {
                if let Some(generations) = generations {
                    counters.follow(generations);
                }
                self.is_known.store(true, Ordering::Release);
                if self.breaker().close() == Turn::Closed {
                    let name = self.name();
                    info!("cache tier `{name}` answers again");
                }
            }
            Err(error) => self.fail(&error),
        }
    }

    /// None when the tier is not there, or did not answer as it should.
    async fn ask<T>(&self, call: impl Future<Output = Result<T, CacheTierError>>) -> Option<T> {
        if !self.is_answering() {
            return None;
        }
        match bounded(call).await {
            Ok(answer) => {
                self.breaker().succeed();
                Some(answer)
            }
            Err(error) => {
                self.fail(&error);
                None
            }
        }
    }

    fn fail(&self, error: &CacheTierError) {
        if self.breaker().fail() == Turn::Opened {
            let name = self.name();
            let cause = std::error::Error::source(error).map(ToString::to_string);
            warn!(
                error = %error,
                cause = cause.as_deref().unwrap_or_default(),
                "cache tier `{name}` does not answer; calls go on without it until it does"
            );
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn bounded<T>(
    call: impl Future<Output = Result<T, CacheTierError>>,
) -> Result<T, CacheTierError> {
    timeout(CALL_TIMEOUT, call)
        .await
        .unwrap_or_else(|elapsed| Err(CacheTierError::new("answer in time", elapsed)))
}
