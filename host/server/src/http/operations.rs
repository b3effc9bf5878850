//! The operations port: metrics and probes for the machines that watch this process, without a key
//! and apart from the API, so that no caller of the API reads them and no rush of callers hides them.
//!
//! Labels are route templates and names from rows, never addresses: their number is fixed.

use std::{io, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{FromRef, State},
    http::header,
    response::IntoResponse,
    routing::get,
};
use phagen_cache::Cache;
use phagen_store::{QueueStats, Store};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    cached::Cached,
    health::{self, HealthChecks, Vitals, Watched},
};
use crate::telemetry::{
    CONNECTIONS, CONNECTIONS_MAX, Metrics, QUEUE_FAILURES, QUEUE_JOBS, QUEUE_OLDEST,
};

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a process hands to its operations port.
pub struct OperationsState {
    pub store: Arc<dyn Store>,
    pub health: Arc<HealthChecks>,
    /// Here only to say how its tier is.
    pub answers: Arc<Cache>,
    pub metrics: Metrics,
    /// Cancelled when the process is asked to stop: `/ready` then refuses.
    pub stopping: CancellationToken,
    /// Longest wait for the database.
    pub check_timeout: Duration,
    /// How long its answers are kept.
    pub check_ttl: Duration,
    pub version: &'static str,
}

#[derive(Clone)]
struct Operations(Arc<Parts>);

struct Parts {
    store: Arc<dyn Store>,
    health: Arc<HealthChecks>,
    metrics: Metrics,
    check_timeout: Duration,
    vitals: Vitals,
    queue: Cached<Option<QueueStats>>,
}

impl FromRef<Operations> for Vitals {
    fn from_ref(Operations(parts): &Operations) -> Self {
        parts.vitals.clone()
    }
}

/// Serves until `ended`, which comes last: the end of a process is watched, too.
pub async fn serve_operations(
    listener: TcpListener,
    state: OperationsState,
    ended: CancellationToken,
) -> io::Result<()> {
    let server = axum::serve(listener, router(state)).into_future();
    ended.run_until_cancelled(server).await.unwrap_or(Ok(()))
}

fn router(state: OperationsState) -> Router {
    let vitals = Vitals::new(Watched {
        store: Arc::clone(&state.store),
        health: Arc::clone(&state.health),
        answers: state.answers,
        stopping: state.stopping,
        timeout: state.check_timeout,
        version: state.version,
        database: Cached::new(state.check_ttl),
    });
    let parts = Parts {
        store: state.store,
        health: state.health,
        metrics: state.metrics,
        check_timeout: state.check_timeout,
        vitals,
        queue: Cached::new(state.check_ttl),
    };
    Router::new()
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(metrics))
        .with_state(Operations(Arc::new(parts)))
}

/// The queue's figures come from one query that is kept for a while, however many ask.
async fn metrics(State(Operations(parts)): State<Operations>) -> impl IntoResponse {
    if let Some(stats) = parts.queue.get(queue_stats(&parts)).await {
        publish_queue(stats);
    }
    publish_pools(parts.store.as_ref());
    parts.health.publish();
    (
        [(header::CONTENT_TYPE, TEXT_FORMAT)],
        parts.metrics.render(),
    )
}

/// A scrape must not fail because the database does: the other figures matter most then.
async fn queue_stats(parts: &Parts) -> Option<QueueStats> {
    let reason = match timeout(parts.check_timeout, parts.store.queue_stats()).await {
        Ok(Ok(stats)) => return Some(stats),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the database does not answer in time".to_owned(),
    };
    metrics::counter!(QUEUE_FAILURES).increment(1);
    tracing::warn!(reason, "queue figures cannot be read: {reason}");
    None
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, and a queue of 2^52 jobs is not a precision problem"
)]
fn publish_queue(stats: QueueStats) {
    for (state, n_jobs) in [
        ("queued", stats.n_queued),
        ("scheduled", stats.n_scheduled),
        ("running", stats.n_running),
    ] {
        metrics::gauge!(QUEUE_JOBS, "state" => state).set(n_jobs as f64);
    }
    metrics::gauge!(QUEUE_OLDEST).set(stats.oldest_due_seconds as f64);
}

fn publish_pools(store: &dyn Store) {
    for pool in store.pools() {
        for (state, n_connections) in [("used", pool.n_used), ("idle", pool.n_idle)] {
            metrics::gauge!(CONNECTIONS, "pool" => pool.name, "state" => state).set(n_connections);
        }
        metrics::gauge!(CONNECTIONS_MAX, "pool" => pool.name).set(pool.n_most);
    }
}
