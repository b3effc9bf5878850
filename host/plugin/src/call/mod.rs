//! One call of one guest: a fresh instance, its limits, its end.
//!
//! Time is kept twice. The engine's tick ends a guest that computes; tokio's timer ends one that
//! waits for the host. Either way the future is dropped and the instance with it: after a trap or a
//! timeout an instance is in no state to be called again.

mod work;

use std::time::{Duration, Instant};

use chrono::NaiveDate;
use phagen_domain::{
    evidence::Attribute,
    plugin::{Failure, World},
};
use tokio::{
    sync::SemaphorePermit,
    time::{error::Elapsed, timeout, timeout_at},
};
use wasmtime::{Store, UpdateDeadline};

pub(crate) use work::{find, rerank, search, self_test};

use crate::{
    PluginError,
    bindings::v0_1_0::types,
    convert,
    engine::Purpose,
    error::Circumstances,
    guest::{Guest, Role},
    host::Shared,
    slot::ActiveSlot,
    world::{Exports, Fitted},
};

/// What the engine's tick does to a running guest: past its deadline it ends, before it lets
/// others have the thread.
pub(crate) fn on_tick(guest: &Guest) -> UpdateDeadline {
    if Instant::now() >= guest.deadline {
        UpdateDeadline::Interrupt
    } else {
        UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))
    }
}

/// A call under way. Whatever happens, it is counted once when it goes.
pub(crate) struct Call<'a> {
    slot: &'a ActiveSlot,
    name: &'static str,
    started: Instant,
    deadline: Duration,
    outcome: &'static str,
    // Goes before the permit: another call may take the place only when it is free.
    store: Store<Guest>,
    _permit: SemaphorePermit<'a>,
}

impl<'a> Call<'a> {
    /// Waits for a place, then makes a store for an instance that serves `slot`.
    pub(crate) async fn begin(
        slot: &'a ActiveSlot,
        name: &'static str,
        as_of: NaiveDate,
    ) -> Result<Self, PluginError> {
        let plugin = &slot.plugin;
        let world = plugin.world();
        let shared = plugin.shared();
        let started = Instant::now();
        let permit = place(shared, world).await.inspect_err(|error| {
            record_seconds(slot, name, error.code(), started);
        })?;
        let role = Role {
            plugin: plugin.name().to_owned(),
            slot: slot.slot.name.to_string(),
            config: slot.slot.config.clone(),
            artifact: slot.artifact.clone(),
            grant: slot.slot.grant,
            as_of,
        };
        Ok(Self {
            slot,
            name,
            started,
            deadline: Duration::ZERO,
            outcome: "cancelled",
            store: shared.store(world, role),
            _permit: permit,
        })
    }

    /// Instantiates the guest and hands it its configuration.
    async fn open(&mut self) -> Result<Exports, PluginError> {
        let fitted = self.slot.plugin.fitted();
        let deadline = self.arm(self.shared().settings.limits.init_deadline);
        let config = convert::attributes(&self.slot.slot.config);
        let opening = async {
            let exports = exports(fitted, &mut self.store).await?;
            let answer = exports
                .lifecycle
                .call_init(&mut self.store, &config)
                .await?;
            Ok(answer.map(|()| exports))
        };
        let answer = timeout_at(deadline, opening).await;
        self.answer("init", answer)
    }

    /// Sets the engine's clock to end the guest `limit` from now, and returns the time for tokio's.
    fn arm(&mut self, limit: Duration) -> tokio::time::Instant {
        let deadline = Instant::now() + limit;
        self.deadline = limit;
        self.store.data_mut().deadline = deadline;
        deadline.into()
    }

    /// Gives the guest the time of its world for everything after `init`.
    fn arm_for_work(&mut self) -> tokio::time::Instant {
        let limits = &self.shared().settings.limits;
        self.arm(match self.world() {
            World::Source => limits.deadline,
            World::Mapper | World::Reranker => limits.scoring_deadline,
        })
    }

    /// What a guest returned, unless time ran out, it broke down, or it failed.
    fn answer<T>(
        &self,
        call: &'static str,
        answer: Result<wasmtime::Result<Result<T, types::Failure>>, Elapsed>,
    ) -> Result<T, PluginError> {
        self.survived(call, answer)?
            .map_err(|failure| PluginError::Guest(Failure::from(failure)))
    }

    fn survived<T>(
        &self,
        call: &'static str,
        answer: Result<wasmtime::Result<T>, Elapsed>,
    ) -> Result<T, PluginError> {
        let circumstances = || Circumstances {
            call,
            deadline: self.deadline,
            output_bytes: self.shared().output_bytes(self.world()),
            n_instances: self.shared().settings.n_instances,
            stderr: self.store.data().said(),
        };
        settle(answer, circumstances)
    }

    fn shared(&self) -> &'a Shared {
        self.slot.plugin.shared()
    }

    fn world(&self) -> World {
        self.slot.plugin.world()
    }

    /// For a slot that holds a plugin of another world than the one asked for.
    fn not_of_this_world(&self) -> PluginError {
        PluginError::NotOfThisWorld {
            call: self.name,
            plugin: self.slot.plugin.name().to_owned(),
            world: self.world(),
        }
    }

    /// Counts the call under its outcome.
    pub(crate) fn end<T>(mut self, answer: Result<T, PluginError>) -> Result<T, PluginError> {
        self.outcome = match &answer {
            Ok(_) => "ok",
            Err(error) => error.code(),
        };
        answer
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        record_seconds(self.slot, self.name, self.outcome, self.started);
        #[expect(clippy::cast_precision_loss, reason = "a metric, far below 2^52 bytes")]
        let bytes = self.store.data().limiter.bytes() as f64;
        metrics::histogram!(
            "phagen_plugin_memory_bytes",
            "slot" => self.slot.slot.name.as_str().to_owned(),
            "plugin" => self.slot.plugin.label().to_owned(),
        )
        .record(bytes);
    }
}

fn record_seconds(slot: &ActiveSlot, call: &'static str, outcome: &'static str, started: Instant) {
    metrics::histogram!(
        "phagen_plugin_call_seconds",
        "slot" => slot.slot.name.as_str().to_owned(),
        "plugin" => slot.plugin.label().to_owned(),
        "call" => call,
        "outcome" => outcome,
    )
    .record(started.elapsed());
}

fn settle<T>(
    answer: Result<wasmtime::Result<T>, Elapsed>,
    circumstances: impl FnOnce() -> Circumstances,
) -> Result<T, PluginError> {
    match answer {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(circumstances().explain(&error)),
        Err(Elapsed { .. }) => {
            let Circumstances { call, deadline, .. } = circumstances();
            Err(PluginError::Timeout { call, deadline })
        }
    }
}

/// Waits for one of the engine's places.
async fn place(shared: &Shared, world: World) -> Result<SemaphorePermit<'_>, PluginError> {
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

async fn exports(fitted: &Fitted, store: &mut Store<Guest>) -> wasmtime::Result<Exports> {
    let instance = fitted.instantiate(store).await?;
    fitted.exports(store, &instance)
}

/// Asks a guest that is being loaded what it is; its exports are checked for their types here.
pub(crate) async fn describe(
    shared: &Shared,
    world: World,
    fitted: &Fitted,
    mut store: Store<Guest>,
) -> Result<Vec<Attribute>, PluginError> {
    let _permit = place(shared, world).await?;
    let deadline = shared.settings.limits.init_deadline;
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
        output_bytes: shared.output_bytes(world),
        n_instances: shared.settings.n_instances,
        stderr: store.data().said(),
    })?;
    drop(store);
    Ok(facts.into_iter().map(Attribute::from).collect())
}
