//! The tier behind memory, kept at arm's length: whoever asks it waits a few milliseconds and then goes
//! on, while the answer is awaited behind it; no call takes longer than a bound, and after a few
//! failures there are none, until a look in the background finds that the tier answers.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use phagen_domain::digest::Digest;
use phagen_store::{CacheTier, CacheTierError};
use tokio::{sync::Semaphore, task::JoinHandle, time::timeout};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    breaker::{Breaker, Turn},
    class::CacheSettings,
    scope::Counters,
};

/// Answers that are awaited behind those who asked. While there are as many, nobody asks.
const N_LATE: usize = 32;
/// How often the counters are read, and so the most by which an invalidation elsewhere is late here.
const LOOK: Duration = Duration::from_millis(500);
/// The same while the tier does not answer.
const PROBE: Duration = Duration::from_secs(2);
/// Longest life of a lock whose holder died.
pub(crate) const LOCK_LIFETIME: Duration = Duration::from_secs(20);

/// What came of a question.
pub(crate) enum Asked<T> {
    Answered(T),
    /// Not in time. It may still come; none: it failed after all.
    Late(JoinHandle<Option<T>>),
    /// It failed, or was not asked.
    Silent,
}

pub(crate) struct Guarded {
    tier: Arc<dyn CacheTier>,
    /// How long whoever asks waits.
    patience: Duration,
    /// Longest wait for one answer, by whomever.
    timeout: Duration,
    late: Arc<Semaphore>,
    tasks: TaskTracker,
    breaker: Mutex<Breaker>,
    /// The counters were read once: before that no key of the tier is known.
    is_known: AtomicBool,
}

impl Guarded {
    /// `tasks`: where late answers are awaited.
    pub(crate) fn new(
        tier: Arc<dyn CacheTier>,
        settings: &CacheSettings,
        tasks: TaskTracker,
    ) -> Self {
        Self {
            tier,
            patience: settings.tier_patience,
            timeout: settings.tier_timeout,
            late: Arc::new(Semaphore::new(N_LATE)),
            tasks,
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

    pub(crate) async fn get(self: &Arc<Self>, key: Digest) -> Asked<Option<Vec<u8>>> {
        let tier = Arc::clone(&self.tier);
        self.ask(async move { tier.get(key).await }).await
    }

    pub(crate) async fn lock(self: &Arc<Self>, key: Digest, token: Uuid) -> Asked<bool> {
        let tier = Arc::clone(&self.tier);
        self.ask(async move { tier.lock(key, token, LOCK_LIFETIME).await })
            .await
    }

    pub(crate) async fn put(&self, key: Digest, value: &[u8], lifetime: Duration) -> Option<()> {
        self.wait_for(self.tier.put(key, value, lifetime)).await
    }

    pub(crate) async fn unlock(&self, key: Digest, token: Uuid) -> Option<()> {
        self.wait_for(self.tier.unlock(key, token)).await
    }

    pub(crate) async fn bump(&self, bucket: u16) -> Option<()> {
        self.wait_for(self.tier.bump(bucket)).await
    }

    /// Reads the counters, and thereby sees whether the tier answers. Before it is called again
    /// after a silence, the counters are those of now.
    pub(crate) async fn look(&self, counters: &Counters) {
        let known = counters.version();
        match bounded(self.timeout, self.tier.generations(&known)).await {
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

    /// For whom somebody waits.
    async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        call: impl Future<Output = Result<T, CacheTierError>> + Send + 'static,
    ) -> Asked<T> {
        if !self.is_answering() || self.late.available_permits() == 0 {
            return Asked::Silent;
        }
        let mut call = Box::pin(bounded(self.timeout, call));
        match timeout(self.patience, &mut call).await {
            Ok(outcome) => match self.noted(outcome) {
                Some(answer) => Asked::Answered(answer),
                None => Asked::Silent,
            },
            Err(_elapsed) => self.outlast(call),
        }
    }

    /// Leaves the rest of a call to a task, which tells the breaker how it ends.
    fn outlast<T: Send + 'static>(
        self: &Arc<Self>,
        call: Pin<Box<impl Future<Output = Result<T, CacheTierError>> + Send + 'static>>,
    ) -> Asked<T> {
        let Ok(permit) = Arc::clone(&self.late).try_acquire_owned() else {
            return Asked::Silent;
        };
        let guarded = Arc::clone(self);
        Asked::Late(self.tasks.spawn(async move {
            let answer = guarded.noted(call.await);
            drop(permit);
            answer
        }))
    }

    /// For what nobody waits for, or an operator does. None when the tier is not there, or did not
    /// answer as it should.
    async fn wait_for<T>(
        &self,
        call: impl Future<Output = Result<T, CacheTierError>>,
    ) -> Option<T> {
        if !self.is_answering() {
            return None;
        }
        self.noted(bounded(self.timeout, call).await)
    }

    fn noted<T>(&self, outcome: Result<T, CacheTierError>) -> Option<T> {
        match outcome {
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
    longest: Duration,
    call: impl Future<Output = Result<T, CacheTierError>>,
) -> Result<T, CacheTierError> {
    timeout(longest, call)
        .await
        .unwrap_or_else(|elapsed| Err(CacheTierError::new("answer in time", elapsed)))
}
