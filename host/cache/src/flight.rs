//! The way to an answer that memory does not hold: from the tier or whoever loads it now in another
//! process (see `turn`), else from the loader, and then to the tier. An answer past its time is renewed
//! behind its reader.

use std::{
    fmt::Display,
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
        let loaded = match ours.late {
            None => load().await,
            // Slow is not gone: what comes first counts.
            Some(late) => tokio::select! {
                loaded = load() => loaded,
                Some(entry) = self.late::<T>(class, key, accept, late) => {
                    return Ok((entry, Origin::Tier));
                }
            },
        };
        let value = loaded.inspect_err(|_| count(class, LOADER, "failed"))?;
        count(class, LOADER, "loaded");
        self.patience(class).record(begun.elapsed());
        let now = self.now();
        let times = Times::starting(now, self.settings.lifetime(class), &key);
        let (entry, json) = Entry::made(value, times, now);
        if let (Some(json), Some(tier)) = (json, &self.tier) {
            let kept = Kept {
                key,
                frame: entry.frame(&key, &json),
                lifetime: times.left(now),
            };
            self.keep(class, tier, kept, ours.lock);
        }
        Ok((entry, Origin::Loader))
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
