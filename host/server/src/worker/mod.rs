//! Runs jobs: claim → analyse → finish, under a lease that a heartbeat renews.
//!
//! A worker never answers a request; it and `http` share rows in the database.

mod attempt;
mod progress;

use std::{sync::Arc, time::Duration};

use phagen_store::RetryPolicy;
use rand::RngExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info};

use crate::{
    config::WorkerSettings,
    house::House,
    lifecycle,
    trial::{self, Trials},
};

/// How often expired leases are looked for.
const REAP_EVERY: Duration = Duration::from_secs(5);

/// One worker, running one job at a time.
#[derive(Clone)]
pub struct Worker {
    house: Arc<House>,
    name: String,
    trials: Trials,
    shutdown: CancellationToken,
}

/// Starts the embedded workers on `tasks`, and with them the reaper, the trials and the gates.
pub fn start(house: &Arc<House>, tasks: &TaskTracker, shutdown: &CancellationToken) {
    let count = house.settings.worker.count;
    let (trials, finished) = Trials::new();
    for number in 1..=count {
        let name = format!("{}-{number}", std::process::id());
        let worker = Worker {
            house: Arc::clone(house),
            name,
            trials: trials.clone(),
            shutdown: shutdown.clone(),
        };
        tasks.spawn(worker.run());
    }
    if count > 0 {
        tasks.spawn(reap(Arc::clone(house), shutdown.clone()));
        tasks.spawn(trial::run(
            finished,
            Arc::clone(&house.store),
            Arc::clone(&house.clock),
            shutdown.clone(),
        ));
        tasks.spawn(lifecycle::run(Arc::clone(house), shutdown.clone()));
    }
}

impl Worker {
    /// Works until shutdown; what runs then is finished or handed back.
    async fn run(self) {
        while !self.shutdown.is_cancelled() {
            match self
                .house
                .store
                .claim(&self.name, self.settings().lease())
                .await
            {
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
