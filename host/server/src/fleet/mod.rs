//! What this process serves: one pointer to a whole set of slots. A change of any slot makes a new
//! set beside the old one, tried before anyone sees it, and swaps the pointer; jobs keep the set
//! they began with until they end or its time to drain is used up.
//!
//! The database says what shall serve, and every process that shares it follows within a second.
//! A version that cannot serve changes nothing here, and its slot is taken back in the database.

mod built_in;
mod drain;
mod generation;
mod loader;
mod prepare;
mod rollback;
mod watch;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use phagen_domain::{
    clock::Clock,
    digest::Digest,
    plugin::{Cause, Slot, SlotName, Verb, VersionState},
};
use phagen_store::{SlotMove, Store, StoreError};
use tokio::sync::Notify;

pub use built_in::BuiltIns;
pub(crate) use built_in::activation;
pub use generation::{Generation, JobSlots, Trial};
pub use loader::{SlotError, SlotLoader};

use drain::Draining;
use prepare::Plan;
use rollback::Probation;

/// How long things may take and what a version may get wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FleetSettings {
    /// How often the database is asked for news.
    pub poll: Duration,
    /// How long jobs may still run with a set that was replaced.
    pub drain: Duration,
    /// How long, and for how many calls, a new version may be taken back by the host itself.
    pub rollback_window: Duration,
    pub rollback_calls: u64,
    /// Slowest answers (p99) a new version may give, as a multiple of the one before.
    pub latency_ratio: f64,
}

impl Default for FleetSettings {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(250),
            drain: Duration::from_secs(30),
            rollback_window: Duration::from_mins(10),
            rollback_calls: 500,
            latency_ratio: 3.0,
        }
    }
}

pub struct Fleet {
    store: Arc<dyn Store>,
    loader: Arc<SlotLoader>,
    clock: Arc<dyn Clock>,
    settings: FleetSettings,
    /// Unique among the processes that share the database.
    host: String,
    serving: ArcSwap<Generation>,
    draining: Mutex<Draining>,
    probation: Probation,
    /// Slots that wait for what cannot be fetched, as it was last told.
    waiting: Mutex<Vec<(SlotName, String)>>,
    news: Notify,
}

impl Fleet {
    /// Loads what the database says shall serve.
    pub async fn open(
        store: Arc<dyn Store>,
        loader: Arc<SlotLoader>,
        clock: Arc<dyn Clock>,
        settings: FleetSettings,
    ) -> Result<Arc<Self>, SlotError> {
        let as_of = clock.now().date_naive();
        let plan = Plan::read(&*store).await?;
        let prepared = prepare::prepare(&loader, None, plan, as_of).await?;
        let fleet = Arc::new(Self {
            store,
            loader,
            clock,
            settings,
            host: format!("{}-{:08x}", std::process::id(), rand::random::<u32>()),
            serving: ArcSwap::from_pointee(prepared.generation),
            draining: Mutex::default(),
            probation: Probation::default(),
            waiting: Mutex::default(),
            news: Notify::new(),
        });
        for refusal in prepared.refusals {
            fleet.take_back(&refusal).await;
        }
        Ok(fleet)
    }

    /// The set that serves now. Take it once per job.
    pub fn serving(&self) -> Arc<Generation> {
        self.serving.load_full()
    }

