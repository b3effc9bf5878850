//! A guard per slot and version: it keeps calls away from a guest that fails again and again, and
//! remembers how the calls went.
//!
//! It never looks into an answer and never chooses what answers instead; that is
//! [`ActiveSlot::answer`](crate::ActiveSlot::answer)'s.

mod state;
mod stats;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

pub use state::BreakerState;
pub use stats::CallStats;

use crate::PluginError;
use state::Breaker;
use stats::Ring;

/// When a breaker opens, and when it tries again.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakerSettings {
    /// So many failures, one after the other, open it.
    pub failures_in_a_row: u32,
    /// This part of the last `n_watched` calls, once there are so many, opens it: 0 to 1.
    pub failure_rate: f64,
    pub n_watched: usize,
    /// How long it stays open at first; twice as long after each probe that fails.
    pub first_probe_after: Duration,
    /// The longest that it stays open.
    pub last_probe_after: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failures_in_a_row: 5,
            failure_rate: 0.2,
            n_watched: 50,
            first_probe_after: Duration::from_secs(1),
            last_probe_after: Duration::from_mins(1),
        }
    }
}

/// Where a guard gets its time; tests hand in one that they move.
pub type MonotonicClock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// The breaker and the statistics of one version in one slot. Keep it as long as that pair is the
/// same, across generations and sets, or its memory is lost: make one per (slot, digest) and hand
/// it to each [`ActiveSlot`](crate::ActiveSlot) of the pair.
pub struct Guard {
    clock: MonotonicClock,
    inner: Mutex<Inner>,
}

struct Inner {
    breaker: Breaker,
    ring: Ring,
}

/// What the outcome of a call says of its guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Works,
    Fails,
    /// The guest never ran.
    Nothing,
}

impl Guard {
    pub fn new(settings: BreakerSettings) -> Self {
        Self::with_clock(settings, Arc::new(Instant::now))
    }

    pub fn with_clock(settings: BreakerSettings, clock: MonotonicClock) -> Self {
        let inner = Inner {
            breaker: Breaker::new(settings),
            ring: Ring::new(clock()),
        };
        Self {
            clock,
            inner: Mutex::new(inner),
        }
    }

    pub fn state(&self) -> BreakerState {
        self.lock().breaker.state()
    }

    pub fn stats(&self) -> CallStats {
        self.lock().ring.stats()
    }

    /// A ticket for one call, or how long to wait for one.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Ticket, Duration> {
        let now = (self.clock)();
        let is_probe = self.lock().breaker.admit(now)?;
        Ok(Ticket {
            guard: Arc::clone(self),
            began: now,
            is_probe,
            is_settled: false,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guard({:?})", self.state())
    }
}

/// The right to one call. Dropped without an outcome, as with a dropped future, it says nothing of
/// the guest.
pub(crate) struct Ticket {
    guard: Arc<Guard>,
    began: Instant,
    is_probe: bool,
    is_settled: bool,
}

impl Ticket {
    /// Counts the outcome. Returns the breaker's state when this call changed it.
    pub(crate) fn settle(
        mut self,
        error: Option<&PluginError>,
        memory_bytes: usize,
    ) -> Option<BreakerState> {
        let failed = match verdict(error) {
            Verdict::Works => false,
            Verdict::Fails => true,
            Verdict::Nothing => return None,
        };
        self.is_settled = true;
        let now = (self.guard.clock)();
        let mut inner = self.guard.lock();
        let took = now.saturating_duration_since(self.began);
        inner.ring.push(failed, took, memory_bytes);
        let before = inner.breaker.state();
        inner.breaker.settle(self.is_probe, failed, now);
        let after = inner.breaker.state();
        (before != after).then_some(after)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_settled {
            let now = (self.guard.clock)();
            self.guard.lock().breaker.abandon(self.is_probe, now);
        }
    }
}

fn verdict(error: Option<&PluginError>) -> Verdict {
    use PluginError as E;
    match error {
        None => Verdict::Works,
        Some(E::PoolFull { .. } | E::BreakerOpen { .. } | E::NotOfThisWorld { .. }) => {
            Verdict::Nothing
        }
        // It answered, and what it says is about the question or about its surroundings.
        Some(E::Guest(failure)) => match failure.code.as_str() {
            "invalid-input" | "denied" | "not-found" | "rate-limited" => Verdict::Works,
            _ => Verdict::Fails,
        },
        Some(_) => Verdict::Fails,
    }
}

#[cfg(test)]
mod tests {
    use phagen_domain::plugin::Failure;

    use super::*;

    fn guest(code: &'static str) -> PluginError {
        PluginError::Guest(Failure::new(code, "told to fail"))
    }

    /// A clock that tests move.
    fn moved() -> (Arc<Mutex<Instant>>, MonotonicClock) {
        let now = Arc::new(Mutex::new(Instant::now()));
        let read = Arc::clone(&now);
        (now, Arc::new(move || *read.lock().unwrap()))
    }

    #[test]
    fn a_guests_own_faults_count_and_its_answers_do_not() {
        let timeout = PluginError::Timeout {
            call: "search",
            deadline: Duration::ZERO,
        };
        let full = PluginError::PoolFull {
            n_instances: 1,
            waited: Duration::ZERO,
        };
        for (error, expected) in [
            (None, Verdict::Works),
            (Some(timeout), Verdict::Fails),
            (Some(full), Verdict::Nothing),
            (Some(guest("internal")), Verdict::Fails),
            (Some(guest("unavailable")), Verdict::Fails),
            (Some(guest("gremlins")), Verdict::Fails),
            (Some(guest("invalid-input")), Verdict::Works),
            (Some(guest("denied")), Verdict::Works),
            (Some(guest("not-found")), Verdict::Works),
        ] {
            assert_eq!(verdict(error.as_ref()), expected, "{error:?}");
        }
    }

    #[test]
    fn a_guard_tells_when_it_opens_and_when_it_closes() {
        let (now, clock) = moved();
        let guard = Arc::new(Guard::with_clock(BreakerSettings::default(), clock));
        for n in 1..=5 {
            let ticket = guard.admit().unwrap();
            *now.lock().unwrap() += Duration::from_millis(10);
            let change = ticket.settle(Some(&guest("internal")), 7);
            assert_eq!(change, (n == 5).then_some(BreakerState::Open));
        }
        assert_eq!(guard.admit().err(), Some(Duration::from_secs(1)));
        let stats = guard.stats();
        assert_eq!((stats.n_calls, stats.n_failed_of_last_50), (5, 5));
        assert_eq!(stats.p99, Duration::from_millis(10));

        *now.lock().unwrap() += Duration::from_secs(1);
        let dropped = guard.admit().unwrap();
        assert_eq!(guard.state(), BreakerState::HalfOpen);
        drop(dropped);
        let probe = guard.admit().unwrap();
        assert!(guard.admit().is_err(), "one probe at a time");
        assert_eq!(probe.settle(None, 0), Some(BreakerState::Closed));
        assert_eq!(guard.stats().n_calls, 6);
    }
}
