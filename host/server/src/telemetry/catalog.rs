//! Every metric of this program: its name, its kind and what it means. The rooms record under these
//! names; `docs/operators.md` has the same table with the labels.

/// Histogram of answers by method, route template and status.
pub(crate) const REQUEST_DURATION: &str = "http_server_request_duration_seconds";
pub(crate) const REQUESTS_IN_FLIGHT: &str = "http_server_requests_in_flight";
pub(crate) const QUEUE_JOBS: &str = "phagen_queue_jobs";
pub(crate) const QUEUE_OLDEST: &str = "phagen_queue_oldest_due_seconds";
pub(crate) const QUEUE_FAILURES: &str = "phagen_queue_stats_failures_total";
/// Counter of attempts by their end.
pub(crate) const JOB_ATTEMPTS: &str = "phagen_job_attempts_total";
pub(crate) const JOB_ATTEMPT_SECONDS: &str = "phagen_job_attempt_seconds";
pub(crate) const JOB_SECONDS: &str = "phagen_job_seconds";
pub(crate) const JOBS_REAPED: &str = "phagen_jobs_reaped_total";
pub(crate) const RENEWAL_FAILURES: &str = "phagen_lease_renewal_failures_total";
pub(crate) const PLUGIN_MEMORY: &str = "phagen_plugin_memory_bytes";
pub(crate) const CONNECTIONS: &str = "phagen_database_connections";
pub(crate) const CONNECTIONS_MAX: &str = "phagen_database_connections_max";
pub(crate) const CHECK_STATUS: &str = "phagen_check_status";
pub(crate) const BUILD_INFO: &str = "phagen_build_info";
pub(crate) const RESIDENT_MEMORY: &str = "process_resident_memory_bytes";
pub(crate) const OPEN_FILES: &str = "process_open_fds";
pub(crate) const CPU_SECONDS: &str = "process_cpu_seconds_total";
pub(crate) const START_TIME: &str = "process_start_time_seconds";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Debug, Clone, Copy)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
}

/// In the order of the documentation.
pub const METRICS: [Metric; 31] = [
    histogram(
        REQUEST_DURATION,
        "Time from a request to the beginning of its answer.",
    ),
    gauge(REQUESTS_IN_FLIGHT, "Requests being answered now."),
    gauge(QUEUE_JOBS, "Jobs that wait or run, by state."),
    gauge(QUEUE_OLDEST, "How long the oldest due job has waited."),
    counter(
        QUEUE_FAILURES,
        "Times that the queue's figures could not be read.",
    ),
    histogram(
        JOB_SECONDS,
        "Time from the request for a job to its end, waits and retries included.",
    ),
    counter(JOB_ATTEMPTS, "Attempts at jobs, by their end."),
    histogram(JOB_ATTEMPT_SECONDS, "How long attempts at jobs took."),
    counter(JOBS_REAPED, "Jobs taken back after their lease ran out."),
    counter(
        RENEWAL_FAILURES,
        "Times that the leases of this process were not renewed.",
    ),
    histogram(
        "phagen_plugin_call_seconds",
        "One call of a guest, the wait for a place included.",
    ),
    histogram(
        PLUGIN_MEMORY,
        "Most memory that the instance of a call took.",
    ),
    counter(
        "phagen_plugin_ticks_total",
        "Ticks of the engine, of 5 ms each, that guests computed through.",
    ),
    gauge(
        "phagen_plugin_breaker",
        "Whether calls reach a guest: 0, not: 1, or one at a time: 0.5.",
    ),
    counter(
        "phagen_plugin_denied_total",
        "Times that a guest was denied what it was not granted.",
    ),
    histogram(
        "phagen_plugin_http_seconds",
        "One request of a guest to the network.",
    ),
    counter(
        "phagen_plugin_rollbacks_total",
        "Moves that the host made by itself.",
    ),
    counter(
        "phagen_trials_total",
        "Jobs on which a candidate was compared.",
    ),
    counter(
        "phagen_trials_dropped_total",
        "Trials that had no place in the queue.",
    ),
    counter(
        "phagen_cache_requests_total",
        "Lookups in the cache, tier by tier.",
    ),
    counter(
        "phagen_blob_reads_total",
        "Reads of blobs, by where they were found.",
    ),
    gauge(
        CONNECTIONS,
        "Open connections to the database, by pool and state.",
    ),
    gauge(CONNECTIONS_MAX, "Most connections that a pool opens."),
    gauge(
        CHECK_STATUS,
        "Parts of this process as its readiness sees them: 1 ok, 0.5 degraded, 0 failed.",
    ),
    gauge(BUILD_INFO, "Always 1; the label names the version."),
    gauge(RESIDENT_MEMORY, "Memory of this process in use."),
    gauge(OPEN_FILES, "Files and sockets that this process has open."),
    counter(
        CPU_SECONDS,
        "Processor time that this process used, in whole seconds.",
    ),
    gauge(
        START_TIME,
        "When this process began, in seconds since 1970.",
    ),
    counter(
        "phagen_trace_export_failures_total",
        "Batches of spans that did not reach the collector.",
    ),
    counter("phagen_trace_spans_total", "Spans handed to the collector."),
];

/// Tells the recorder what each metric means, once.
pub(super) fn describe() {
    for Metric { name, kind, help } in METRICS {
        match kind {
            Kind::Counter => metrics::describe_counter!(name, help),
            Kind::Gauge => metrics::describe_gauge!(name, help),
            Kind::Histogram => metrics::describe_histogram!(name, help),
        }
    }
}

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric {
        name,
        kind: Kind::Counter,
        help,
    }
}

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric {
        name,
        kind: Kind::Gauge,
        help,
    }
}

const fn histogram(name: &'static str, help: &'static str) -> Metric {
    Metric {
        name,
        kind: Kind::Histogram,
        help,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_end_as_their_kind_asks() {
        let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for Metric { name, kind, help } in METRICS {
            assert_eq!(name.ends_with("_total"), kind == Kind::Counter, "{name}");
            if kind == Kind::Histogram {
                assert!(
                    name.ends_with("_seconds") || name.ends_with("_bytes"),
                    "{name}"
                );
            }
            assert!(help.ends_with('.'), "{name}");
        }
    }

    /// The first cell of each row of the table of metrics.
    fn documented() -> BTreeSet<String> {
        let text = include_str!("../../../../docs/operators.md");
        let begin = text.find("| metric |").expect("a table of metrics");
        text[begin..]
            .lines()
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .filter_map(|line| line.split('`').nth(1))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn every_metric_is_documented_and_every_documented_one_exists() {
        let described: BTreeSet<String> = METRICS
            .iter()
            .map(|metric| metric.name.to_owned())
            .collect();
        assert_eq!(documented(), described);
    }
}
