//! One attempt at one job, from claim to the write that ends it.

use std::time::{Duration, Instant};

use phagen_analysis::AnalysisError;
use phagen_domain::{
    job::{Job, JobFailure, JobRequest, Lease, Progress},
    result::JobResult,
};
use phagen_plugin::{Recording, SlotSet};
use phagen_store::{ClaimedJob, Renewal, StoreError};
use tokio::sync::watch;
use tracing::{info, warn};

use super::{Worker, jitter, progress::LatestProgress, retry_policy};
use crate::{causes, recording, trial::Finished};

/// How often progress is written, and a wish to cancel looked for.
const HEARTBEAT: Duration = Duration::from_millis(250);

/// Why an attempt ends before its analysis does.
enum Interruption {
    LeaseLost,
    CancelRequested,
    ShuttingDown,
    /// The slots it began with have drained for too long: it begins again with those that serve.
    Superseded,
}

impl Worker {
    /// Runs the job and writes its end. A database error here is logged: the lease then runs out
    /// and the reaper takes the job back.
    pub(super) async fn attempt(&self, claimed: ClaimedJob) {
        let begun = Instant::now();
        let ClaimedJob { job, lease } = claimed;
        let (sink, progress) = LatestProgress::new();
        let generation = self.house.fleet.serving();
        let slots = generation.for_job(job.id);
        let is_recorded = job.request.record || !slots.trials.is_empty();
        let recorded = is_recorded.then(|| slots.set.recorded());
        let set = recorded.as_ref().map_or(&*slots.set, |(set, _)| set);
        let outcome = tokio::select! {
            result = self.analyse(&job.request, set, &sink) => Ok(result),
            interruption = self.watch(&lease, progress) => Err(interruption),
            () = generation.expired.cancelled() => Err(Interruption::Superseded),
        };
        let seconds = begun.elapsed().as_secs_f64();
        let (written, outcome) = match outcome {
            Ok(Ok(result)) => {
                let recorded = recorded.map(|(_, recorder)| Finished {
                    job: job.id,
                    trials: slots.trials,
                    recording: recorder.take(),
                });
                let written = self.succeed(&job, &lease, result, recorded).await;
                (written, "succeeded")
            }
            Ok(Err(error)) => {
                warn!(job = %job.id, attempt = job.attempt, %error, "job `{}` failed on attempt {}", job.id, job.attempt);
                (self.fail(&lease, job.attempt, &error).await, "failed")
            }
            Err(Interruption::CancelRequested) => (
                self.house.store.acknowledge_cancel(&lease).await,
                "cancelled",
            ),
            Err(Interruption::ShuttingDown | Interruption::Superseded) => {
                (self.house.store.release(&lease).await, "released")
            }
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

    /// Stores the result, with what was recorded if the request asked for it, then leaves the calls
    /// to the trials.
    async fn succeed(
        &self,
        job: &Job,
        lease: &Lease,
        mut result: JobResult,
        recorded: Option<Finished>,
    ) -> Result<(), StoreError> {
        if job.request.record
            && let Some(finished) = &recorded
        {
            self.keep(&finished.recording, &mut result).await;
        }
        let written = self.house.store.finish(lease, &result).await;
        if let Some(finished) = recorded {
            self.trials.offer(finished);
        }
        written
    }

    async fn analyse(
        &self,
        request: &JobRequest,
        slots: &SlotSet,
        sink: &LatestProgress,
    ) -> Result<JobResult, AnalysisError> {
        let house = &self.house;
        let as_of = house.clock.now().date_naive();
        let generation = house.corpus.generation();
        if request.record {
            let analysis = house.analysis.uncached();
            analysis.run(request, slots, as_of, generation, sink).await
        } else {
            let analysis = &house.analysis;
            analysis.run(request, slots, as_of, generation, sink).await
        }
    }

    /// Keeps a recording among the blobs. A job does not fail for want of it; its result says so.
    async fn keep(&self, recording: &Recording, result: &mut JobResult) {
        match recording::keep(&self.house.blobs, recording).await {
            Ok(digest) => result.recording = Some(digest),
            Err(error) => {
                warn!(%error, "a recording was not kept");
                result
                    .warnings
                    .push(format!("the plugins' calls were not kept: {error}"));
            }
        }
        if recording.n_dropped > 0 {
            result.warnings.push(format!(
                "{} calls of plugins had no room in the recording",
                recording.n_dropped
            ));
        }
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
        error: &AnalysisError,
    ) -> Result<(), StoreError> {
        let failure = JobFailure {
            message: causes::told(error),
            retryable: error.is_retryable(),
        };
        let delay = retry_policy(self.settings()).delay(attempt, jitter());
        self.house.store.fail(lease, &failure, delay).await
    }
}
