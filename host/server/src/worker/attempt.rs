//! One attempt at one job, from claim to the write that ends it.

use std::time::{Duration, Instant};

use phagen_analysis::AnalysisError;
use phagen_domain::{
    job::{JobFailure, JobRequest, Lease, Progress},
    result::JobResult,
};
use phagen_store::{ClaimedJob, Renewal, StoreError};
use tokio::sync::watch;
use tracing::{info, warn};

use super::{Worker, jitter, progress::LatestProgress, retry_policy};
use crate::slots::SlotError;

/// How often progress is written, and a wish to cancel looked for.
const HEARTBEAT: Duration = Duration::from_millis(250);

/// Why an attempt yields no result.
#[derive(Debug, thiserror::Error)]
enum AttemptError {
    #[error(transparent)]
    Slots(#[from] SlotError),
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
}

impl AttemptError {
    /// A lost file or a busy pool may heal; a request that no slot fits will not.
    fn is_retryable(&self) -> bool {
        match self {
            Self::Slots(_) => true,
            Self::Analysis(error) => error.is_retryable(),
        }
    }
}

/// Why an attempt ends before its analysis does.
enum Interruption {
    LeaseLost,
    CancelRequested,
    ShuttingDown,
}

impl Worker {
    /// Runs the job and writes its end. A database error here is logged: the lease then runs out
    /// and the reaper takes the job back.
    pub(super) async fn attempt(&self, claimed: ClaimedJob) {
        let begun = Instant::now();
        let ClaimedJob { job, lease } = claimed;
        let (sink, progress) = LatestProgress::new();
        let outcome = tokio::select! {
            result = self.analyse(&job.request, &sink) => Ok(result),
            interruption = self.watch(&lease, progress) => Err(interruption),
        };
        let seconds = begun.elapsed().as_secs_f64();
        let (written, outcome) = match outcome {
            Ok(Ok(result)) => (self.house.store.finish(&lease, &result).await, "succeeded"),
            Ok(Err(error)) => {
                warn!(job = %job.id, attempt = job.attempt, %error, "job `{}` failed on attempt {}", job.id, job.attempt);
                (self.fail(&lease, job.attempt, &error).await, "failed")
            }
            Err(Interruption::CancelRequested) => (
                self.house.store.acknowledge_cancel(&lease).await,
                "cancelled",
            ),
            Err(Interruption::ShuttingDown) => (self.house.store.release(&lease).await, "released"),
            Err(Interruption::LeaseLost) => (Err(StoreError::LeaseLost(job.id)), "lost"),
        };
        metrics::counter!("phagen_job_attempts_total", "outcome" => outcome).increment(1);
        metrics::histogram!("phagen_job_attempt_seconds", "outcome" => outcome).record(seconds);
        match written {
            Ok(()) => {
                info!(job = %job.id, outcome, milliseconds = seconds * 1000.0, "job `{}` {outcome}", job.id);
            }
            Err(error) => warn!(job = %job.id, %error, "end of job `{}` was not stored", job.id),
        }
    }

    async fn analyse(
        &self,
        request: &JobRequest,
        sink: &LatestProgress,
    ) -> Result<JobResult, AttemptError> {
        let house = &self.house;
        let slots = house.slots.load().await?;
        let as_of = house.clock.now().date_naive();
        let generation = house.corpus.generation();
        Ok(house
            .analysis
            .run(request, &slots, as_of, generation, sink)
            .await?)
    }

    /// Renews the lease and writes progress until there is a reason to stop.
    async fn watch(
        &self,
        lease: &Lease,
        mut progress: watch::Receiver<Option<Progress>>,
    ) -> Interruption {
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.tick().await;
        // Made once: each beat would begin the time to finish anew.
        let mut drained = std::pin::pin!(self.drained());
        loop {
            tokio::select! {
                _ = heartbeat.tick() => {}
                () = &mut drained => return Interruption::ShuttingDown,
            }
            if let Some(interruption) = self.renew(lease).await {
                return interruption;
            }
            if progress.has_changed().unwrap_or(false) {
                let latest = progress.borrow_and_update().clone();
                if let Some(latest) = latest
                    && let Err(error) = self.house.store.report_progress(lease, &latest).await
                {
                    warn!(job = %lease.job_id, %error, "progress of job `{}` was not stored", lease.job_id);
                }
            }
        }
    }

    async fn renew(&self, lease: &Lease) -> Option<Interruption> {
        let renewals = match self
            .house
            .store
            .renew(std::slice::from_ref(lease), self.settings().lease())
            .await
        {
            Ok(renewals) => renewals,
            Err(error) => {
                // The lease still holds for a while: the next beat may get through.
                warn!(job = %lease.job_id, %error, "lease on job `{}` was not renewed; tries again", lease.job_id);
                return None;
            }
        };
        match renewals.first() {
            Some(Renewal::Extended {
                cancel_requested: false,
                ..
            }) => None,
            Some(Renewal::Extended {
                cancel_requested: true,
                ..
            }) => Some(Interruption::CancelRequested),
            Some(Renewal::Lost { .. }) | None => Some(Interruption::LeaseLost),
        }
    }

    /// Resolves once the process stops and the time to finish is used up.
    async fn drained(&self) {
        self.shutdown.cancelled().await;
        tokio::time::sleep(Duration::from_secs(self.settings().drain_seconds)).await;
    }

    async fn fail(
        &self,
        lease: &Lease,
        attempt: u32,
        error: &AttemptError,
    ) -> Result<(), StoreError> {
        let failure = JobFailure {
            message: chain(error),
            retryable: error.is_retryable(),
        };
        let delay = retry_policy(self.settings()).delay(attempt, jitter());
        self.house.store.fail(lease, &failure, delay).await
    }
}

/// The error with its causes, as one line for the job's row.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
