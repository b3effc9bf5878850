//! `GET /health` says whether this process lives, `GET /ready` whether it should get requests.
//!
//! Liveness asks nothing of the database: an outage there must not restart every server.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use phagen_domain::clock::Clock;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::state::App;

const DATABASE: &str = "database";
const NOT_REPORTED: &str = "has not reported yet";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    Ok,
    /// It works less well; requests are still welcome.
    Degraded,
    Failed,
}

/// What the parts of the server say of themselves. They report here; the probes only read.
pub struct HealthChecks {
    clock: Arc<dyn Clock>,
    checks: Mutex<BTreeMap<&'static str, Check>>,
    pulses: Mutex<BTreeMap<&'static str, Pulse>>,
}

#[derive(Debug, Clone)]
struct Check {
    status: CheckStatus,
    latency: Duration,
    since: DateTime<Utc>,
    detail: Option<String>,
}

struct Pulse {
    last: DateTime<Utc>,
    max_silence: Duration,
}

impl HealthChecks {
    /// Each of `expected` counts as failed until it reports.
    pub fn new(clock: Arc<dyn Clock>, expected: &[&'static str]) -> Self {
        let since = clock.now();
        let unheard = |name: &&'static str| {
            let check = Check {
                status: CheckStatus::Failed,
                latency: Duration::ZERO,
                since,
                detail: Some(NOT_REPORTED.to_owned()),
            };
            (*name, check)
        };
        Self {
            checks: Mutex::new(expected.iter().map(unheard).collect()),
            pulses: Mutex::default(),
            clock,
        }
    }

    /// Records how a part is; `latency` is how long it took to find out.
    pub fn report(
        &self,
        name: &'static str,
        status: CheckStatus,
        latency: Duration,
        detail: Option<String>,
    ) {
        let mut checks = locked(&self.checks);
        let since = checks
            .get(name)
            .filter(|before| before.status == status)
            .map_or_else(|| self.clock.now(), |before| before.since);
        checks.insert(
            name,
            Check {
                status,
                latency,
                since,
                detail,
            },
        );
    }

    /// From now on `/health` fails when `name` does not [`HealthChecks::beat`] for `max_silence`.
    pub fn watch(&self, name: &'static str, max_silence: Duration) {
        let last = self.clock.now();
        locked(&self.pulses).insert(name, Pulse { last, max_silence });
    }

    /// A watched part is alive.
    pub fn beat(&self, name: &'static str) {
        let now = self.clock.now();
        if let Some(pulse) = locked(&self.pulses).get_mut(name) {
            pulse.last = now;
        }
    }

    /// Names of the watched parts that have been silent for too long.
    fn silent(&self) -> Vec<&'static str> {
        let now = self.clock.now();
        locked(&self.pulses)
            .iter()
            .filter(|(_, pulse)| {
                let limit = TimeDelta::from_std(pulse.max_silence).unwrap_or(TimeDelta::MAX);
                now - pulse.last > limit
            })
            .map(|(name, _)| *name)
            .collect()
    }
}

/// A panic elsewhere leaves these maps whole: every change is one insert.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
struct HealthBody {
    status: CheckStatus,
    version: &'static str,
    /// Why it is not `ok`.
    reasons: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ReadyBody {
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
async fn health(State(app): State<Arc<App>>) -> (StatusCode, Json<HealthBody>) {
    let reasons: Vec<String> = app
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
        version: app.version,
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
async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<ReadyBody>) {
    let database = app.database.get(ask_database(&app)).await;
    let (status, detail) = match &database.outcome {
        Ok(_) => (CheckStatus::Ok, None),
        Err(reason) => (CheckStatus::Failed, Some(reason.clone())),
    };
    app.health
        .report(DATABASE, status, database.latency, detail);
    report_cache(&app);
    let checks = locked(&app.health.checks).clone();
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
    if app.shutdown.is_cancelled() {
        status = CheckStatus::Failed;
        reasons.push("the server is shutting down".to_owned());
    }
    let body = ReadyBody {
        status,
        version: app.version,
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

/// A cache without its tier is slower and answers alike.
fn report_cache(app: &App) {
    if let Some(tier) = app.answers.tier_health() {
        let (status, detail) = if tier.is_answering {
            (CheckStatus::Ok, None)
        } else {
            let detail = "does not answer; nothing waits for it".to_owned();
            (CheckStatus::Degraded, Some(detail))
        };
        app.health.report(tier.name, status, Duration::ZERO, detail);
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

async fn ask_database(app: &App) -> DatabaseCheck {
    let begun = Instant::now();
    let limit = app.limits.check_timeout;
    let ask = async {
        app.store.ping().await?;
        app.store.schema_version().await
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

#[cfg(test)]
mod tests {
    use phagen_domain::clock::FixedClock;

    use super::*;

    struct TestClock(Mutex<DateTime<Utc>>);

    impl Clock for TestClock {
        fn now(&self) -> DateTime<Utc> {
            *locked(&self.0)
        }
    }

    #[test]
    fn since_moves_only_when_the_state_does() {
        let clock = Arc::new(TestClock(Mutex::new(DateTime::UNIX_EPOCH)));
        let health = HealthChecks::new(Arc::clone(&clock) as Arc<dyn Clock>, &["corpus"]);
        let since = |name| locked(&health.checks)[name].since;
        *locked(&clock.0) += TimeDelta::seconds(5);
        health.report("corpus", CheckStatus::Ok, Duration::ZERO, None);
        assert_eq!(since("corpus"), clock.now());
        let before = clock.now();
        *locked(&clock.0) += TimeDelta::seconds(5);
        health.report("corpus", CheckStatus::Ok, Duration::ZERO, None);
        assert_eq!(since("corpus"), before);
    }

    #[test]
    fn a_watched_part_may_be_silent_for_so_long_and_no_longer() {
        let clock = Arc::new(TestClock(Mutex::new(DateTime::UNIX_EPOCH)));
        let health = HealthChecks::new(Arc::clone(&clock) as Arc<dyn Clock>, &[]);
        health.watch("heartbeat", Duration::from_secs(30));
        *locked(&clock.0) += TimeDelta::seconds(30);
        assert_eq!(health.silent(), Vec::<&str>::new());
        *locked(&clock.0) += TimeDelta::seconds(1);
        assert_eq!(health.silent(), ["heartbeat"]);
        health.beat("heartbeat");
        assert_eq!(health.silent(), Vec::<&str>::new());
    }

    #[test]
    fn what_is_expected_and_silent_counts_as_failed() {
        let clock = Arc::new(FixedClock(DateTime::UNIX_EPOCH));
        let health = HealthChecks::new(clock, &["guests"]);
        assert_eq!(locked(&health.checks)["guests"].status, CheckStatus::Failed);
    }
}
