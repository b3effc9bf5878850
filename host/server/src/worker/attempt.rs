//! One attempt at one job, from claim to the write that ends it.

use std::time::{Duration, Instant};

use phagen_analysis::{AnalysisError, CorpusState};
use phagen_domain::{
    job::{Job, JobFailure, JobRequest, Lease, Progress},
    result::JobResult,
};
use phagen_plugin::{Recording, SlotSet};
use phagen_store::{ClaimedJob, StoreError};
use tokio::sync::watch;
use tracing::{info, warn};

use super::{
    Worker,
    heartbeat::{Held, Notice},
    jitter,
    progress::LatestProgress,
    retry_policy,
};
use crate::{causes, recording, trial::Finished};

/// How often progress is written.
const REPORT_EVERY: Duration = Duration::from_millis(250);

/// Why an attempt ends before its analysis does.
enum Interruption {
    LeaseLost,
    CancelRequested,
    ShuttingDown,
    /// The slots it began with have drained for too long: it begins again with those that serve.
    Superseded,
}

impl From<Notice> for Interruption {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::LeaseLost => Self::LeaseLost,
            Notice::CancelRequested => Self::CancelRequested,
        }
    }
}

impl Worker {
    /// Runs the job and writes its end. A database error here is logged: the lease then runs out
    /// and the reaper takes the job back.
    pub(super) async fn attempt(&self, claimed: ClaimedJob) {
        let begun = Instant::now();
        let ClaimedJob { job, lease } = claimed;
        // Until the end is written, not only until it is reached.
        let mut held = self.heartbeat.hold(&lease);
        let (sink, progress) = LatestProgress::new();
        let generation = self.house.fleet.serving();
        let slots = generation.for_job(job.id);
        let is_recorded = job.request.record || !slots.trials.is_empty();
        let recorded = is_recorded.then(|| slots.set.recorded());
        let set = recorded.as_ref().map_or(&*slots.set, |(set, _)| set);
        let outcome = tokio::select! {
            result = self.analyse(&job.request, set, &sink) => Ok(result),
            interruption = self.watch(&mut held, &lease, progress) => Err(interruption),
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
        let corpus = CorpusState {
            generation: house.corpus.generation(),
            digest: Some(house.corpus.state()),
        };
        if request.record {
            let analysis = house.analysis.uncached();
            analysis.run(request, slots, as_of, corpus, sink).await
        } else {
            let analysis = &house.analysis;
            analysis.run(request, slots, as_of, corpus, sink).await
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

    /// Writes progress until there is a reason to stop.
    async fn watch(
        &self,
        held: &mut Held,
        lease: &Lease,
        mut progress: watch::Receiver<Option<Progress>>,
    ) -> Interruption {
        let mut reports = tokio::time::interval(REPORT_EVERY);
        reports.tick().await;
        // Made once: each report would begin the time to finish anew.
        let mut drained = std::pin::pin!(self.drained());
        loop {
            tokio::select! {
                _ = reports.tick() => {}
                notice = held.notice() => return notice.into(),
                () = &mut drained => return Interruption::ShuttingDown,
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
