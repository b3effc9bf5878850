//! Whose turn it is to load: nobody's when the tier has the answer, or gets it from another process
//! meanwhile; else ours, by a lock that ends by itself.
//!
//! A tier that is late holds nobody up: the caller loads, and takes what comes first.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use phagen_domain::digest::Digest;
use serde::de::DeserializeOwned;
use tokio::{runtime::Handle, task::JoinHandle, time::sleep};
use uuid::Uuid;

use crate::{
    class::CacheClass,
    entry::Entry,
    shared::{Shared, count},
    tier::{Asked, Guarded},
};

/// How often a process looks whether another one is done.
const POLL: Duration = Duration::from_millis(20);

/// Whether an answer past its time will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accept {
    Usable,
    Fresh,
}

/// What the tier may still say, when it is asked for an answer.
pub(crate) type LateRead = JoinHandle<Option<Option<Vec<u8>>>>;

/// What the tier had.
enum Read {
    Found(Entry),
    Nothing,
    Late(LateRead),
    Unreachable,
}

/// Whose turn it is.
pub(crate) enum Turn {
    /// Nobody's: the tier had it, or another process loaded meanwhile.
    Found(Entry),
    Ours(Ours),
}

/// Loading is ours.
#[derive(Default)]
pub(crate) struct Ours {
    /// Ours alone.
    pub(crate) lock: Option<Lock>,
    /// The tier did not say in time whether it has it.
    pub(crate) late: Option<LateRead>,
}

impl Shared {
    /// From the tier, or after whoever loads it now; else ours.
    pub(crate) async fn turn<T>(
        self: &Arc<Self>,
        tier: &Arc<Guarded>,
        class: CacheClass,
        key: Digest,
        accept: Accept,
    ) -> Turn
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        match self.read::<T>(tier, class, key, accept).await {
            Read::Found(entry) => Turn::Found(entry),
            Read::Nothing => self.take_turn::<T>(tier, class, key).await,
            // What did not answer once is not asked again for the same call.
            Read::Late(late) => Turn::Ours(Ours {
                late: Some(late),
                ..Ours::default()
            }),
            Read::Unreachable => Turn::Ours(Ours::default()),
        }
    }

    /// What the tier holds, if it is good enough.
    async fn read<T>(
        &self,
        tier: &Arc<Guarded>,
        class: CacheClass,
        key: Digest,
        accept: Accept,
    ) -> Read
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        match tier.get(key).await {
            Asked::Answered(found) => match self.judge::<T>(class, key, accept, found) {
                Some(entry) => Read::Found(entry),
                None => Read::Nothing,
            },
            Asked::Late(late) => {
                count(class, tier.name(), "late");
                Read::Late(late)
            }
            Asked::Silent => {
                count(class, tier.name(), "unreachable");
                Read::Unreachable
            }
        }
    }

    /// What the tier says after all, if it is good enough.
    pub(crate) async fn late<T>(
        &self,
        class: CacheClass,
        key: Digest,
        accept: Accept,
        late: LateRead,
    ) -> Option<Entry>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let found = late.await.ok().flatten()?;
        self.judge::<T>(class, key, accept, found)
    }

    /// What the tier said, as an entry that will do.
    fn judge<T>(
        &self,
        class: CacheClass,
        key: Digest,
        accept: Accept,
        found: Option<Vec<u8>>,
    ) -> Option<Entry>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let name = self.tier.as_ref()?.name();
        let now = self.now();
        let Some(frame) = found else {
            count(class, name, "miss");
            return None;
        };
        let Some(entry) = Entry::read::<T>(&key, &frame, now) else {
            count(class, name, "corrupt");
            return None;
        };
        let (outcome, will_do) = match (entry.times.is_fresh(now), entry.times.is_usable(now)) {
            (true, _) => ("hit", true),
            (false, true) => ("stale", accept == Accept::Usable),
            (false, false) => ("miss", false),
        };
        count(class, name, outcome);
        will_do.then_some(entry)
    }

    /// Waits for another process that loads the same, but not for longer than loading takes, and not
    /// at all for a tier that is late.
    async fn take_turn<T>(
        self: &Arc<Self>,
        tier: &Arc<Guarded>,
        class: CacheClass,
        key: Digest,
    ) -> Turn
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let token = Uuid::new_v4();
        let (begun, patience) = (Instant::now(), self.patience(class).bound());
        let mut has_waited = false;
        loop {
            let is_ours = match tier.lock(key, token).await {
                Asked::Answered(is_ours) => is_ours,
                Asked::Late(taken) => {
                    self.give_back_late(key, token, taken);
                    return Turn::Ours(Ours::default());
                }
                Asked::Silent => return Turn::Ours(Ours::default()),
            };
            let lock = is_ours.then(|| Lock::held(self, key, token));
            let mut late = None;
            if has_waited {
                match self.read::<T>(tier, class, key, Accept::Fresh).await {
                    Read::Found(entry) => return Turn::Found(entry),
                    Read::Late(read) => late = Some(read),
                    Read::Nothing | Read::Unreachable => {}
                }
            }
            if lock.is_some() || late.is_some() {
                return Turn::Ours(Ours { lock, late });
            }
            if begun.elapsed() >= patience {
                count(class, tier.name(), "waited_in_vain");
                return Turn::Ours(Ours::default());
            }
            sleep(POLL).await;
            has_waited = true;
        }
    }

    /// Nobody waited for the lock, so nobody needs it: should it be given after all, others may.
    fn give_back_late(self: &Arc<Self>, key: Digest, token: Uuid, taken: JoinHandle<Option<bool>>) {
        let shared = Arc::clone(self);
        self.tasks.spawn(async move {
            if let Ok(Some(true)) = taken.await
                && let Some(tier) = &shared.tier
            {
                tier.unlock(key, token).await;
            }
        });
    }
}

/// A lock in the tier. Given back when dropped, as by a job that is cancelled while it loads.
pub(crate) struct Lock {
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

    pub(crate) async fn release(mut self) {
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
