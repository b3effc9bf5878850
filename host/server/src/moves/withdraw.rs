//! Taking a version out: of every slot at once because it is bad, or of one because it is done.

use std::collections::BTreeSet;

use phagen_domain::{
    digest::Digest,
    plugin::{PluginEvent, PluginVersion, Slot, SlotName, Verb, VersionState},
};
use phagen_store::{EventFilter, Moved, SlotMove, StoreError, VersionMove};

use super::{
    Asked, MoveError, Mover, decide,
    fallback::{Fallbacks, without},
    may_retry,
};
use crate::bootstrap::DEFAULT_ARTIFACT;

/// What a quarantine did.
#[derive(Debug)]
pub struct Quarantined {
    pub version: PluginVersion,
    /// Slots that changed, as they are now.
    pub slots: Vec<Slot>,
    /// Slots that had nothing else to serve.
    pub removed: Vec<SlotName>,
    pub events: Vec<PluginEvent>,
}

/// What a retirement did.
#[derive(Debug)]
pub enum Retired {
    /// A trial ended.
    Slot(Moved),
    /// The slot itself went.
    Removed(PluginEvent),
    /// No slot named the version; it is retired.
    Version(PluginVersion),
}

/// One slot's part of a quarantine.
struct Step {
    from: Slot,
    to: Option<Slot>,
}

