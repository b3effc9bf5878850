//! The one call without a slot: what a component says of itself when it is loaded.

use std::time::Instant;

use phagen_domain::{evidence::Attribute, plugin::World};
use tokio::time::timeout;
use wasmtime::Store;

use super::{place, settle};
use crate::{
    PluginError, error::Circumstances, guest::Guest, host::Shared, settings::CallLimits,
    world::Fitted,
};

/// Asks a guest that is being loaded what it is; its exports are checked for their types here.
pub(crate) async fn describe(
    shared: &Shared,
    world: World,
    fitted: &Fitted,
    limits: &CallLimits,
    mut store: Store<Guest>,
) -> Result<Vec<Attribute>, PluginError> {
    let _permit = place(shared, world).await?;
    let deadline = limits.init_deadline;
    store.data_mut().deadline = Instant::now() + deadline;
    let mut mistyped = false;
    let answer = timeout(deadline, async {
        let instance = fitted.instantiate(&mut store).await?;
        let exports = fitted
            .exports(&mut store, &instance)
            .inspect_err(|_| mistyped = true)?;
        exports.lifecycle.call_describe(&mut store).await
    })
    .await;
    if let (true, Ok(Err(error))) = (mistyped, &answer) {
        return Err(PluginError::invalid(error));
    }
    let facts = settle(answer, || Circumstances {
        call: "describe",
        deadline,
        output_bytes: limits.output_bytes_of(world),
        n_instances: shared.settings.n_instances,
        stderr: store.data().said(),
    })?;
    drop(store);
    Ok(facts.into_iter().map(Attribute::from).collect())
}
