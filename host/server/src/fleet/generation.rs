//! One consistent set of slots, and which part of it a job gets.

use std::sync::Arc;

use phagen_domain::{
    digest::Digest,
    job::JobId,
    plugin::{Share, Slot, SlotName, TrialMode},
};
use phagen_plugin::{ActiveSlot, SlotSet};
use tokio_util::sync::CancellationToken;

/// Everything that served at one moment. A job holds the one it began with to its end.
pub struct Generation {
    /// Of the newest change that it holds with all before it: `RegistryStore::set_generation`.
    pub set_generation: u64,
    /// The rows it was made of.
    pub slots: Vec<Slot>,
    pub set: Arc<SlotSet>,
    pub trials: Vec<Arc<Trial>>,
    /// Cancelled when a newer one serves and the time to drain is used up.
    pub expired: CancellationToken,
}

/// A version on trial, ready to be called.
pub struct Trial {
    pub mode: TrialMode,
    pub share: Share,
    pub candidate: ActiveSlot,
    /// What serves in the slot.
    pub serving: ActiveSlot,
}

impl Trial {
    pub fn slot(&self) -> &SlotName {
        &self.candidate.slot
    }
}

/// What one job runs with.
pub struct JobSlots {
    pub set: Arc<SlotSet>,
    /// The trials that the job takes part in.
    pub trials: Vec<Arc<Trial>>,
}

impl Generation {
    pub fn row(&self, name: &SlotName) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.name == *name)
    }

    /// False while all that is new waits to be fetched.
    pub(super) fn differs_from(&self, other: &Self) -> bool {
        self.set_generation != other.set_generation || self.slots != other.slots
    }

    /// What is called in a slot.
    pub(super) fn active(&self, name: &SlotName) -> Option<&ActiveSlot> {
        self.set.iter().find(|active| active.slot == *name)
    }

    /// A slot as it is: its row, what is called there and what is on trial.
    pub(super) fn of(
        &self,
        name: &SlotName,
    ) -> Option<(Slot, Option<ActiveSlot>, Option<Arc<Trial>>)> {
        let trial = self.trials.iter().find(|trial| trial.slot() == name);
        let row = self.row(name)?.clone();
        Some((row, self.active(name).cloned(), trial.cloned()))
    }

    /// Every component that it names.
    pub fn plugin_digests(&self) -> impl Iterator<Item = Digest> + '_ {
        self.slots.iter().flat_map(Slot::plugin_digests)
    }

    /// The set for one job: canaries serve where the job's lot falls into their share. The same job
    /// gets the same set at every attempt.
    pub fn for_job(&self, job: JobId) -> JobSlots {
        let trials: Vec<Arc<Trial>> = self
            .trials
            .iter()
            .filter(|trial| trial.share.takes(lot(job, trial.slot())))
            .cloned()
            .collect();
        let mut set = Arc::clone(&self.set);
        for trial in &trials {
            if trial.mode == TrialMode::Canary {
                put(Arc::make_mut(&mut set), &trial.candidate);
            }
        }
        JobSlots { set, trials }
    }
}

fn put(set: &mut SlotSet, candidate: &ActiveSlot) {
    let slots = (set.sources.iter_mut())
        .chain(&mut set.mappers)
        .chain(&mut set.rerankers);
    for slot in slots.filter(|slot| slot.slot == candidate.slot) {
        *slot = candidate.clone();
    }
}

/// A number that a job draws once for a slot.
fn lot(job: JobId, slot: &SlotName) -> u32 {
    let [a, b, c, d, ..] = *Digest::of(format!("{job}/{slot}").as_bytes()).as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_jobs_lot_is_its_own_and_spread_evenly() {
        let slot: SlotName = "reranker".parse().unwrap();
        let tenth = Share::new(0.1).unwrap();
        let jobs = (0..10_000_u128).map(|n| JobId(Uuid::from_u128(n)));
        let n_taken = jobs.filter(|job| tenth.takes(lot(*job, &slot))).count();
        assert!((850..1_150).contains(&n_taken), "{n_taken}");
        let job = JobId(Uuid::from_u128(7));
        assert_eq!(lot(job, &slot), lot(job, &slot));
        assert_ne!(lot(job, &slot), lot(job, &"mapper".parse().unwrap()));
    }
}
