//! What an operator may do to slots and versions: the rules of each verb, over the store.
//!
//! A rule looks at rows and answers with the row as it shall be, or with why not; the store then
//! settles races, of slots by their generation and of versions by their state. Nothing here runs a
//! plugin or knows HTTP.

mod decide;
mod error;
mod fallback;
mod withdraw;

use phagen_domain::{
    digest::Digest,
    plugin::{Cause, Grant, PluginVersion, Share, Slot, SlotName, TrialMode, Verb},
};
use phagen_store::{IdempotencyKey, Moved, SlotMove, Store, StoreError};

use crate::{config::SignatureSettings, trial};

pub use decide::Outfit;
pub use error::MoveError;
pub use withdraw::{Quarantined, Retired};

/// Times that a change is decided anew because somebody else changed the slot meanwhile.
const MAX_ROUNDS: u32 = 8;

/// Decides and makes the moves.
pub struct Mover<'a> {
    pub store: &'a dyn Store,
    pub signatures: &'a SignatureSettings,
}

/// What shall become of a slot.
#[derive(Debug)]
pub struct Order<'a> {
    pub slot: &'a SlotName,
    /// The version that it is about: the new one; of a roll back and a grant the one that serves.
    pub version: &'a PluginVersion,
    pub what: What,
}

#[derive(Debug)]
pub enum What {
    /// Serve from now on; makes the slot when there is none of that name.
    Activate { outfit: Outfit, place: Option<u32> },
    /// Work beside what serves.
    Try {
        outfit: Outfit,
        mode: TrialMode,
        share: Share,
    },
    /// What is tried serves.
    Promote,
    /// What served before serves again.
    RollBack,
    /// Another operator's side of what the version that serves may reach.
    Grant(Grant),
}

impl What {
    fn verb(&self) -> Verb {
        match self {
            Self::Activate { .. } => Verb::Activate,
            Self::Try {
                mode: TrialMode::Shadow,
                ..
            } => Verb::Shadow,
            Self::Try {
                mode: TrialMode::Canary,
                ..
            } => Verb::Canary,
            Self::Promote => Verb::Promote,
            Self::RollBack => Verb::Rollback,
            Self::Grant(_) => Verb::Grant,
        }
    }
}

/// Who asks, why, and with what slot in mind.
#[derive(Debug)]
pub struct Asked {
    pub actor: String,
    pub reason: Option<String>,
    pub expected: Expected,
    pub key: Option<IdempotencyKey>,
    /// Against a rule that has an exception; needs a reason.
    pub force: bool,
}

/// The slot that a change was decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is.
    Any,
    Generation(u64),
    /// It does not exist yet.
    New,
}

impl Asked {
    fn check(&self) -> Result<(), MoveError> {
        if self.force && self.reason.is_none() {
            return Err(MoveError::NoReason);
        }
        Ok(())
    }

    fn cause(&self, verb: Verb) -> Cause {
        Cause {
            verb,
            actor: self.actor.clone(),
            reason: self.reason.clone(),
        }
    }

    /// A move that changes nothing, and that a known key answers nonetheless.
    fn probe(&self, slot: &SlotName, version: &PluginVersion, verb: Verb) -> SlotMove {
        SlotMove {
            // No slot gets there.
            expected: Some(u64::MAX),
            to: decide::bare(slot, version),
            digest: version.digest,
            cause: self.cause(verb),
            key: self.key.clone(),
            admits_quarantined: false,
        }
    }

    /// Refuses when the slot is not the one that the caller had in mind.
    fn check_expected(&self, name: &SlotName, now: Option<&Slot>) -> Result<(), MoveError> {
        match (self.expected, now) {
            (Expected::Any, _) | (Expected::New, None) => Ok(()),
            (Expected::New, Some(_)) => Err(MoveError::SlotExists(name.clone())),
            (Expected::Generation(_), None) => Err(MoveError::UnknownSlot(name.clone())),
            (Expected::Generation(expected), Some(slot)) if slot.generation == expected => Ok(()),
            (Expected::Generation(expected), Some(slot)) => Err(MoveError::GenerationMoved {
                slot: name.clone(),
                expected,
                found: slot.generation,
            }),
        }
    }
}

