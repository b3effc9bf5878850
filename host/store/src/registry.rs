//! Versions, slots, artifacts, keys and trials: what may serve, what serves where, and who moved it.
//! The bytes live in `host/blob`.

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use phagen_domain::{
    artifact::ArtifactRecord,
    digest::Digest,
    plugin::{
        Cause, Comparison, GateReport, Manifest, PluginEvent, PluginName, PluginVersion,
        PublisherKey, Signature, Slot, SlotName, VersionState, World,
    },
};

use crate::{IdempotencyKey, StoreError};

/// Of the trials of one candidate in one slot, this many are kept: the newest.
pub const COMPARISONS_KEPT: u32 = 10_000;

/// A component that was just stored among the blobs.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVersion {
    pub digest: Digest,
    pub name: PluginName,
    pub version: Option<String>,
    pub world: World,
    pub size_bytes: u64,
    pub minisig: Option<String>,
    pub manifest: Option<Manifest>,
    pub built_in: bool,
    /// `Uploaded`; `Checked` for what came with the host itself.
    pub state: VersionState,
}

/// A move of one version between states, refused when it has left `from`.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionMove {
    pub digest: Digest,
    pub from: VersionState,
    pub to: VersionState,
    /// Appended to the version's reports.
    pub gate: Option<GateReport>,
    /// Replaces what was known of the signature.
    pub signature: Option<Signature>,
    /// Its reason becomes the version's when `to` is rejected or quarantined.
    pub cause: Cause,
}

/// A change of one slot, refused when the slot has moved on from `expected`, or when a version that
/// it newly names may not serve. Versions that were never recorded may: tests name such, and slots
/// from an older schema.
#[derive(Debug, Clone, PartialEq)]
pub struct SlotMove {
    /// The generation that the change was decided on; none makes a slot that must not exist yet.
    pub expected: Option<u64>,
    /// The whole row as it shall be. Its generation is not read: it becomes `expected` + 1, and that
    /// of a slot which is made, one past the last that any slot of its name ever had.
    pub to: Slot,
    /// The version that the event is about.
    pub digest: Digest,
    pub cause: Cause,
    /// The same key with the same move answers as the first time and changes nothing, wherever the
    /// slot is by now, for [`IdempotencyKey::LIFETIME`].
    pub key: Option<IdempotencyKey>,
    /// Quarantined versions may serve by this move. Nothing lets one serve that was rejected, or
    /// that a gate still has to look at.
    pub admits_quarantined: bool,
}

impl SlotMove {
    /// The versions that get a part in the slot, `found` as it is before the move, which they did
    /// not have: drivers ask their states in the transaction of the move. What serves may become
    /// the way back or be tried anew, whatever its state is, but what is tried or was the way back
    /// gets a part when it serves.
    pub fn newly_named(&self, found: Option<&Slot>) -> BTreeSet<Digest> {
        let [now_serving, now_candidate, now_previous] = parts(found);
        let [serving, candidate, previous] = parts(Some(&self.to));
        let was = |digest: &Digest, held: &[Option<Digest>]| held.contains(&Some(*digest));
        let newly = [
            serving.filter(|digest| !was(digest, &[now_serving])),
            candidate.filter(|digest| !was(digest, &[now_serving, now_candidate])),
            previous.filter(|digest| !was(digest, &[now_serving, now_candidate, now_previous])),
        ];
        newly.into_iter().flatten().collect()
    }

    /// Whether a version in `state` may get a part in the slot by this move.
    pub fn admits(&self, state: VersionState) -> bool {
        state.may_serve() || self.admits_quarantined && state == VersionState::Quarantined
    }
}

/// What serves, what is tried, and what served before.
fn parts(slot: Option<&Slot>) -> [Option<Digest>; 3] {
    let candidate = slot.and_then(|slot| slot.candidate.as_ref());
    [
        slot.map(|slot| &slot.serving),
        candidate.map(|candidate| &candidate.activation),
        slot.and_then(|slot| slot.previous.as_ref()),
    ]
    .map(|activation| activation.map(|activation| activation.plugin_digest))
}

/// What a slot became.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    pub slot: Slot,
    pub event: PluginEvent,
    /// The key was seen before: this is the first answer.
    pub is_repeat: bool,
}

/// Which events to list, oldest first. The default lists none: name a limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Only later ones.
    pub after: Option<u64>,
    pub slot: Option<SlotName>,
    pub digest: Option<Digest>,
    /// At most this many; 0 lists none.
    pub limit: u32,
}

