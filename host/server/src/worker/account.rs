//! What an attempt leaves behind for those who watch: a span in the trace of the request that asked
//! for the job, metrics, and one line of the log.

use std::time::Duration;

use chrono::{DateTime, Utc};
use phagen_domain::job::Job;
use phagen_store::StoreError;
use tracing::{Span, field, info, warn};

use crate::telemetry::{JOB_ATTEMPT_SECONDS, JOB_ATTEMPTS, JOB_SECONDS, TraceParent};

/// The only kind of job there is so far.
const KIND: &str = "analysis";

/// The span that the attempt runs in: part of the trace that its request was a part of.
pub(super) fn span_of(job: &Job) -> Span {
    let span = tracing::info_span!(
        "job",
        job_id = %job.id,
        attempt = job.attempt,
        trace_id = field::Empty,
        outcome = field::Empty,
        otel.kind = "consumer",
        otel.status_code = field::Empty,
    );
    // Nobody but this program writes that column; what cannot be read begins a trace of its own.
    let asked = job.trace_parent.as_deref();
    TraceParent::join(&span, asked.and_then(|text| text.parse().ok()));
    span
}

/// How an attempt ended, as far as the worker knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Succeeded,
    /// For good.
    Failed,
    /// It will be tried again.
    Retried,
    Cancelled,
    /// Handed back unharmed.
    Released,
    Lost,
}

impl Ending {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Retried => "retried",
            Self::Cancelled => "cancelled",
            Self::Released => "released",
            Self::Lost => "lost",
        }
    }

    fn is_of_job(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// Told once, when the end is written or cannot be.
pub(super) fn tell(
    job: &Job,
    ending: Ending,
    written: Result<(), StoreError>,
    lasted: Duration,
    now: DateTime<Utc>,
) {
    let outcome = match &written {
        Ok(()) => ending.as_str(),
        Err(StoreError::LeaseLost(_)) => Ending::Lost.as_str(),
        Err(_) => "unstored",
    };
    metrics::counter!(JOB_ATTEMPTS, "kind" => KIND, "outcome" => outcome).increment(1);
    metrics::histogram!(JOB_ATTEMPT_SECONDS, "kind" => KIND, "outcome" => outcome).record(lasted);
    if written.is_ok() && ending.is_of_job() {
        // Two clocks made these times, and one may be behind.
        let waited = (now - job.created_at).to_std().unwrap_or_default();
        metrics::histogram!(JOB_SECONDS, "kind" => KIND, "outcome" => outcome).record(waited);
    }
    let span = Span::current();
    span.record("outcome", outcome);
    if written.is_err() || matches!(ending, Ending::Failed | Ending::Retried) {
        span.record("otel.status_code", "ERROR");
    }
    match written {
        // Whoever judged it has told why.
        Ok(()) if matches!(ending, Ending::Failed | Ending::Retried) => {}
        Ok(()) => {
            let milliseconds = lasted.as_secs_f64() * 1_000.0;
            info!(job = %job.id, outcome, milliseconds, "job `{}` {outcome}", job.id);
        }
        Err(error) => warn!(job = %job.id, %error, "end of job `{}` was not stored", job.id),
    }
}
