//! Slots and artifacts: what serves where. The bytes live in `host/blob`.

use async_trait::async_trait;
use phagen_domain::{
    artifact::ArtifactRecord,
    digest::Digest,
    plugin::{Slot, SlotName},
};

use crate::StoreError;

/// A change of one slot, refused when the slot has moved on from `generation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotChange {
    pub slot: SlotName,
    pub generation: u64,
    pub artifact_digest: Option<Digest>,
}

#[async_trait]
pub trait RegistryStore: Send + Sync {
    /// Inserts the slots that do not exist yet; leaves the others as they are. Returns how many
    /// it inserted.
    async fn seed_slots(&self, slots: &[Slot]) -> Result<u64, StoreError>;

    /// Every slot, by name, read in one statement: one consistent set.
    async fn list_slots(&self) -> Result<Vec<Slot>, StoreError>;

    /// Makes another artifact serve in a slot. Returns the new generation.
    async fn change_artifact(&self, change: &SlotChange) -> Result<u64, StoreError>;

    /// Makes a slot follow the built-in plugin that the share folder now holds: writes the row as
    /// given, artifact included, under the next generation. Touches no row whose plugin is already
    /// `slot.plugin_digest`, and none that serves a plugin of another name. Returns whether it
    /// wrote.
    async fn update_builtin(&self, slot: &Slot) -> Result<bool, StoreError>;

    /// Idempotent by digest.
    async fn record_artifact(&self, artifact: &ArtifactRecord) -> Result<(), StoreError>;

    /// Newest first.
    async fn list_artifacts(&self) -> Result<Vec<ArtifactRecord>, StoreError>;
}
