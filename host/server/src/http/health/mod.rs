//! `GET /health` says whether this process lives, `GET /ready` whether it should get requests.
//!
//! Liveness asks nothing of the database: an outage there must not restart every server.

mod checks;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::{FromRef, State},
    http::StatusCode,
};
use chrono::{DateTime, Utc};
use phagen_cache::Cache;
use phagen_store::Store;
use serde::Serialize;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use checks::{CheckStatus, HealthChecks};

use super::{cached::Cached, state::App};
use checks::Check;

const DATABASE: &str = "database";

/// What the probes look at; the same on each port that has them.
#[derive(Clone)]
pub(super) struct Vitals(Arc<Watched>);

pub(super) struct Watched {
    pub(super) store: Arc<dyn Store>,
    pub(super) health: Arc<HealthChecks>,
    pub(super) answers: Arc<Cache>,
    /// Cancelled when the process is asked to stop.
    pub(super) stopping: CancellationToken,
    /// Longest wait for the database.
    pub(super) timeout: Duration,
    pub(super) version: &'static str,
    pub(super) database: Cached<DatabaseCheck>,
}

impl Vitals {
    pub(super) fn new(watched: Watched) -> Self {
        Self(Arc::new(watched))
    }
}

impl FromRef<Arc<App>> for Vitals {
    fn from_ref(app: &Arc<App>) -> Self {
        app.vitals.clone()
    }
}

/// How the database answered when it was last asked.
#[derive(Debug, Clone)]
pub(super) struct DatabaseCheck {
    latency: Duration,
    outcome: Result<i64, String>,
}

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default()
        .routes(routes!(health))
        .routes(routes!(ready))
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HealthBody {
    status: CheckStatus,
    version: &'static str,
    /// Why it is not `ok`.
    reasons: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadyBody {
    status: CheckStatus,
    version: &'static str,
    /// Version of the newest migration of the database; none when it does not answer.
    schema_version: Option<i64>,
    checks: BTreeMap<&'static str, CheckBody>,
    /// Why it is not `ok`.
    reasons: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct CheckBody {
    status: CheckStatus,
    latency_ms: f64,
    /// When it came into this state.
    since: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Is the process alive?
#[utoipa::path(
    get, path = "/health", operation_id = "show_health", tag = "operations",
    responses(
        (status = 200, description = "It lives", body = HealthBody),
        (status = 503, description = "A part of it is stuck; `reasons` name it", body = HealthBody)))]
pub(super) async fn health(
    State(Vitals(watched)): State<Vitals>,
) -> (StatusCode, Json<HealthBody>) {
    let reasons: Vec<String> = watched
        .health
        .silent()
        .iter()
        .map(|name| format!("`{name}` has been silent for too long"))
        .collect();
    let (code, status) = if reasons.is_empty() {
        (StatusCode::OK, CheckStatus::Ok)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, CheckStatus::Failed)
    };
    let body = HealthBody {
        status,
        version: watched.version,
        reasons,
    };
    (code, Json(body))
}

/// Should the process get requests?
///
/// A degraded part leaves it ready; a failed one, or a shutdown under way, does not.
#[utoipa::path(
    get, path = "/ready", operation_id = "show_readiness", tag = "operations",
    responses(
        (status = 200, description = "It is ready", body = ReadyBody),
        (status = 503, description = "It is not; `reasons` say why", body = ReadyBody)))]
pub(super) async fn ready(State(Vitals(watched)): State<Vitals>) -> (StatusCode, Json<ReadyBody>) {
    let database = watched.database.get(ask_database(&watched)).await;
    report_database(&watched, &database);
    report_cache(&watched);
    let checks = watched.health.all();
    let mut reasons: Vec<String> = checks
        .iter()
        .filter(|(_, check)| check.status != CheckStatus::Ok)
        .map(|(name, check)| {
            let detail = check.detail.as_deref().unwrap_or("gave no reason");
            format!("`{name}`: {detail}")
        })
        .collect();
    let mut status = checks
        .values()
        .map(|check| check.status)
        .max()
        .unwrap_or(CheckStatus::Ok);
    if watched.stopping.is_cancelled() {
        status = CheckStatus::Failed;
        reasons.push("the server is shutting down".to_owned());
    }
    let body = ReadyBody {
        status,
        version: watched.version,
        schema_version: database.outcome.ok(),
        checks: checks
            .into_iter()
            .map(|(name, check)| (name, check.into()))
            .collect(),
        reasons,
    };
    let code = match status {
        CheckStatus::Ok | CheckStatus::Degraded => StatusCode::OK,
        CheckStatus::Failed => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(body))
}

/// A schema that is older than this binary cannot serve. A newer one appears whenever a newer version
/// is rolled out: this process goes on until it is replaced, or nobody would serve meanwhile.
fn report_database(watched: &Watched, check: &DatabaseCheck) {
    let known = watched.store.newest_schema();
    let (status, detail) = match &check.outcome {
        Ok(found) if *found < known => (
            CheckStatus::Failed,
            Some(format!(
                "its schema is {found}, and this binary needs {known}: run `phagen migrate`"
            )),
        ),
        Ok(found) if *found > known => (
            CheckStatus::Degraded,
            Some(format!(
                "its schema is {found}, and this binary knows {known}: upgrade this process"
            )),
        ),
        Ok(_) => (CheckStatus::Ok, None),
        Err(reason) => (CheckStatus::Failed, Some(reason.clone())),
    };
    watched
        .health
        .report(DATABASE, status, check.latency, detail);
}

/// A cache without its tier is slower and answers alike.
fn report_cache(watched: &Watched) {
    if let Some(tier) = watched.answers.tier_health() {
        let (status, detail) = if tier.is_answering {
            (CheckStatus::Ok, None)
        } else {
            let detail = "does not answer; nothing waits for it".to_owned();
            (CheckStatus::Degraded, Some(detail))
        };
        watched
            .health
            .report(tier.name, status, Duration::ZERO, detail);
    }
}

impl From<Check> for CheckBody {
    fn from(check: Check) -> Self {
        Self {
            status: check.status,
            latency_ms: check.latency.as_secs_f64() * 1_000.0,
            since: check.since,
            detail: check.detail,
        }
    }
}

async fn ask_database(watched: &Watched) -> DatabaseCheck {
    let begun = Instant::now();
    let limit = watched.timeout;
    let ask = async {
        watched.store.ping().await?;
        watched.store.schema_version().await
    };
    let outcome = match timeout(limit, ask).await {
        Ok(Ok(version)) => Ok(version),
        Ok(Err(error)) => {
            tracing::warn!(%error, "database does not answer: {error}");
            Err("does not answer".to_owned())
        }
        Err(_) => Err(format!(
            "does not answer within {} seconds",
            limit.as_secs_f32()
        )),
    };
    DatabaseCheck {
        latency: begun.elapsed(),
        outcome,
    }
}
