//! `GET /metrics`, for Prometheus. Labels are route templates, never addresses: their number is
//! fixed by the code.

use std::sync::Arc;

use axum::{extract::State, http::header, response::IntoResponse};
use phagen_store::QueueStats;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::state::App;

/// Histogram of answers by method, route template and status.
pub(super) const REQUEST_DURATION: &str = "http_server_request_duration_seconds";
pub(super) const REQUESTS_IN_FLIGHT: &str = "http_server_requests_in_flight";
const QUEUE_JOBS: &str = "phagen_queue_jobs";
const QUEUE_OLDEST: &str = "phagen_queue_oldest_due_seconds";
const QUEUE_FAILURES: &str = "phagen_queue_stats_failures_total";
const BUILD_INFO: &str = "phagen_build_info";
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(show))
}

/// Says what each metric means, once.
pub(super) fn describe(version: &'static str) {
    metrics::describe_histogram!(
        REQUEST_DURATION,
        metrics::Unit::Seconds,
        "Time from a request to the beginning of its answer."
    );
    metrics::describe_gauge!(REQUESTS_IN_FLIGHT, "Requests being answered now.");
    metrics::describe_gauge!(QUEUE_JOBS, "Jobs that wait or run, by state.");
    metrics::describe_gauge!(
        QUEUE_OLDEST,
        metrics::Unit::Seconds,
        "How long the oldest due job has waited."
    );
    metrics::describe_counter!(
        QUEUE_FAILURES,
        "Times that the queue's figures could not be read."
    );
    metrics::describe_gauge!(BUILD_INFO, "Always 1; the label names the version.");
    metrics::gauge!(BUILD_INFO, "version" => version).set(1.0);
}

/// Prometheus metrics
///
/// The queue's figures come from one query that is kept for two seconds.
#[utoipa::path(
    get, path = "/metrics", operation_id = "show_metrics", tag = "operations",
    responses((status = 200, description = "Text in Prometheus' exposition format", body = String,
        content_type = "text/plain; version=0.0.4")))]
async fn show(State(app): State<Arc<App>>) -> impl IntoResponse {
    if let Some(stats) = app.queue.get(queue_stats(&app)).await {
        publish(stats);
    }
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], app.metrics.render())
}

/// A scrape must not fail because the database does: the other figures matter most then.
async fn queue_stats(app: &App) -> Option<QueueStats> {
    match app.store.queue_stats().await {
        Ok(stats) => Some(stats),
        Err(error) => {
            metrics::counter!(QUEUE_FAILURES).increment(1);
            tracing::warn!(%error, "queue figures cannot be read: {error}");
            None
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, and a queue of 2^52 jobs is not a precision problem"
)]
fn publish(stats: QueueStats) {
    for (state, n_jobs) in [
        ("queued", stats.n_queued),
        ("scheduled", stats.n_scheduled),
        ("running", stats.n_running),
    ] {
        metrics::gauge!(QUEUE_JOBS, "state" => state).set(n_jobs as f64);
    }
    metrics::gauge!(QUEUE_OLDEST).set(stats.oldest_due_seconds as f64);
}
