//! One call of one guest: an instance, its limits, its end.
//!
//! Time is kept twice. The engine's tick ends a guest that computes; tokio's timer ends one that
//! waits for the host. Either way the future is dropped and the instance with it: after a trap or a
//! timeout an instance is in no state to be called again.

mod describe;
mod place;
mod tally;
mod work;

use std::time::{Duration, Instant};

use chrono::NaiveDate;
use phagen_domain::plugin::{Failure, World};
use tokio::{
    sync::SemaphorePermit,
    time::{error::Elapsed, timeout_at},
};
use wasmtime::{Store, UpdateDeadline};

use place::{fresh_store, place};
use tally::{Tally, record_seconds, tell_breaker};

pub(crate) use describe::describe;
pub(crate) use tally::{begun, span, told};
pub(crate) use work::{find, rerank, search, self_test};

use crate::{
    PluginError,
    bindings::v0_1_0::types,
    breaker::Ticket,
    convert,
    error::Circumstances,
    guest::Guest,
    kept::{KeptInstance, Past},
    record::{CallInput, Taking, Taped},
    settings::CallLimits,
    slot::ActiveSlot,
    world::{Exports, Fitted},
};

/// What the engine's tick does to a running guest: past its deadline it ends, before it lets
/// others have the thread.
pub(crate) fn on_tick(guest: &mut Guest) -> UpdateDeadline {
    guest.n_ticks += 1;
    if Instant::now() >= guest.deadline {
        UpdateDeadline::Interrupt
    } else {
        UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))
    }
}

/// A call under way.
pub(crate) struct Call<'a> {
    slot: &'a ActiveSlot,
    as_of: NaiveDate,
    name: &'static str,
    deadline: Duration,
    /// Settled or dropped before the instance goes, which takes longer.
    ticket: Option<Ticket>,
    tally: Tally<'a>,
    taking: Option<Taking>,
    /// Of an instance that answered `init`, while it may still be kept.
    kept: Option<(Exports, Past)>,
    // Goes before the permit: another call may take the place only when it is free.
    store: Store<Guest>,
    _permit: SemaphorePermit<'a>,
}

impl<'a> Call<'a> {
    /// Waits for a place, then makes a store for an instance that serves `slot`, or takes one that
    /// was kept. Refused while the slot's breaker is open.
    pub(crate) async fn begin(
        slot: &'a ActiveSlot,
        name: &'static str,
        as_of: NaiveDate,
    ) -> Result<Self, PluginError> {
        let started = Instant::now();
        let ticket = slot.guard().admit().map_err(|wait| {
            let error = PluginError::BreakerOpen {
                slot: slot.slot.to_string(),
                wait,
            };
            record_seconds(slot, name, error.code(), started);
            error
        })?;
        let mut call = Self::enter(slot, name, as_of, started, true).await?;
        call.ticket = Some(ticket);
        Ok(call)
    }

    /// The same, in a fresh instance, whatever the breaker says, and without a word to it.
    pub(crate) async fn begin_unguarded(
        slot: &'a ActiveSlot,
        name: &'static str,
        as_of: NaiveDate,
    ) -> Result<Self, PluginError> {
        Self::enter(slot, name, as_of, Instant::now(), false).await
    }

    async fn enter(
        slot: &'a ActiveSlot,
        name: &'static str,
        as_of: NaiveDate,
        started: Instant,
        may_be_kept: bool,
    ) -> Result<Self, PluginError> {
        let plugin = &slot.plugin;
        let permit = place(plugin.shared(), plugin.world())
            .await
            .inspect_err(|error| record_seconds(slot, name, error.code(), started))?;
        let taking = slot.tape().map(|_| Taking::begin(slot, as_of));
        // What is written down must not depend on calls that are not.
        let kept = slot
            .kept()
            .filter(|_| may_be_kept && taking.is_none())
            .and_then(|kept| kept.take(slot, as_of));
        let (store, kept) = match kept {
            Some(KeptInstance {
                mut store,
                exports,
                past,
            }) => {
                let corpus = slot.corpus();
                store.data_mut().begin_again(plugin.limits(), corpus);
                (store, Some((exports, past)))
            }
            None => (fresh_store(slot, as_of, taking.as_ref()), None),
        };
        Ok(Self {
            slot,
            as_of,
            name,
            deadline: Duration::ZERO,
            ticket: None,
            tally: Tally::begin(slot, name, started),
            taking,
            kept,
            store,
            _permit: permit,
        })
    }

