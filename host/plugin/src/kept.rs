//! Instances that live longer than a call, for plugins whose manifest asks for it.
//!
//! An idle instance belongs to nobody; a call takes it out of here before its first await and gives
//! it back only after an answer. Whatever else happens to the call (a trap, a timeout, a dropped
//! future) drops the instance with it: an instance that was interrupted cannot be called again.
//!
//! Nothing here runs by itself: who owns the host says from time to time what time it is, and then
//! what grew old in slots that nobody calls goes too.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use chrono::NaiveDate;
use phagen_domain::{
    digest::Digest,
    evidence::Attribute,
    plugin::{Grant, Keep},
};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::Store;

use crate::{PluginHost, guest::Guest, plugin::Plugin, slot::ActiveSlot, world::Exports};

/// Every living [`Kept`] of a host.
#[derive(Default)]
pub(crate) struct Keepers(Mutex<Vec<Weak<Kept>>>);

/// The idle instances of one slot with one version.
pub(crate) struct Kept {
    keep: Keep,
    /// The one used last is taken first, so that the others grow old and go.
    idle: Mutex<VecDeque<KeptInstance>>,
}

/// One that `init` answered, between two calls or at work.
pub(crate) struct KeptInstance {
    // Goes before its place: another instance may take that only when it is free.
    pub(crate) store: Store<Guest>,
    pub(crate) exports: Exports,
    pub(crate) past: Past,
}

/// What an instance has behind it, and what it was made for.
pub(crate) struct Past {
    bound: Bound,
    born: Instant,
    n_calls: u32,
    _place: OwnedSemaphorePermit,
}

/// All that an instance has seen besides the arguments of its calls. Scores may depend on it, the
/// day included, so a call that differs in any of it gets another instance.
struct Bound {
    plugin_digest: Digest,
    as_of: NaiveDate,
    config: Vec<Attribute>,
    artifact_digest: Option<Digest>,
    grant: Grant,
}

impl PluginHost {
    /// Drops the kept instances that are idle and too old at `now`, and returns how many went. For
    /// whoever owns the host to call from time to time: a slot that nobody calls does not look.
    pub fn drop_aged(&self, now: Instant) -> usize {
        self.shared.keepers.drop_aged(now)
    }
}

impl Keepers {
    fn add(&self, kept: &Arc<Kept>) {
        let mut keepers = self.lock();
        keepers.retain(|kept| kept.strong_count() > 0);
        keepers.push(Arc::downgrade(kept));
    }

    /// Drops the idle instances that are too old at `now`, and returns how many went.
    fn drop_aged(&self, now: Instant) -> usize {
        let living: Vec<Arc<Kept>> = self.lock().iter().filter_map(Weak::upgrade).collect();
        living.iter().map(|kept| kept.drop_aged(now)).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Kept>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// None where the manifest does not ask for it.
    pub(crate) fn of(plugin: &Plugin) -> Option<Arc<Self>> {
        let keep = plugin.manifest()?.instance.keep?;
        let kept = Arc::new(Self {
            keep,
            idle: Mutex::default(),
        });
        plugin.shared().keepers.add(&kept);
        Some(kept)
    }

    /// An idle instance that fits the slot as it is now, if there is one.
    pub(crate) fn take(&self, slot: &ActiveSlot, as_of: NaiveDate) -> Option<KeptInstance> {
        let mut idle = self.lock();
        let at = idle
            .iter()
            .rposition(|instance| instance.past.bound.fits(slot, as_of))?;
        let found = idle.remove(at)?;
        drop(idle);
        (!self.is_aged(&found, Instant::now())).then_some(found)
    }

    /// Gives an instance back after a call that it answered, unless it has served enough.
    pub(crate) fn give_back(&self, mut instance: KeptInstance) {
        instance.past.n_calls += 1;
        let bytes = instance.store.data().limiter.bytes() as u64;
        let now = Instant::now();
        self.drop_aged(now);
        if instance.past.n_calls < self.keep.max_calls
            && !self.is_aged(&instance, now)
            && bytes <= self.keep.max_memory_bytes
        {
            self.lock().push_back(instance);
        }
    }

    /// Drops the idle instances that are too old at `now`, and returns how many went.
    fn drop_aged(&self, now: Instant) -> usize {
        let mut idle = self.lock();
        let (aged, young): (VecDeque<_>, _) = idle
            .drain(..)
            .partition(|instance| self.is_aged(instance, now));
        *idle = young;
        // Given back to the pool with the lock open: that takes longer than all the rest.
        drop(idle);
        aged.len()
    }

    /// What an instance that was just made for `slot` has behind it; none when all places for idle
    /// ones are taken, and it will live for one call as others do.
    pub(crate) fn begin(&self, slot: &ActiveSlot, as_of: NaiveDate) -> Option<Past> {
        if self.keep.max_calls < 2 {
            return None;
        }
        let places = slot.plugin.shared().places_to_keep(slot.plugin.world());
        Some(Past {
            _place: places.try_acquire_owned().ok()?,
            bound: Bound::of(slot, as_of),
            born: Instant::now(),
            n_calls: 0,
        })
    }

    fn is_aged(&self, instance: &KeptInstance, now: Instant) -> bool {
        let age = now.saturating_duration_since(instance.past.born);
        age >= Duration::from_secs(self.keep.max_age_seconds)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<KeptInstance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bound {
    fn of(slot: &ActiveSlot, as_of: NaiveDate) -> Self {
        Self {
            plugin_digest: slot.plugin.digest(),
            as_of,
            config: slot.activation.config.clone(),
            artifact_digest: slot.artifact.as_ref().map(|artifact| artifact.digest),
            grant: slot.activation.grant.clone(),
        }
    }

    fn fits(&self, slot: &ActiveSlot, as_of: NaiveDate) -> bool {
        self.as_of == as_of
            && self.plugin_digest == slot.plugin.digest()
            && self.artifact_digest == slot.artifact.as_ref().map(|artifact| artifact.digest)
            && self.config == slot.activation.config
            && self.grant == slot.activation.grant
    }
}
