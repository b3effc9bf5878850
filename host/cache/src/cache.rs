//! The cache as its callers see it: memory, bounded by bytes, over an optional tier that processes
//! share.
//!
//! A hit in memory hands out a shared value, decodes nothing and asks nobody.

use std::{
    fmt::Display,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::DateTime;
use moka::future::Cache as Moka;
use phagen_domain::{
    clock::{Clock, FixedClock},
    digest::Digest,
    result::{Stale, StaleReason},
};
use phagen_store::CacheTier;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Semaphore;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    class::{Ask, CacheClass, CacheSettings},
    entry::{ByEntry, Entry},
    flight::Origin,
    patience::Patience,
    scope::Counters,
    shared::{Shared, count},
    tier::Guarded,
    turn::Accept,
};

const MEMORY: &str = "memory";
/// Answers that are renewed at once.
const N_RENEWALS: usize = 4;
/// Answers that are on their way to the tier at once; more are not written.
const N_WRITES: usize = 64;

/// See the crate's documentation. Ends its tasks when dropped; [`Cache::close`] waits for them.
pub struct Cache {
    pub(crate) shared: Arc<Shared>,
    _stop: DropGuard,
}

/// A value, and how it came.
#[derive(Debug)]
pub struct Cached<T> {
    pub value: Arc<T>,
    /// It was there already, or another caller loaded it.
    pub cached: bool,
    /// It is past its time.
    pub stale: Option<Stale>,
}

/// How the tier behind memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TierHealth {
    pub name: &'static str,
    pub is_answering: bool,
}

impl Cache {
    /// In memory alone.
    pub fn new(settings: CacheSettings, clock: Arc<dyn Clock>) -> Self {
        Self::build(settings, clock, None)
    }

    /// Neither reads nor writes.
    pub fn off() -> Self {
        let settings = CacheSettings {
            enabled: false,
            ..CacheSettings::default()
        };
        Self::new(settings, Arc::new(FixedClock(DateTime::UNIX_EPOCH)))
    }

    /// In memory over `tier`, which need not answer now. A cache that is off leaves it alone.
    pub async fn over(
        settings: CacheSettings,
        clock: Arc<dyn Clock>,
        tier: Arc<dyn CacheTier>,
    ) -> Self {
        if !settings.enabled {
            return Self::new(settings, clock);
        }
        let cache = Self::build(settings, clock, Some(tier));
        let shared = Arc::clone(&cache.shared);
        shared.look().await;
        cache.shared.tasks.spawn(async move {
            let stop = shared.stop.clone();
            stop.run_until_cancelled(shared.watch()).await;
        });
        cache
    }

    fn build(
        settings: CacheSettings,
        clock: Arc<dyn Clock>,
        tier: Option<Arc<dyn CacheTier>>,
    ) -> Self {
        let tasks = TaskTracker::new();
        let guarded = |tier| Guarded::new(tier, &settings, tasks.clone());
        let tier = tier.map(guarded).map(Arc::new);
        let entries = Moka::builder()
            .max_capacity(settings.max_bytes)
            .weigher(|_, entry: &Entry| entry.weight())
            .expire_after(ByEntry)
            .build();
        let stop = CancellationToken::new();
        Self {
            shared: Arc::new(Shared {
                settings,
                entries,
                tier,
                renewals: Arc::new(Semaphore::new(N_RENEWALS)),
                writes: Arc::new(Semaphore::new(N_WRITES)),
                tasks,
                stop: stop.clone(),
                counters: Counters::new(),
                patience: <[Patience; CacheClass::ALL.len()]>::default(),
                clock,
            }),
            _stop: stop.drop_guard(),
        }
    }

