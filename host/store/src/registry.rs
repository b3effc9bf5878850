//! Versions, slots, artifacts, keys and trials: what may serve, what serves where, and who moved it.
//! The bytes live in `host/blob`.

use std::time::Duration;

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

/// A change of one slot, refused when the slot has moved on from `expected`.
///
/// Whether the versions that it names may serve is the caller's to ask: tests and a slot from an
/// older schema name versions that were never recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct SlotMove {
    /// The generation that the change was decided on; none makes a slot that must not exist yet.
    pub expected: Option<u64>,
    /// The whole row as it shall be. Its generation is not read: it becomes `expected` + 1, or 1.
    pub to: Slot,
    /// The version that the event is about.
    pub digest: Digest,
    pub cause: Cause,
    /// The same key with the same move answers as the first time and changes nothing, wherever the
    /// slot is by now, for [`IdempotencyKey::LIFETIME`].
    pub key: Option<IdempotencyKey>,
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
    async fn move_version(&self, change: &VersionMove) -> Result<PluginVersion, StoreError>;

    /// Makes the slots that do not exist yet, as given, with an event and the bookkeeping of
    /// [`RegistryStore::move_slot`] each; leaves the others as they are. Returns how many it made.
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
    /// [`StoreError::GenerationMoved`], [`StoreError::UnknownSlot`], [`StoreError::SlotExists`],
    /// [`StoreError::KeyReused`].
    async fn move_slot(&self, change: &SlotMove) -> Result<Moved, StoreError>;

    /// Takes a slot away, with the same bookkeeping. `change.to` names it; what it holds is not
    /// read. The event's generation is `expected` + 1; a slot made anew under the name begins at 1.
    async fn remove_slot(&self, change: &SlotMove) -> Result<PluginEvent, StoreError>;

    /// Sequence number of the newest event that changed a slot: a process that serves an older one
    /// has to load the set again. 0 before the first. Read it before the slots: then what was
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
    async fn revoke_publisher_key(&self, name: &str) -> Result<PublisherKey, StoreError>;

    /// By name.
    async fn list_publisher_keys(&self) -> Result<Vec<PublisherKey>, StoreError>;

    /// Idempotent by digest.
    async fn record_artifact(&self, artifact: &ArtifactRecord) -> Result<(), StoreError>;

    /// Newest first.
    async fn list_artifacts(&self) -> Result<Vec<ArtifactRecord>, StoreError>;
}