impl Mover<'_> {
    /// Changes one slot.
    pub async fn change(&self, order: &Order<'_>, asked: &Asked) -> Result<Moved, MoveError> {
        asked.check()?;
        if let Some(first) = self.first_answer(order, asked).await? {
            return Ok(first);
        }
        let mut round = 0;
        loop {
            round += 1;
            let slots = self.store.list_slots().await?;
            let now = slots.iter().find(|slot| slot.name == *order.slot);
            asked.check_expected(order.slot, now)?;
            let change = SlotMove {
                expected: now.map(|slot| slot.generation),
                to: self.decide(order, &slots, asked).await?,
                digest: order.version.digest,
                cause: asked.cause(order.what.verb()),
                key: asked.key.clone(),
                // Whether force is enough for this one was decided above.
                admits_quarantined: asked.force,
            };
            match self.store.move_slot(&change).await {
                Err(error @ StoreError::VersionMayNotServe { digest, .. }) => {
                    return Err(self
                        .why_not(digest, asked.force)
                        .await?
                        .unwrap_or(error.into()));
                }
                Err(lost) if asked.expected == Expected::Any && may_retry(&lost, round) => {}
                answer => return Ok(answer?),
            }
        }
    }

    /// The answer that the same request got before. It is looked for before the rules: what a
    /// first promotion did is what makes a second one wrong.
    async fn first_answer(
        &self,
        order: &Order<'_>,
        asked: &Asked,
    ) -> Result<Option<Moved>, MoveError> {
        if asked.key.is_none() {
            return Ok(None);
        }
        let probe = asked.probe(order.slot, order.version, order.what.verb());
        match self.store.move_slot(&probe).await {
            Ok(first) => Ok(Some(first)),
            Err(StoreError::GenerationMoved { .. } | StoreError::UnknownSlot(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Why a version may not serve that still might when the change was decided; none when it may
    /// again by now.
    async fn why_not(&self, digest: Digest, force: bool) -> Result<Option<MoveError>, MoveError> {
        let version = self.store.find_version(digest).await?;
        Ok(version.and_then(|version| decide::check_state(&version, force).err()))
    }

    /// The slot as it shall be.
    async fn decide(
        &self,
        order: &Order<'_>,
        slots: &[Slot],
        asked: &Asked,
    ) -> Result<Slot, MoveError> {
        let (name, version) = (order.slot, order.version);
        let now = slots.iter().find(|slot| slot.name == *name);
        let existing = || now.ok_or_else(|| MoveError::UnknownSlot(name.clone()));
        match &order.what {
            What::Activate { outfit, place } => {
                self.check_may_serve(name, version, asked.force)?;
                let place = place.unwrap_or_else(|| decide::usual_place(now, slots, version.world));
                decide::activate(now, name, version, outfit).map(|slot| Slot { place, ..slot })
            }
            What::Try {
                outfit,
                mode,
                share,
            } => {
                let now = existing()?;
                self.check_may_serve(name, version, asked.force)?;
                decide::try_out(now, version, outfit, (*mode, *share))
            }
            What::Promote => {
                let now = existing()?;
                let to = decide::promote(now, version.digest)?;
                self.check_may_serve(name, version, asked.force)?;
                if !asked.force {
                    self.check_trial(now).await?;
                }
                Ok(to)
            }
            What::RollBack => {
                let now = existing()?;
                let to = decide::roll_back(now, version.digest)?;
                if let Some(back) = self.store.find_version(to.serving.plugin_digest).await? {
                    self.check_may_serve(name, &back, asked.force)?;
                }
                Ok(to)
            }
            What::Grant(grant) => decide::grant(existing()?, version.digest, grant),
        }
    }

    /// Refuses a version that no gate passed, that was taken out, or that nobody known signed.
    fn check_may_serve(
        &self,
        slot: &SlotName,
        version: &PluginVersion,
        force: bool,
    ) -> Result<(), MoveError> {
        decide::check_state(version, force)?;
        let policy = self.signatures.of_slot(slot);
        match policy.refusal(&version.signature) {
            // What came with the host is as trusted as the host.
            Some(reason) if !version.built_in => Err(MoveError::Untrusted {
                slot: slot.clone(),
                plugin: version.name.clone(),
                digest: version.digest,
                reason,
            }),
            _ => Ok(()),
        }
    }

    async fn check_trial(&self, slot: &Slot) -> Result<(), MoveError> {
        let shortfalls = match trial::report(self.store, slot).await? {
            Some(report) if report.passes => return Ok(()),
            Some(report) => report.shortfalls,
            None => vec!["it has not been compared with what serves on any job".to_owned()],
        };
        Err(MoveError::TrialShort {
            slot: slot.name.clone(),
            shortfalls,
        })
    }
}

/// Whether a lost race is worth another look.
fn may_retry(error: &StoreError, round: u32) -> bool {
    let is_race = matches!(
        error,
        StoreError::GenerationMoved { .. }
            | StoreError::SlotExists(_)
            | StoreError::UnknownSlot(_)
            | StoreError::VersionMoved { .. }
            | StoreError::VersionMayNotServe { .. }
            | StoreError::VersionServes(_)
    );
    is_race && round < MAX_ROUNDS
}