    /// What this process is called among those that share the database.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn loader(&self) -> &Arc<SlotLoader> {
        &self.loader
    }

    /// Looks for news at once instead of at the next poll.
    pub fn nudge(&self) {
        self.news.notify_one();
    }

    /// Follows the database: true when another set serves now.
    pub async fn refresh(&self) -> Result<bool, SlotError> {
        let set_generation = self.store.set_generation().await?;
        let current = self.serving();
        if set_generation == current.set_generation {
            return Ok(false);
        }
        let plan = Plan::read(&*self.store).await?;
        let as_of = self.clock.now().date_naive();
        let prepared = prepare::prepare(&self.loader, Some(&current), plan, as_of).await?;
        let has_changed = prepared.generation.differs_from(&current);
        if has_changed {
            let set_generation = prepared.generation.set_generation;
            tracing::info!(
                set_generation,
                "slots of generation {set_generation} serve now"
            );
            self.probation.follow(&current, &prepared.generation);
            drop(current);
            let old = self.serving.swap(Arc::new(prepared.generation));
            self.begin_draining(old);
        }
        self.tell_waiting(prepared.waiting);
        for refusal in prepared.refusals {
            self.take_back(&refusal).await;
        }
        Ok(has_changed)
    }

    /// Once for each outage, not at each look.
    fn tell_waiting(&self, waiting: Vec<(SlotName, String)>) {
        let mut told = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for (slot, why) in waiting.iter().filter(|now| !told.contains(now)) {
            tracing::error!(%slot, "slot `{slot}` waits, and what serves there goes on: {why}");
        }
        *told = waiting;
    }

    /// Writes a move that the host itself decided on. Losing the race to someone else's is no
    /// fault: theirs is newer. Fails when what the move leads to may not serve, and only then.
    async fn write(&self, to: Slot, digest: Digest, cause: Cause) -> Result<(), MayNotServe> {
        let name = to.name.clone();
        let verb = cause.verb;
        let reason = cause.reason.clone().unwrap_or_default();
        let change = decided(to, digest, cause);
        match self.store.move_slot(&change).await {
            Ok(_) => {
                metrics::counter!("phagen_plugin_rollbacks_total", "slot" => name.to_string())
                    .increment(1);
                tracing::error!(slot = %name, "slot `{name}`: {} by the host: {reason}", verb.as_str());
                self.nudge();
            }
            Err(StoreError::GenerationMoved { .. } | StoreError::UnknownSlot(_)) => {}
            Err(StoreError::VersionMayNotServe { digest, state }) => {
                return Err(MayNotServe { digest, state });
            }
            Err(error) => {
                tracing::error!(slot = %name, %error, "slot `{name}` could not be taken back");
            }
        }
        Ok(())
    }

    /// Lets a slot serve what served before. Where that may not serve any more, the slot stays as
    /// it is and loses its way back, so that nothing falls back to it either.
    async fn write_back(&self, row: &Slot, cause: Cause) {
        let Some(previous) = row.previous.clone() else {
            return;
        };
        let mut to = row.clone();
        to.previous = None;
        let given_up = to.clone();
        to.serving = previous;
        let written = self.write(to, row.serving.plugin_digest, cause).await;
        if let Err(MayNotServe { digest, state }) = written {
            let reason = format!(
                "what served before is {} and no way back any more: activate another version",
                state.as_str()
            );
            let cause = Cause::host(Verb::Rollback, reason);
            // Nothing is newly named, so there is nothing more to refuse.
            drop(self.write(given_up, digest, cause).await);
        }
    }

    /// Undoes in the database what could not be prepared.
    async fn take_back(&self, refusal: &prepare::Refusal) {
        let row = &refusal.row;
        let digest = refusal.digest;
        let cause = Cause::host(Verb::Rollback, refusal.reason.clone());
        let mut to = row.clone();
        if refusal.is_candidate {
            to.candidate = None;
        } else if let Some(previous) = to.previous.take() {
            to.serving = previous;
        } else {
            tracing::error!(slot = %row.name, "slot `{}` cannot serve and has no version before: {}", row.name, refusal.reason);
            self.remove(to, digest, cause).await;
            return;
        }
        if self.write(to, digest, cause.clone()).await.is_err() {
            tracing::error!(slot = %row.name, "slot `{}` cannot serve, and what served before may not: {}", row.name, refusal.reason);
            self.remove(row.clone(), digest, cause).await;
        }
    }

    /// A slot that cannot serve and has no way back goes. A built-in one is seeded again at the next
    /// start.
    async fn remove(&self, to: Slot, digest: Digest, cause: Cause) {
        let change = decided(to, digest, cause);
        match self.store.remove_slot(&change).await {
            // Lost to another host, or to somebody who has moved on.
            Ok(_) | Err(StoreError::GenerationMoved { .. } | StoreError::UnknownSlot(_)) => {}
            Err(error) => {
                tracing::error!(slot = %change.to.name, %error, "slot `{}` could not be removed", change.to.name);
            }
        }
    }
}

/// Why a move of the host's own was not made.
struct MayNotServe {
    digest: Digest,
    state: VersionState,
}

/// A move of the host's own, from the row as it was read.
fn decided(to: Slot, digest: Digest, cause: Cause) -> SlotMove {
    SlotMove {
        expected: Some(to.generation),
        to,
        digest,
        cause,
        key: None,
        admits_quarantined: false,
    }
}