impl Mover<'_> {
    /// Takes a version out of every slot that names it. Repeated, it changes nothing more.
    pub async fn quarantine(
        &self,
        version: &PluginVersion,
        asked: &Asked,
    ) -> Result<Quarantined, MoveError> {
        if asked.reason.is_none() {
            return Err(MoveError::NoReason);
        }
        if version.state == VersionState::Rejected {
            decide::check_state(version, false)?;
        }
        let mut done = Quarantined {
            version: version.clone(),
            slots: Vec::new(),
            removed: Vec::new(),
            events: Vec::new(),
        };
        let mut round = 0;
        loop {
            round += 1;
            match self.take_out(version.digest, asked, &mut done).await {
                Err(MoveError::Store(lost)) if may_retry(&lost, round) => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(done),
            }
        }
    }

    /// Plans every step before it makes the first: a slot that cannot be left is found in time.
    async fn take_out(
        &self,
        digest: Digest,
        asked: &Asked,
        done: &mut Quarantined,
    ) -> Result<(), MoveError> {
        for step in self.plan(digest).await? {
            let change = SlotMove {
                expected: Some(step.from.generation),
                digest,
                cause: asked.cause(Verb::Quarantine),
                // The first one holds it; without steps there is nothing to repeat.
                key: asked.key.clone().filter(|_| done.events.is_empty()),
                admits_quarantined: false,
                to: step.to.clone().unwrap_or_else(|| step.from.clone()),
            };
            if step.to.is_some() {
                let moved = self.store.move_slot(&change).await?;
                done.slots.push(moved.slot);
                done.events.push(moved.event);
            } else {
                done.events.push(self.store.remove_slot(&change).await?);
                done.removed.push(step.from.name);
            }
        }
        let version = self.store.find_version(digest).await?;
        let version = version.ok_or(StoreError::UnknownVersion(digest))?;
        done.version = if version.state == VersionState::Quarantined {
            version
        } else {
            let to = VersionState::Quarantined;
            self.move_version(&version, to, Verb::Quarantine, asked)
                .await?
        };
        Ok(())
    }

    async fn plan(&self, digest: Digest) -> Result<Vec<Step>, MoveError> {
        let mut slots = self.store.list_slots().await?;
        let names = |slot: &Slot| slot.plugin_digests().any(|named| named == digest);
        let concerned: Vec<Slot> = slots.iter().filter(|slot| names(slot)).cloned().collect();
        if concerned.is_empty() {
            return Ok(Vec::new());
        }
        let fallbacks = self.fallbacks(&concerned).await?;
        let mut steps = Vec::new();
        for from in concerned {
            let to = without(&from, &slots, digest, &fallbacks)?;
            if to.is_none() {
                slots.retain(|slot| slot.name != from.name);
            }
            steps.push(Step { from, to });
        }
        Ok(steps)
    }

    async fn fallbacks(&self, concerned: &[Slot]) -> Result<Fallbacks, MoveError> {
        let mut seeded = BTreeSet::new();
        for slot in concerned {
            if self.is_hosts_own(&slot.name).await? {
                seeded.insert(slot.name.clone());
            }
        }
        let artifacts = self.store.list_artifacts().await?;
        let default_artifact = artifacts
            .iter()
            .find(|artifact| artifact.name == DEFAULT_ARTIFACT)
            .map(|artifact| artifact.digest);
        Ok(Fallbacks {
            versions: self.store.list_versions().await?,
            default_artifact,
            seeded,
        })
    }

    /// Whether the first start made the slot.
    async fn is_hosts_own(&self, slot: &SlotName) -> Result<bool, MoveError> {
        let first = EventFilter {
            slot: Some(slot.clone()),
            limit: 1,
            ..EventFilter::default()
        };
        let events = self.store.list_plugin_events(&first).await?;
        Ok(events
            .first()
            .is_some_and(|event| event.cause.verb == Verb::Seed))
    }

    /// Takes a version out of one slot, or, when no slot names it, marks it as done with.
    pub async fn retire(
        &self,
        version: &PluginVersion,
        slot: Option<&SlotName>,
        asked: &Asked,
    ) -> Result<Retired, MoveError> {
        if let Some(slot) = slot
            && let Some(first) = self.first_retirement(version, slot, asked).await?
        {
            return Ok(first);
        }
        let mut round = 0;
        loop {
            round += 1;
            let tried = match slot {
                Some(slot) => self.retire_from(version.digest, slot, asked).await,
                None => self.retire_version(version.digest, asked).await,
            };
            match tried {
                Err(MoveError::Store(lost)) if may_retry(&lost, round) => {}
                answer => return answer,
            }
        }
    }

    /// The answer that the same request got before: see [`Mover::change`].
    async fn first_retirement(
        &self,
        version: &PluginVersion,
        slot: &SlotName,
        asked: &Asked,
    ) -> Result<Option<Retired>, MoveError> {
        if asked.key.is_none() {
            return Ok(None);
        }
        let probe = asked.probe(slot, version, Verb::Retire);
        // The store refuses a key whose move was of the other sort: it made or took away the slot.
        match self.store.move_slot(&probe).await {
            Ok(first) => Ok(Some(Retired::Slot(first))),
            Err(StoreError::KeyReused(_)) => {
                let first = self.store.remove_slot(&probe).await?;
                Ok(Some(Retired::Removed(first)))
            }
            Err(StoreError::GenerationMoved { .. } | StoreError::UnknownSlot(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn retire_from(
        &self,
        digest: Digest,
        name: &SlotName,
        asked: &Asked,
    ) -> Result<Retired, MoveError> {
        let slots = self.store.list_slots().await?;
        let found = slots.iter().find(|slot| slot.name == *name);
        asked.check_expected(name, found)?;
        let now = found.ok_or_else(|| MoveError::UnknownSlot(name.clone()))?;
        let mut change = SlotMove {
            expected: Some(now.generation),
            to: now.clone(),
            digest,
            cause: asked.cause(Verb::Retire),
            key: asked.key.clone(),
            admits_quarantined: false,
        };
        if now.serving.plugin_digest != digest {
            // A trial ends; what is neither tried nor serves is not there to be taken out.
            change.to = Slot {
                candidate: None,
                ..decide::promote(now, digest).map(|_| now.clone())?
            };
            return Ok(Retired::Slot(self.store.move_slot(&change).await?));
        }
        let is_last = slots.iter().filter(|slot| slot.world == now.world).count() == 1;
        if is_last {
            return Err(MoveError::NothingLeft {
                slot: name.clone(),
                world: now.world,
            });
        }
        if self.is_hosts_own(name).await? {
            return Err(MoveError::HostsOwnSlot { slot: name.clone() });
        }
        Ok(Retired::Removed(self.store.remove_slot(&change).await?))
    }

    async fn retire_version(&self, digest: Digest, asked: &Asked) -> Result<Retired, MoveError> {
        let slots = self.store.list_slots().await?;
        let naming: Vec<SlotName> = slots
            .into_iter()
            .filter(|slot| slot.plugin_digests().any(|named| named == digest))
            .map(|slot| slot.name)
            .collect();
        if !naming.is_empty() {
            return Err(MoveError::InSlots {
                digest,
                slots: naming,
            });
        }
        let version = self.store.find_version(digest).await?;
        let version = version.ok_or(StoreError::UnknownVersion(digest))?;
        // What is retired may serve again, so only what may serve is retired.
        if !version.state.may_serve() {
            return Err(MoveError::NotRetirable {
                digest,
                state: version.state,
            });
        }
        if version.state == VersionState::Retired {
            return Ok(Retired::Version(version));
        }
        let to = VersionState::Retired;
        let retired = self.move_version(&version, to, Verb::Retire, asked).await?;
        Ok(Retired::Version(retired))
    }

    async fn move_version(
        &self,
        version: &PluginVersion,
        to: VersionState,
        verb: Verb,
        asked: &Asked,
    ) -> Result<PluginVersion, MoveError> {
        let change = VersionMove {
            digest: version.digest,
            from: version.state,
            to,
            gate: None,
            signature: None,
            cause: asked.cause(verb),
        };
        Ok(self.store.move_version(&change).await?)
    }
}
