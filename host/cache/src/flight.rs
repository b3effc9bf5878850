//! The way to an answer that memory does not hold: from the tier or whoever loads it now in another
//! process (see `turn`), else from the loader, and then to the tier. An answer past its time is renewed
//! behind its reader.

use std::{
    fmt::Display,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use phagen_domain::{digest::Digest, result::StaleReason};
use serde::{Serialize, de::DeserializeOwned};
use tracing::warn;

use crate::{
    class::CacheClass,
    entry::{Entry, FRAME_OVERHEAD_BYTES, Times},
    shared::{Shared, count},
    tier::Guarded,
    turn::{Accept, Lock, Ours, Turn},
};

/// Largest value that goes to the tier; memory may hold more.
pub(crate) const MAX_TIER_BYTES: usize = 4 * 1024 * 1024;
/// How long an answer that could not be renewed is left alone.
const RENEWAL_PAUSE_MILLISECONDS: i64 = 30_000;
const LOADER: &str = "loader";

/// Where an entry came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Tier,
    Loader,
}

/// What came of a load beside a tier that is late.
enum First<T> {
    Kept(Entry),
    Loaded(T),
}

/// An answer on its way to the tier.
struct Kept {
    key: Digest,
    frame: Vec<u8>,
    lifetime: Duration,
}

impl Shared {
    pub(crate) async fn fetch<T, E, F>(
        self: &Arc<Self>,
        class: CacheClass,
        key: Digest,
        accept: Accept,
        load: impl FnOnce() -> F,
    ) -> Result<(Entry, Origin), E>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: Future<Output = Result<T, E>>,
    {
        let mut ours = Ours::default();
        if let Some(tier) = &self.tier {
            match self.turn::<T>(tier, class, key, accept).await {
                Turn::Found(entry) => return Ok((entry, Origin::Tier)),
                Turn::Ours(turn) => ours = turn,
            }
        }
        let begun = Instant::now();
        let load = async {
            let failed = |_: &E| count(class, LOADER, "failed");
            load().await.inspect_err(failed)
        };
        let came = match ours.late {
            None => load.await.map(First::Loaded),
            Some(late) => first(load, self.late::<T>(class, key, accept, late)).await,
        };
        match came? {
            First::Kept(entry) => Ok((entry, Origin::Tier)),
            First::Loaded(value) => {
                count(class, LOADER, "loaded");
                self.patience(class).record(begun.elapsed());
                Ok((self.made(class, key, value, ours.lock), Origin::Loader))
            }
        }
    }

    /// An entry of what was loaded, on its way to the tier already.
    fn made<T>(
        self: &Arc<Self>,
        class: CacheClass,
        key: Digest,
        value: T,
        lock: Option<Lock>,
    ) -> Entry
    where
        T: Serialize + Send + Sync + 'static,
    {
        let now = self.now();
        let times = Times::starting(now, self.settings.lifetime(class), &key);
        let (entry, json) = Entry::made(value, times, now);
        if let (Some(json), Some(tier)) = (json, &self.tier) {
            let kept = Kept {
                key,
                frame: entry.frame(&key, &json),
                lifetime: times.left(now),
            };
            self.keep(class, tier, kept, lock);
        }
        entry
    }

    /// Writes to the tier, which nobody waits for, and then lets go of the lock.
    fn keep(self: &Arc<Self>, class: CacheClass, tier: &Guarded, kept: Kept, lock: Option<Lock>) {
        if !tier.is_answering() {
            return;
        }
        if kept.frame.len() > MAX_TIER_BYTES + FRAME_OVERHEAD_BYTES {
            count(class, tier.name(), "too_large");
            return;
        }
        let Ok(permit) = Arc::clone(&self.writes).try_acquire_owned() else {
            count(class, tier.name(), "busy");
            return;
        };
        let shared = Arc::clone(self);
        self.tasks.spawn(async move {
            if let Some(tier) = &shared.tier {
                tier.put(kept.key, &kept.frame, kept.lifetime).await;
            }
            if let Some(lock) = lock {
                lock.release().await;
            }
            drop(permit);
        });
    }

    /// Has an answer past its time asked for again, unless that is under way or failed just now.
    /// Says how it stands.
    pub(crate) fn renew<T, E, F>(
        self: &Arc<Self>,
        class: CacheClass,
        key: Digest,
        entry: &Entry,
        load: impl FnOnce() -> F,
    ) -> StaleReason
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        E: Display + Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let renewal = Arc::clone(&entry.renewal);
        let reason = match renewal.failed_at() {
            Some(at) if self.now() - at < RENEWAL_PAUSE_MILLISECONDS => {
                return StaleReason::LoadFailed;
            }
            Some(_) => StaleReason::LoadFailed,
            None => StaleReason::Revalidating,
        };
        let Ok(permit) = Arc::clone(&self.renewals).try_acquire_owned() else {
            count(class, LOADER, "busy");
            return reason;
        };
        if renewal.begin() {
            let (shared, load) = (Arc::clone(self), load());
            self.tasks.spawn(async move {
                let fetched = shared.fetch::<T, E, F>(class, key, Accept::Fresh, || load);
                match shared.stop.run_until_cancelled(fetched).await {
                    Some(Ok((fresh, _))) => shared.entries.insert(key, fresh).await,
                    Some(Err(error)) => {
                        renewal.fail(shared.now());
                        let class = class.as_str();
                        warn!(error = %error, "kept answer of class `{class}` could not be renewed: {error}");
                    }
                    None => renewal.end(),
                }
                drop(permit);
            });
        }
        reason
    }
}

/// Slow is not gone: of a load and a late answer of the tier what comes first counts, and after a load
/// that failed the tier may still have it. It takes no longer to say so than any answer of it may.
async fn first<T, E>(
    load: impl Future<Output = Result<T, E>>,
    late: impl Future<Output = Option<Entry>>,
) -> Result<First<T>, E> {
    let (mut load, mut late) = (pin!(load), pin!(late));
    let loaded = tokio::select! {
        kept = &mut late => match kept {
            Some(entry) => return Ok(First::Kept(entry)),
            None => return load.await.map(First::Loaded),
        },
        loaded = &mut load => loaded,
    };
    match loaded {
        Ok(value) => Ok(First::Loaded(value)),
        Err(error) => late.await.map(First::Kept).ok_or(error),
    }
}