    /// Instantiates the guest and hands it its configuration, unless that was done for a call
    /// before.
    async fn open(&mut self) -> Result<Exports, PluginError> {
        if let Some((exports, _)) = &self.kept {
            return Ok(exports.clone());
        }
        let fitted = self.slot.plugin.fitted();
        let deadline = self.arm(self.limits().init_deadline);
        let config = self.store.data().config();
        let config = convert::attributes(&config);
        let opening = async {
            let exports = exports(fitted, &mut self.store).await?;
            let answer = exports
                .lifecycle
                .call_init(&mut self.store, &config)
                .await?;
            Ok(answer.map(|()| exports))
        };
        let answer = timeout_at(deadline, opening).await;
        let exports = self.answer("init", answer)?;
        // A ticket is what tells a call that may be kept from a self-test.
        if let (Some(kept), true, None) = (self.slot.kept(), self.ticket.is_some(), &self.taking) {
            let past = kept.begin(self.slot, self.as_of);
            self.kept = past.map(|past| (exports.clone(), past));
        }
        Ok(exports)
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
        self.arm(self.limits().deadline_of(self.world()))
    }

    /// What a guest returned, unless time ran out, it broke down, or it failed.
    fn answer<T>(
        &self,
        call: &'static str,
        answer: Result<wasmtime::Result<Result<T, types::Failure>>, Elapsed>,
    ) -> Result<T, PluginError> {
        self.survived(call, answer)?.map_err(|failure| {
            let error = PluginError::Guest(Failure::from(failure));
            error.mentioning(self.store.data().first_denial())
        })
    }

    fn survived<T>(
        &self,
        call: &'static str,
        answer: Result<wasmtime::Result<T>, Elapsed>,
    ) -> Result<T, PluginError> {
        let bytes = self.store.data().limiter.bytes();
        self.tally.memory_bytes.set(bytes);
        self.tally.n_ticks.set(self.store.data().n_ticks);
        let circumstances = || Circumstances {
            call,
            deadline: self.deadline,
            output_bytes: self.limits().output_bytes_of(self.world()),
            n_instances: self.slot.plugin.shared().settings.n_instances,
            stderr: self.store.data().said(),
        };
        settle(answer, circumstances)
            .map_err(|error| error.mentioning(self.store.data().first_denial()))
    }

    fn limits(&self) -> &'a CallLimits {
        self.slot.plugin.limits()
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

    /// Counts the call under its outcome, writes it down where the slot has a tape, and keeps the
    /// instance where it may be kept.
    pub(crate) fn end<T: Taped>(
        mut self,
        answer: Result<T, PluginError>,
        input: impl FnOnce() -> CallInput,
    ) -> Result<T, PluginError> {
        let answer = answer.map_err(|e| e.mentioning(self.store.data().first_denial()));
        if let (Some(tape), Some(taking)) = (self.slot.tape(), self.taking.take()) {
            tape.end(&taking, self.slot, input(), &answer);
        }
        self.settle(answer)
    }

    /// The same for what is never written down.
    pub(crate) fn end_untaped<T>(self, answer: Result<T, PluginError>) -> Result<T, PluginError> {
        let answer = answer.map_err(|e| e.mentioning(self.store.data().first_denial()));
        self.settle(answer)
    }

    fn settle<T>(mut self, answer: Result<T, PluginError>) -> Result<T, PluginError> {
        let error = answer.as_ref().err();
        self.tally.outcome = error.map_or("ok", PluginError::code);
        let bytes = self.tally.memory_bytes.get();
        let settle = |ticket: Ticket| ticket.settle(error, bytes);
        if let Some(state) = self.ticket.take().and_then(settle) {
            tell_breaker(self.slot, state, error);
        }
        // After a failure in the guest's own words too it is in its right mind.
        let is_sound = matches!(error, None | Some(PluginError::Guest(_)));
        if let (true, Some(kept), Some((exports, past))) = (is_sound, self.slot.kept(), self.kept) {
            kept.give_back(KeptInstance {
                store: self.store,
                exports,
                past,
            });
        }
        answer
    }
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

async fn exports(fitted: &Fitted, store: &mut Store<Guest>) -> wasmtime::Result<Exports> {
    let instance = fitted.instantiate(store).await?;
    fitted.exports(store, &instance)
}
