//! What the parts of a process say of themselves. They report here; probes and metrics only read.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use phagen_domain::clock::Clock;
use serde::Serialize;
use utoipa::ToSchema;

use crate::telemetry::CHECK_STATUS;

const NOT_REPORTED: &str = "has not reported yet";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    Ok,
    /// It works less well; requests are still welcome.
    Degraded,
    Failed,
}

/// By name, in the order of their names.
pub struct HealthChecks {
    clock: Arc<dyn Clock>,
    checks: Mutex<BTreeMap<&'static str, Check>>,
    pulses: Mutex<BTreeMap<&'static str, Pulse>>,
}

#[derive(Debug, Clone)]
pub(super) struct Check {
    pub(super) status: CheckStatus,
    pub(super) latency: Duration,
    pub(super) since: DateTime<Utc>,
    pub(super) detail: Option<String>,
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

    /// Every part as it last reported.
    pub(super) fn all(&self) -> BTreeMap<&'static str, Check> {
        locked(&self.checks).clone()
    }

    /// Writes every part into the metrics.
    pub(in crate::http) fn publish(&self) {
        for (name, check) in self.all() {
            let value = match check.status {
                CheckStatus::Ok => 1.0,
                CheckStatus::Degraded => 0.5,
                CheckStatus::Failed => 0.0,
            };
            metrics::gauge!(CHECK_STATUS, "check" => name).set(value);
        }
    }

    /// Names of the watched parts that have been silent for too long.
    pub(super) fn silent(&self) -> Vec<&'static str> {
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
