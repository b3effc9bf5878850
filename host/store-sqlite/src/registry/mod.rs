//! The registry: each method one transaction, each move one event. What a guard turns away is told
//! apart inside the same transaction.

mod artifact;
mod comparison;
mod event;
mod host;
mod key;
mod settle;
mod slot;
mod slot_row;
mod version;

use std::time::Duration;

use async_trait::async_trait;
use phagen_domain::{
    artifact::ArtifactRecord,
    digest::Digest,
    plugin::{Cause, Comparison, PluginEvent, PluginVersion, PublisherKey, Slot, SlotName},
};
use phagen_store::{
    EventFilter, HostReport, Moved, NewVersion, RegistryStore, SlotMove, StoreError, VersionMove,
};

pub(crate) use event::list_with_slots;

use crate::SqliteStore;

#[async_trait]
impl RegistryStore for SqliteStore {
    async fn record_version(
        &self,
        version: &NewVersion,
        cause: &Cause,
    ) -> Result<(PluginVersion, bool), StoreError> {
        version::record(self, version, cause).await
    }

    async fn find_version(&self, digest: Digest) -> Result<Option<PluginVersion>, StoreError> {
        version::find(self, digest).await
    }

    async fn list_versions(&self) -> Result<Vec<PluginVersion>, StoreError> {
        version::list(self).await
    }

    async fn claim_version(&self, lease: Duration) -> Result<Option<PluginVersion>, StoreError> {
        version::claim(self, lease).await
    }

    async fn move_version(&self, change: &VersionMove) -> Result<PluginVersion, StoreError> {
        version::change(self, change).await
    }

    async fn seed_slots(&self, slots: &[Slot]) -> Result<u64, StoreError> {
        slot::seed(self, slots).await
    }

    async fn list_slots(&self) -> Result<Vec<Slot>, StoreError> {
        slot_row::list(self).await
    }

    async fn move_slot(&self, change: &SlotMove) -> Result<Moved, StoreError> {
        slot::change(self, change).await
    }

    async fn remove_slot(&self, change: &SlotMove) -> Result<PluginEvent, StoreError> {
        slot::remove(self, change).await
    }

    async fn set_generation(&self) -> Result<u64, StoreError> {
        event::set_generation(self).await
    }

    async fn list_plugin_events(
        &self,
        filter: &EventFilter,
    ) -> Result<Vec<PluginEvent>, StoreError> {
        event::list(self, filter).await
    }

    async fn report_host(&self, report: &HostReport) -> Result<(), StoreError> {
        host::report(self, report).await
    }

    async fn list_hosts(&self, age: Duration) -> Result<Vec<HostReport>, StoreError> {
        host::list(self, age).await
    }

    async fn record_comparison(&self, comparison: &Comparison) -> Result<(), StoreError> {
        comparison::record(self, comparison).await
    }

    async fn list_comparisons(
        &self,
        slot: &SlotName,
        candidate: Digest,
        limit: u32,
    ) -> Result<Vec<Comparison>, StoreError> {
        comparison::list(self, slot, candidate, limit).await
    }

    async fn add_publisher_key(&self, key: &PublisherKey) -> Result<(), StoreError> {
        key::add(self, key).await
    }

    async fn revoke_publisher_key(
        &self,
        name: &str,
        revoked_by: &str,
    ) -> Result<PublisherKey, StoreError> {
        key::revoke(self, name, revoked_by).await
    }

    async fn list_publisher_keys(&self) -> Result<Vec<PublisherKey>, StoreError> {
        key::list(self).await
    }

    async fn record_artifact(
        &self,
        artifact: &ArtifactRecord,
        recorded_by: &str,
    ) -> Result<(), StoreError> {
        artifact::record(self, artifact, recorded_by).await
    }

    async fn list_artifacts(&self) -> Result<Vec<ArtifactRecord>, StoreError> {
        artifact::list(self).await
    }
}