    /// What a source answered: see [`Cache::get_or_load`].
    pub async fn retrieval<T, E, F>(
        &self,
        source: &str,
        molecule: &str,
        key: Digest,
        load: impl Fn() -> F + Send + Sync,
    ) -> Result<Cached<T>, Arc<E>>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        E: Display + Send + Sync + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let ask = Ask {
            class: CacheClass::Retrieval,
            source,
            molecule,
            key,
        };
        self.get_or_load(ask, load).await
    }

    /// What a mapper or a reranker answered: see [`Cache::get_or_load`].
    pub async fn guest_output<T, E, F>(
        &self,
        source: &str,
        molecule: &str,
        key: Digest,
        load: impl Fn() -> F + Send + Sync,
    ) -> Result<Cached<T>, Arc<E>>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        E: Display + Send + Sync + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let ask = Ask {
            class: CacheClass::GuestOutput,
            source,
            molecule,
            key,
        };
        self.get_or_load(ask, load).await
    }

    /// The answer, loaded when it is not kept. Callers that miss at the same time wait for one load;
    /// when it fails, all of them get its error and nothing is kept. A caller that goes away mid-load
    /// leaves the load to the next. An answer past its time is handed out all the same, as long as
    /// its class allows; `load` then runs behind its reader.
    pub async fn get_or_load<T, E, F>(
        &self,
        ask: Ask<'_>,
        load: impl Fn() -> F + Send + Sync,
    ) -> Result<Cached<T>, Arc<E>>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        E: Display + Send + Sync + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let (class, shared) = (ask.class, &self.shared);
        if !shared.settings.enabled {
            count(class, "none", "off");
            return load().await.map(Cached::fresh).map_err(Arc::new);
        }
        let key = shared.scoped(&ask);
        if let Some(entry) = shared.entries.get(&key).await {
            if let Some(kept) = shared.answer(class, key, &entry, &load) {
                count(class, MEMORY, kept.outcome());
                return Ok(kept);
            }
            shared.entries.invalidate(&key).await;
        }
        let origin = Mutex::new(None);
        let fetch = async {
            let fetched = shared.fetch(class, key, Accept::Usable, &load).await;
            fetched.map(|(entry, from)| {
                *origin.lock().unwrap_or_else(PoisonError::into_inner) = Some(from);
                entry
            })
        };
        let entry = shared.entries.try_get_with(key, fetch).await?;
        let origin = origin.into_inner().unwrap_or_else(PoisonError::into_inner);
        count(
            class,
            MEMORY,
            if origin.is_some() { "miss" } else { "shared" },
        );
        let answered = shared.answer(class, key, &entry, &load);
        // The key names the operation, so the type under it is always the one put there; and what
        // was only just fetched may be past a lifetime of nothing.
        Ok(answered
            .unwrap_or_else(|| Cached {
                value: entry.value().expect("one operation has one type of answer"),
                cached: true,
                stale: None,
            })
            .come_from(origin))
    }

    /// How the tier behind memory is; none when there is none.
    pub fn tier_health(&self) -> Option<TierHealth> {
        self.shared.tier.as_ref().map(|tier| TierHealth {
            name: tier.name(),
            is_answering: tier.is_answering(),
        })
    }

    /// Bytes kept in memory now, after pending evictions.
    pub async fn weighted_bytes(&self) -> u64 {
        self.shared.entries.run_pending_tasks().await;
        self.shared.entries.weighted_size()
    }

    /// Waits until all that was loaded is in the tier, and nothing runs behind its callers any more.
    pub async fn close(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl<T> Cached<T> {
    fn fresh(value: T) -> Self {
        Self {
            value: Arc::new(value),
            cached: false,
            stale: None,
        }
    }

    fn come_from(self, origin: Option<Origin>) -> Self {
        Self {
            cached: origin != Some(Origin::Loader),
            ..self
        }
    }

    fn outcome(&self) -> &'static str {
        match &self.stale {
            None => "hit",
            Some(stale) if stale.reason == StaleReason::LoadFailed => "stale_if_error",
            Some(_) => "stale",
        }
    }
}
