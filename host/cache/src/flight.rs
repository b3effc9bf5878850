//! The way to an answer that memory does not hold: from the tier, else from whoever loads it now in
//! another process, else from the loader. An answer past its time is renewed behind its reader.

use std::{
    fmt::Display,
    sync::Arc,
    time::{Duration, Instant},
};

use phagen_domain::{digest::Digest, result::StaleReason};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{runtime::Handle, time::sleep};
use tracing::warn;
use uuid::Uuid;

use crate::{
    class::CacheClass,
    entry::{Entry, FRAME_OVERHEAD_BYTES, Times},
    shared::{Shared, count},
    tier::Guarded,
};

/// Largest value that goes to the tier; memory may hold more.
pub(crate) const MAX_TIER_BYTES: usize = 4 * 1024 * 1024;
/// How often a process looks whether another one is done.
const POLL: Duration = Duration::from_millis(20);
/// How long an answer that could not be renewed is left alone.
const RENEWAL_PAUSE_MILLISECONDS: i64 = 30_000;
const LOADER: &str = "loader";

/// Where an entry came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Tier,
    Loader,
}

/// Whether an answer past its time will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accept {
    Usable,
    Fresh,
}

/// An answer on its way to the tier.
struct Kept {
    key: Digest,
    frame: Vec<u8>,
    lifetime: Duration,
}

/// What the tier had.
enum Read {
    Found(Entry),
    Nothing,
    Unreachable,
}

/// The right to load, and who else has it.
enum Turn {
    /// Another process loaded meanwhile.
    Found(Entry),
    /// Load; with a lock when the tier gave one.
    Load(Option<Lock>),
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
        let mut lock = None;
        if let Some(tier) = &self.tier {
            let turn = match self.read::<T>(tier, class, key, accept).await {
                Read::Found(entry) => Turn::Found(entry),
                Read::Nothing => self.take_turn::<T>(tier, class, key).await,
                // What did not answer once is not asked again for the same call.
                Read::Unreachable => Turn::Load(None),
            };
            lock = match turn {
                Turn::Found(entry) => return Ok((entry, Origin::Tier)),
                Turn::Load(lock) => lock,
            };
        }
        let begun = Instant::now();
        let value = load()
            .await
            .inspect_err(|_| count(class, LOADER, "failed"))?;
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
            self.keep(class, tier, kept, lock);
        }
        Ok((entry, Origin::Loader))
    }

    /// What the tier holds, if it is good enough.
    async fn read<T>(&self, tier: &Guarded, class: CacheClass, key: Digest, accept: Accept) -> Read
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let name = tier.name();
        let Some(found) = tier.get(key).await else {
            count(class, name, "unreachable");
            return Read::Unreachable;
        };
        let Some(frame) = found else {
            count(class, name, "miss");
            return Read::Nothing;
        };
        let now = self.now();
        let Some(entry) = Entry::read::<T>(&key, &frame, now) else {
            count(class, name, "corrupt");
            return Read::Nothing;
        };
        let (outcome, will_do) = match (entry.times.is_fresh(now), entry.times.is_usable(now)) {
            (true, _) => ("hit", true),
            (false, true) => ("stale", accept == Accept::Usable),
            (false, false) => ("miss", false),
        };
        count(class, name, outcome);
        if will_do {
            Read::Found(entry)
        } else {
            Read::Nothing
        }
    }

    /// Waits for another process that loads the same, but not for longer than loading takes.
    async fn take_turn<T>(self: &Arc<Self>, tier: &Guarded, class: CacheClass, key: Digest) -> Turn
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let token = Uuid::new_v4();
        let (begun, patience) = (Instant::now(), self.patience(class).bound());
        let mut has_waited = false;
        loop {
            let Some(is_ours) = tier.lock(key, token).await else {
                return Turn::Load(None);
            };
            let lock = is_ours.then(|| Lock::held(self, key, token));
            if has_waited
                && let Read::Found(entry) = self.read::<T>(tier, class, key, Accept::Fresh).await
            {
                return Turn::Found(entry);
            }
            if lock.is_some() {
                return Turn::Load(lock);
            }
            if begun.elapsed() >= patience {
                count(class, tier.name(), "waited_in_vain");
                return Turn::Load(None);
            }
            sleep(POLL).await;
            has_waited = true;
        }
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

/// A lock in the tier. Given back when dropped, as by a job that is cancelled while it loads.
struct Lock {
    shared: Arc<Shared>,
    key: Digest,
    token: Uuid,
    is_held: bool,
}

impl Lock {
    fn held(shared: &Arc<Shared>, key: Digest, token: Uuid) -> Self {
        Self {
            shared: Arc::clone(shared),
            key,
            token,
            is_held: true,
        }
    }

    async fn release(mut self) {
        self.is_held = false;
        if let Some(tier) = &self.shared.tier {
            tier.unlock(self.key, self.token).await;
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and the lock runs out by itself.
        if self.is_held
            && let Ok(runtime) = Handle::try_current()
        {
            let (shared, key, token) = (Arc::clone(&self.shared), self.key, self.token);
            let release = async move {
                if let Some(tier) = &shared.tier {
                    tier.unlock(key, token).await;
                }
            };
            self.shared.tasks.spawn_on(release, &runtime);
        }
    }
}