/// What one process serves, as it last said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostReport {
    /// Unique among the processes that share the database.
    pub host: String,
    /// See [`RegistryStore::set_generation`].
    pub set_generation: u64,
    /// Versions that calls may still be running in, besides those of the set.
    pub draining: Vec<Digest>,
    /// Set by the database.
    pub seen_at: DateTime<Utc>,
}

#[async_trait]
pub trait RegistryStore: Send + Sync {
    /// Stores a version, idempotent by digest: the second time it answers the first row and
    /// `false`. A row that was rejected starts over from `version.state` as a new upload, its gate
    /// reports forgotten, since the policy or the host may have changed; then the answer is `true`.
    /// Its event is `Upload` (`Seed` for built-in ones), by actor and reason of `cause`; its
    /// signature is `NotSigned` until a gate has looked. One that may serve, and that a slot names
    /// already, begins in the state which that slot gives it.
    async fn record_version(
        &self,
        version: &NewVersion,
        cause: &Cause,
    ) -> Result<(PluginVersion, bool), StoreError>;

    async fn find_version(&self, digest: Digest) -> Result<Option<PluginVersion>, StoreError>;

    /// Newest first.
    async fn list_versions(&self) -> Result<Vec<PluginVersion>, StoreError>;

    /// The oldest version that awaits a gate and that nobody holds, for `lease` by the database's
    /// clock. Its next move ends the hold. A hold is no fence: whoever outlives it is turned away
    /// by [`StoreError::VersionMoved`] once another has moved the version.
    async fn claim_version(&self, lease: Duration) -> Result<Option<PluginVersion>, StoreError>;

    /// Moves a version and writes the event; [`StoreError::VersionMoved`] when it is not in `from`,
    /// [`StoreError::UnknownVersion`]. Any state but rejected and quarantined forgets the reason.
    /// What a slot serves or tries is not quarantined by this: [`StoreError::VersionServes`].
    async fn move_version(&self, change: &VersionMove) -> Result<PluginVersion, StoreError>;

    /// Makes the slots that do not exist yet, with an event, the bookkeeping and the generation of
    /// [`RegistryStore::move_slot`] each; leaves the others as they are, and leaves out those that
    /// name a version which may not serve. Returns how many it made.
    async fn seed_slots(&self, slots: &[Slot]) -> Result<u64, StoreError>;

    /// Every slot, in the order that a job walks them: sources by name, then the mappers and then
    /// the rerankers, each by place and, at one place, by name. Read in one statement: one
    /// consistent set.
    async fn list_slots(&self) -> Result<Vec<Slot>, StoreError>;

    /// Changes a slot, writes the event, and brings the states of the versions that it named or
    /// names up to date, in one transaction: `Active` when any slot serves it, else `Canary` or
    /// `Shadow` when one tries it, else `Draining` when it was one of the three. A version whose
    /// event is a quarantine becomes `Quarantined` when, after the move, no slot serves or tries
    /// it; while another slot still does it stays as it is, so a quarantine moves every slot that
    /// names it. Versions that were never recorded are left out. The event's `state` is that of
    /// `digest` after the move. One event a move: what became of the other versions follows from it.
    /// In the same transaction, and after key and generation, the states of the versions that
    /// [`SlotMove::newly_named`] lists are asked: [`StoreError::VersionMayNotServe`] names the first
    /// that the move does not admit. So of a quarantine and an activation of one version, decided
    /// at the same time, the later one sees what the earlier did.
    /// [`StoreError::GenerationMoved`], [`StoreError::UnknownSlot`], [`StoreError::SlotExists`],
    /// [`StoreError::KeyReused`].
    async fn move_slot(&self, change: &SlotMove) -> Result<Moved, StoreError>;

    /// Takes a slot away, with the same bookkeeping. `change.to` names it; what it holds is not
    /// read. The event's generation is `expected` + 1, and a slot made anew under the name begins one
    /// past it: what was decided on the old slot does not fit the new one.
    async fn remove_slot(&self, change: &SlotMove) -> Result<PluginEvent, StoreError>;

    /// Sequence number of the newest event that changed a slot or quarantined a version, which may
    /// stand behind a slot that does not name it: a process that serves an older one has to load
    /// the set again. 0 before the first. Read it before the slots: then what was
    /// loaded is at least as new as the number says.
    async fn set_generation(&self) -> Result<u64, StoreError>;

    async fn list_plugin_events(
        &self,
        filter: &EventFilter,
    ) -> Result<Vec<PluginEvent>, StoreError>;

    /// Says what this process serves. `seen_at` of the report is not read.
    async fn report_host(&self, report: &HostReport) -> Result<(), StoreError>;

    /// Processes that reported within `age`, by name.
    async fn list_hosts(&self, age: Duration) -> Result<Vec<HostReport>, StoreError>;

