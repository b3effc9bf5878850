//! One attempt at one job, from claim to the write that ends it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use phagen_analysis::{AnalysisError, CorpusState};
use phagen_corpus::Corpus;
use phagen_domain::{
    job::{Job, JobRequest, Lease, Progress},
    result::JobResult,
};
use phagen_plugin::{CorpusSearch, Recording, SlotSet};
use phagen_store::{ClaimedJob, StoreError};
use tokio::sync::watch;
use tracing::{Instrument as _, warn};

use super::{
    Worker,
    account::{self, Ending},
    heartbeat::{Held, Notice},
    jitter,
    progress::LatestProgress,
    retry_policy,
    setback::Setback,
};
use crate::{recording, snapshot::PinnedCorpus, trial::Finished};

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
        let span = account::span_of(&claimed.job);
        self.run_attempt(claimed).instrument(span).await;
    }

    async fn run_attempt(&self, claimed: ClaimedJob) {
        let begun = Instant::now();
        let ClaimedJob { job, lease } = claimed;
        // Until the end is written, not only until it is reached.
        let mut held = self.heartbeat.hold(&lease);
        let (sink, progress) = LatestProgress::new();
        let generation = self.house.fleet.serving();
        let slots = generation.for_job(job.id);
        let is_recorded = job.request.record || !slots.trials.is_empty();
        // One index for the whole job, whatever serves before its end.
        let corpus = self.house.corpus.now();
        let pinned: Arc<dyn CorpusSearch> = Arc::new(PinnedCorpus(Arc::clone(&corpus)));
        let set = slots.set.reading(&pinned);
        let recorded = is_recorded.then(|| set.recorded());
        let set = recorded.as_ref().map_or(&set, |(set, _)| set);
        let outcome = tokio::select! {
            result = self.analyse(&job.request, set, &corpus, &sink) => Ok(result),
            interruption = self.watch(&mut held, &lease, progress) => Err(interruption),
            () = generation.expired.cancelled() => Err(Interruption::Superseded),
        };
        let lasted = begun.elapsed();
        let (written, ending) = match outcome {
            Ok(analysed) => {
                let recorded = recorded.map(|(_, recorder)| Finished {
                    job: job.id,
                    trials: slots.trials,
                    recording: recorder.take(),
                });
                self.conclude(&job, &lease, analysed, recorded).await
            }
            Err(interruption) => self.break_off(&lease, &interruption).await,
        };
        account::tell(&job, ending, written, lasted, self.house.clock.now());
    }

    /// Writes what came of an analysis that ran to its end.
    async fn conclude(
        &self,
        job: &Job,
        lease: &Lease,
        analysed: Result<JobResult, AnalysisError>,
        recorded: Option<Finished>,
    ) -> (Result<(), StoreError>, Ending) {
        match Setback::judge(job, analysed) {
            Ok(result) => {
                let written = self.succeed(job, lease, result, recorded).await;
                (written, Ending::Succeeded)
            }
            Err(setback) => {
                let is_last = !setback.is_retryable() || job.attempt >= job.max_attempts;
                let ending = if is_last {
                    Ending::Failed
                } else {
                    Ending::Retried
                };
                warn!(job = %job.id, attempt = job.attempt, outcome = ending.as_str(), error = %setback, "job `{}` failed on attempt {}", job.id, job.attempt);
                (self.fail(lease, job.attempt, &setback).await, ending)
            }
        }
    }

    /// Gives up an analysis that did not run to its end.
    async fn break_off(
        &self,
        lease: &Lease,
        interruption: &Interruption,
    ) -> (Result<(), StoreError>, Ending) {
        let store = &self.house.store;
        match interruption {
            Interruption::CancelRequested => {
                (store.acknowledge_cancel(lease).await, Ending::Cancelled)
            }
            Interruption::ShuttingDown | Interruption::Superseded => {
                (store.release(lease).await, Ending::Released)
            }
            Interruption::LeaseLost => (Err(StoreError::LeaseLost(lease.job_id)), Ending::Lost),
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
            self.keep(job, &finished.recording, &mut result).await;
        }
        let written = self.house.store.finish(lease, &result).await;
        if let (Err(StoreError::LeaseLost(_)), Some(digest)) = (&written, result.recording)
            && let Err(error) = self.house.blobs.delete(&digest).await
        {
            warn!(job = %job.id, %digest, %error, "recording `{digest}`, which no row names, is still among the blobs");
        }
        if let Some(finished) = recorded {
            self.trials.offer(finished);
        }
        written
    }

    async fn analyse(
        &self,
        request: &JobRequest,
        slots: &SlotSet,
        corpus: &Corpus,
        sink: &LatestProgress,
    ) -> Result<JobResult, AnalysisError> {
        let house = &self.house;
        let as_of = house.clock.now().date_naive();
        let corpus = CorpusState {
            generation: corpus.generation(),
            digest: Some(corpus.state()),
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
    async fn keep(&self, job: &Job, recording: &Recording, result: &mut JobResult) {
        let blobs = &self.house.blobs;
        match recording::keep(blobs, recording, job.id, job.attempt).await {
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

    async fn fail(&self, lease: &Lease, attempt: u32, setback: &Setback) -> Result<(), StoreError> {
        let delay = setback.delay(retry_policy(self.settings()), attempt, jitter());
        let failure = setback.failure();
        self.house.store.fail(lease, &failure, delay).await
    }
}
