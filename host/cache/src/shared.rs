//! What a cache and the tasks behind it hold together.

use std::{fmt::Display, sync::Arc};

use chrono::{DateTime, Utc};
use moka::future::Cache as Moka;
use phagen_domain::{clock::Clock, digest::Digest, result::Stale};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{sync::Semaphore, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    cache::Cached,
    class::{Ask, CacheClass, CacheSettings},
    entry::Entry,
    patience::Patience,
    scope::Counters,
    tier::Guarded,
};

/// What the tasks of a cache hold, too.
pub(crate) struct Shared {
    pub(crate) settings: CacheSettings,
    pub(crate) entries: Moka<Digest, Entry>,
    pub(crate) tier: Option<Arc<Guarded>>,
    pub(crate) renewals: Arc<Semaphore>,
    pub(crate) writes: Arc<Semaphore>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    pub(crate) counters: Counters,
    pub(crate) patience: [Patience; CacheClass::ALL.len()],
    pub(crate) clock: Arc<dyn Clock>,
}

impl Shared {
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().timestamp_millis()
    }

    pub(crate) fn patience(&self, class: CacheClass) -> &Patience {
        &self.patience[class as usize]
    }

    pub(crate) fn scoped(&self, ask: &Ask<'_>) -> Digest {
        self.counters.scoped(ask, &self.settings.producer)
    }

    /// The kept answer as its caller gets it; none when its time is over, or it is no `T`.
    pub(crate) fn answer<T, E, F>(
        self: &Arc<Self>,
        class: CacheClass,
        key: Digest,
        entry: &Entry,
        load: impl FnOnce() -> F,
    ) -> Option<Cached<T>>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        E: Display + Send + Sync + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let now = self.now();
        if !entry.times.is_usable(now) {
            return None;
        }
        let value = entry.value()?;
        let stale = (!entry.times.is_fresh(now)).then(|| Stale {
            made_at: made_at(entry),
            reason: self.renew(class, key, entry, load),
        });
        Some(Cached {
            value,
            cached: true,
            stale,
        })
    }

    pub(crate) async fn look(&self) {
        if let Some(tier) = &self.tier {
            tier.look(&self.counters).await;
        }
    }

    /// Follows what other processes forget, and sees when a silent tier is back.
    pub(crate) async fn watch(&self) {
        while let Some(tier) = &self.tier {
            sleep(tier.pause()).await;
            tier.look(&self.counters).await;
        }
    }
}

fn made_at(entry: &Entry) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(entry.times.created).unwrap_or(DateTime::UNIX_EPOCH)
}

pub(crate) fn count(class: CacheClass, tier: &'static str, outcome: &'static str) {
    metrics::counter!(
        "phagen_cache_requests_total",
        "class" => class.as_str(),
        "tier" => tier,
        "outcome" => outcome
    )
    .increment(1);
}
