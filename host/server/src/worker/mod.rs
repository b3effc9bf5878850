//! Runs jobs: claim → analyse → finish, under a lease that a heartbeat renews.
//!
//! A worker never answers a request; it and `http` share rows in the database.

mod account;
mod attempt;
mod heartbeat;
mod progress;
mod setback;
mod training;
mod upkeep;

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use phagen_store::{ClaimedJob, RetryPolicy, StoreError};
use rand::RngExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info};

pub use heartbeat::{Heartbeat, HeartbeatError, Held, Notice};

use crate::{
    config::WorkerSettings,
    database::Database,
    house::House,
    lifecycle, snapshot,
    telemetry::JOBS_REAPED,
    trial::{self, Trials},
};

/// How often expired leases are looked for.
const REAP_EVERY: Duration = Duration::from_secs(5);

/// One worker, running one job at a time.
#[derive(Clone)]
pub struct Worker {
    house: Arc<House>,
    name: String,
    heartbeat: Heartbeat,
    trials: Trials,
    shutdown: CancellationToken,
}

/// Starts the workers on `tasks`, and with them the heartbeat, the reaper, the trials and the gates.
/// `pulse` is called at each beat of the heartbeat.
pub async fn start(
    house: &Arc<House>,
    pulse: impl Fn() + Send + 'static,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) -> Result<(), HeartbeatError> {
    let settings = &house.settings.worker;
    if settings.count == 0 {
        return Ok(());
    }
    let database = Database::of(&house.settings);
    let heartbeat = Heartbeat::start(database, settings.lease(), pulse, tasks).await?;
    let (trials, finished) = Trials::new();
    for number in 1..=settings.count {
        let name = format!("{}-{number}", house.fleet.host());
        let worker = Worker {
            house: Arc::clone(house),
            name,
            heartbeat: heartbeat.clone(),
            trials: trials.clone(),
            shutdown: shutdown.clone(),
        };
        tasks.spawn(worker.run());
    }
    tasks.spawn(reap(Arc::clone(house), shutdown.clone()));
    tasks.spawn(trial::run(
        finished,
        Arc::clone(&house.store),
        Arc::clone(&house.clock),
        shutdown.clone(),
    ));
    tasks.spawn(upkeep::run(Arc::clone(house), shutdown.clone()));
    tasks.spawn(snapshot::refresh(Arc::clone(house), shutdown.clone()));
    tasks.spawn(training::run(Arc::clone(house), shutdown.clone()));
    tasks.spawn(lifecycle::run(Arc::clone(house), shutdown.clone()));
    Ok(())
}

impl Worker {
    /// Works until shutdown; what runs then is finished or handed back.
    async fn run(self) {
        while !self.shutdown.is_cancelled() {
            match self.claim().await {
                // Boxed: the whole walk of a job is in that future, and it would lie on every stack.
                Ok(Some(claimed)) => Box::pin(self.attempt(claimed)).await,
                Ok(None) => self.rest().await,
                Err(error) => {
                    error!(worker = %self.name, %error, "worker cannot claim a job; it tries again");
                    self.rest().await;
                }
            }
        }
    }

    async fn claim(&self) -> Result<Option<ClaimedJob>, StoreError> {
        let (store, lease) = (&self.house.store, self.settings().lease());
        match NonZeroU32::new(self.settings().max_running_per_key) {
            None => store.claim(&self.name, lease).await,
            Some(most) => store.claim_fairly(&self.name, lease, most).await,
        }
    }

    /// Until a job is announced, the poll is due or the process stops.
    async fn rest(&self) {
        let poll = Duration::from_millis(self.settings().poll_milliseconds);
        tokio::select! {
            () = self.house.wake.notified() => {}
            () = tokio::time::sleep(poll.mul_f64(1.0 + 0.25 * jitter())) => {}
            () = self.shutdown.cancelled() => {}
        }
    }

    fn settings(&self) -> &WorkerSettings {
        &self.house.settings.worker
    }
}

/// Takes back jobs whose worker died.
async fn reap(house: Arc<House>, shutdown: CancellationToken) {
    let policy = retry_policy(&house.settings.worker);
    let mut interval = tokio::time::interval(REAP_EVERY);
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = shutdown.cancelled() => return,
        }
        match house.store.reap(policy).await {
            Ok(0) => {}
            Ok(n_jobs) => {
                metrics::counter!(JOBS_REAPED).increment(n_jobs);
                info!(n_jobs, "took back jobs whose lease ran out");
                house.wake.notify_waiters();
            }
            Err(error) => error!(%error, "cannot look for expired leases; tries again"),
        }
    }
}

pub(crate) fn retry_policy(settings: &WorkerSettings) -> RetryPolicy {
    RetryPolicy {
        base: Duration::from_secs(settings.retry_base_seconds),
        cap: Duration::from_secs(settings.retry_cap_seconds),
    }
}

/// In -1..=1. Chance only spreads polls and retries; no result depends on it.
pub(crate) fn jitter() -> f64 {
    rand::rng().random_range(-1.0..=1.0)
}