    /// One row for a job, a slot and a candidate: the last one counts. Forgets all but the newest
    /// [`COMPARISONS_KEPT`] of the trial. Numbers that are not finite, or out of the ranges that
    /// [`phagen_domain::plugin::Compared`] names, are refused.
    async fn record_comparison(&self, comparison: &Comparison) -> Result<(), StoreError>;

    /// The newest trials of `candidate` in `slot`, newest first.
    async fn list_comparisons(
        &self,
        slot: &SlotName,
        candidate: Digest,
        limit: u32,
    ) -> Result<Vec<Comparison>, StoreError>;

    /// [`StoreError::KeyExists`] when the name is taken by another key, [`StoreError::KeyHeld`] when
    /// the key is stored under another name: revoking one of two names would revoke nothing. The
    /// same key under the same name again changes nothing, least of all its revocation. `added_at`
    /// is the database's, `revoked_at` is not read.
    async fn add_publisher_key(&self, key: &PublisherKey) -> Result<(), StoreError>;

    /// [`StoreError::UnknownKey`]. A key that was revoked before stays revoked since then.
    async fn revoke_publisher_key(
        &self,
        name: &str,
        revoked_by: &str,
    ) -> Result<PublisherKey, StoreError>;

    /// By name.
    async fn list_publisher_keys(&self) -> Result<Vec<PublisherKey>, StoreError>;

    /// Idempotent by digest. `recorded_by` is who did it, for the record of changes.
    async fn record_artifact(
        &self,
        artifact: &ArtifactRecord,
        recorded_by: &str,
    ) -> Result<(), StoreError>;

    /// Newest first.
    async fn list_artifacts(&self) -> Result<Vec<ArtifactRecord>, StoreError>;
}

#[cfg(test)]
mod tests {
    use phagen_domain::plugin::{Activation, Candidate, Grant, Share, TrialMode, Verb};

    use super::*;

    fn activation(name: &str) -> Activation {
        Activation {
            plugin: name.to_owned(),
            plugin_digest: Digest::of(name.as_bytes()),
            artifact_digest: None,
            config: Vec::new(),
            grant: Grant::default(),
        }
    }

    /// Names of what serves, is tried and served before; `-` is nothing.
    fn slot([serving, candidate, previous]: [&str; 3]) -> Slot {
        let named = |name: &str| (name != "-").then(|| activation(name));
        Slot {
            name: "reranker".parse().unwrap(),
            world: World::Reranker,
            place: 0,
            serving: activation(serving),
            previous: named(previous),
            candidate: named(candidate).map(|activation| Candidate {
                activation,
                mode: TrialMode::Shadow,
                share: Share::ALL,
            }),
            generation: 1,
        }
    }

    fn change(to: Slot, admits_quarantined: bool) -> SlotMove {
        SlotMove {
            expected: Some(1),
            digest: to.serving.plugin_digest,
            to,
            cause: Cause::host(Verb::Activate, "a test"),
            key: None,
            admits_quarantined,
        }
    }

    #[test]
    fn a_version_is_newly_named_where_it_gets_a_part() {
        for (found, to, newly) in [
            (None, ["a", "b", "c"], &["a", "b", "c"][..]),
            (Some(["a", "b", "c"]), ["a", "b", "c"], &[]),
            (Some(["a", "-", "-"]), ["b", "-", "a"], &["b"]),
            (Some(["a", "b", "-"]), ["b", "-", "a"], &["b"]),
            (Some(["a", "-", "b"]), ["b", "-", "a"], &["b"]),
            (Some(["a", "-", "b"]), ["a", "b", "-"], &["b"]),
            (Some(["a", "-", "-"]), ["a", "a", "-"], &[]),
            (Some(["a", "b", "-"]), ["a", "-", "b"], &[]),
            (Some(["a", "-", "-"]), ["a", "-", "b"], &["b"]),
            (Some(["a", "b", "c"]), ["a", "-", "-"], &[]),
        ] {
            let found = found.map(slot);
            let change = change(slot(to), false);
            let expected: BTreeSet<Digest> = newly
                .iter()
                .map(|name| Digest::of(name.as_bytes()))
                .collect();
            assert_eq!(change.newly_named(found.as_ref()), expected, "{to:?}");
        }
    }

    #[test]
    fn only_a_quarantine_has_an_exception() {
        let [plain, admitting] = [false, true].map(|yes| change(slot(["a", "-", "-"]), yes));
        for state in VersionState::ALL {
            assert_eq!(plain.admits(state), state.may_serve(), "{state:?}");
            let is_excepted = state == VersionState::Quarantined;
            let expected = state.may_serve() || is_excepted;
            assert_eq!(admitting.admits(state), expected, "{state:?}");
        }
    }
}
