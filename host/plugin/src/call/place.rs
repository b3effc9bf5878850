//! Room for a call: a place among the instances at work, and a store with nothing in it.

use std::sync::Arc;

use chrono::NaiveDate;
use phagen_domain::plugin::World;
use tokio::{sync::SemaphorePermit, time::timeout};
use wasmtime::Store;

use crate::{
    PluginError,
    engine::Purpose,
    guest::{Guest, Role, Surroundings},
    host::Shared,
    record::Taking,
    slot::ActiveSlot,
};

/// Waits for one of the engine's places.
pub(super) async fn place(
    shared: &Shared,
    world: World,
) -> Result<SemaphorePermit<'_>, PluginError> {
    let waited = shared.settings.limits.queue_deadline;
    let instances = shared.instances(Purpose::of(world));
    match timeout(waited, instances.acquire()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(PluginError::PoolFull {
            n_instances: shared.settings.n_instances,
            waited,
        }),
    }
}

/// An empty store for an instance that is made for one call of `slot`.
pub(super) fn fresh_store(
    slot: &ActiveSlot,
    as_of: NaiveDate,
    taking: Option<&Taking>,
) -> Store<Guest> {
    let plugin = &slot.plugin;
    let shared = plugin.shared();
    let role = Role {
        plugin: plugin.name().to_owned(),
        slot: slot.slot.to_string(),
        config: slot.activation.config.clone(),
        artifact: slot.artifact.clone(),
        asked: plugin.asked(),
        granted: slot.activation.grant.clone(),
        as_of,
        log: Arc::clone(plugin.log()),
    };
    let surroundings = Surroundings {
        corpus: taking.map_or_else(|| slot.corpus(), Taking::corpus),
        egress: slot.egress(),
        witness: taking.map_or_else(|| slot.outside.witness.clone(), Taking::witness),
    };
    shared.store(plugin.world(), plugin.limits(), role, surroundings)
}
