//! Candidates beside what serves: the same calls again, compared after the job has its result. No
//! job waits for a trial, and under load trials are dropped, not jobs.

mod compare;
mod report;

use std::sync::Arc;

use chrono::Utc;
use phagen_domain::{
    clock::Clock,
    job::JobId,
    plugin::{Comparison, ComparisonOutcome},
};
use phagen_plugin::Recording;
use phagen_store::Store;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use report::{Agreement, TrialReport, TrialThresholds, VotedQuality, report};

use crate::fleet::Trial;

/// Finished jobs that may wait to be compared.
const N_WAITING: usize = 32;

/// A finished job on which candidates shall be compared.
pub struct Finished {
    pub job: JobId,
    pub trials: Vec<Arc<Trial>>,
    pub recording: Recording,
}

/// Where workers leave finished jobs.
#[derive(Clone)]
pub struct Trials(mpsc::Sender<Finished>);

impl Trials {
    pub fn new() -> (Self, mpsc::Receiver<Finished>) {
        let (sender, receiver) = mpsc::channel(N_WAITING);
        (Self(sender), receiver)
    }

    /// Never waits: a full queue drops the trial and counts it.
    pub fn offer(&self, finished: Finished) {
        if finished.trials.is_empty() {
            return;
        }
        if self.0.try_send(finished).is_err() {
            metrics::counter!("phagen_trials_dropped_total").increment(1);
        }
    }
}

/// Compares until shutdown, one job at a time.
pub async fn run(
    mut waiting: mpsc::Receiver<Finished>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) {
    loop {
        let finished = tokio::select! {
            finished = waiting.recv() => finished,
            () = shutdown.cancelled() => return,
        };
        let Some(finished) = finished else { return };
        tokio::select! {
            () = compare_all(&finished, store.as_ref(), clock.as_ref()) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

async fn compare_all(finished: &Finished, store: &dyn Store, clock: &dyn Clock) {
    for trial in &finished.trials {
        let Some(outcome) = compare::compare(trial, &finished.recording).await else {
            continue;
        };
        let comparison = comparison(finished.job, trial, outcome, clock.now());
        if let Err(error) = store.record_comparison(&comparison).await {
            tracing::warn!(slot = %trial.slot(), %error, "a trial in slot `{}` was not stored", trial.slot());
        }
    }
}

fn comparison(
    job: JobId,
    trial: &Trial,
    outcome: ComparisonOutcome,
    at: chrono::DateTime<Utc>,
) -> Comparison {
    let label = match &outcome {
        ComparisonOutcome::Compared(_) => "compared",
        ComparisonOutcome::Failed { .. } => "failed",
    };
    metrics::counter!("phagen_trials_total", "slot" => trial.slot().to_string(), "outcome" => label)
        .increment(1);
    Comparison {
        job,
        slot: trial.slot().clone(),
        serving: trial.serving.activation.plugin_digest,
        candidate: trial.candidate.activation.plugin_digest,
        at,
        outcome,
    }
}
