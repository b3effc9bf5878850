//! What this process says of itself: logs to standard error, metrics for whoever asks the
//! operations port, traces to a collector. Secrets, bodies and passages are in none of them.

mod catalog;
mod logs;
mod metrics;
mod process;
mod trace_parent;
mod traces;

use anyhow::Result;

pub(crate) use catalog::{
    CHECK_STATUS, CONNECTIONS, CONNECTIONS_MAX, JOB_ATTEMPT_SECONDS, JOB_ATTEMPTS, JOB_SECONDS,
    JOBS_REAPED, QUEUE_FAILURES, QUEUE_JOBS, QUEUE_OLDEST, RENEWAL_FAILURES, REQUEST_DURATION,
    REQUESTS_IN_FLIGHT,
};
pub use catalog::{Kind, METRICS, Metric};
pub use metrics::Metrics;
pub use trace_parent::{InvalidTraceParent, TraceParent};

use crate::config::{LogSettings, TraceSettings};
use traces::Traces;

/// Logs and traces of this process. [`Telemetry::end`] it, or the last spans are lost.
pub struct Telemetry(Option<Traces>);

impl Telemetry {
    /// Installs the log writer, which lets through what the settings say, else `default_filter`,
    /// and the way of traces to their collector, if they are to be sent. Once per process.
    pub fn begin(log: &LogSettings, traces: TraceSettings, default_filter: &str) -> Result<Self> {
        let traces = traces.enabled.then(Traces::begin).transpose()?;
        let tracer = traces.as_ref().map(Traces::tracer);
        logs::install(log, default_filter, tracer)?;
        Ok(Self(traces))
    }

    /// Sends the spans that are left.
    pub async fn end(self) {
        if let Some(traces) = self.0 {
            let ended = tokio::task::spawn_blocking(|| traces.end()).await;
            if let Err(error) = ended {
                tracing::error!(%error, "the last spans were not sent");
            }
        }
    }
}
