//! The circuit breaker's state machine. Time is an argument; nothing here looks at a clock.

use std::time::{Duration, Instant};

use super::BreakerSettings;

/// Whether calls go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    /// No call goes through for a while.
    Open,
    /// One call at a time finds out whether the guest works again.
    HalfOpen,
}

pub(super) struct Breaker {
    settings: BreakerSettings,
    phase: Phase,
}

enum Phase {
    Closed {
        n_in_a_row: u32,
        watched: Watched,
    },
    Open {
        until: Instant,
        wait: Duration,
    },
    Probing {
        /// How long it stays open if the probe fails.
        next_wait: Duration,
    },
}

/// The outcomes of the last calls while closed, oldest overwritten first.
struct Watched {
    failed: Vec<bool>,
    at: usize,
    n_failed: usize,
}

impl Watched {
    fn new() -> Self {
        Self {
            failed: Vec::new(),
            at: 0,
            n_failed: 0,
        }
    }

    fn push(&mut self, failed: bool, n_watched: usize) {
        if self.failed.len() < n_watched {
            self.failed.push(failed);
        } else {
            let gone = std::mem::replace(&mut self.failed[self.at], failed);
            self.n_failed -= usize::from(gone);
            self.at = (self.at + 1) % n_watched;
        }
        self.n_failed += usize::from(failed);
    }
}

impl Phase {
    fn closed() -> Self {
        Self::Closed {
            n_in_a_row: 0,
            watched: Watched::new(),
        }
    }
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        Self {
            settings,
            phase: Phase::closed(),
        }
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::Probing { .. } => BreakerState::HalfOpen,
        }
    }

    /// Lets a call through, and says whether it is a probe; or how long to wait.
    pub(super) fn admit(&mut self, now: Instant) -> Result<bool, Duration> {
        match self.phase {
            Phase::Closed { .. } => Ok(false),
            Phase::Open { until, .. } if now < until => Err(until - now),
            Phase::Open { wait, .. } => {
                let next_wait = wait.saturating_mul(2).min(self.settings.last_probe_after);
                self.phase = Phase::Probing { next_wait };
                Ok(true)
            }
            Phase::Probing { .. } => Err(self.settings.first_probe_after),
        }
    }

    /// Learns how a call ended that it let through.
    pub(super) fn settle(&mut self, was_probe: bool, failed: bool, now: Instant) {
        match &mut self.phase {
            Phase::Closed {
                n_in_a_row,
                watched,
            } => {
                let n_watched = self.settings.n_watched.max(1);
                watched.push(failed, n_watched);
                *n_in_a_row = if failed { *n_in_a_row + 1 } else { 0 };
                let is_full = watched.failed.len() == n_watched;
                if *n_in_a_row >= self.settings.failures_in_a_row
                    || (is_full && share(watched.n_failed, n_watched) >= self.settings.failure_rate)
                {
                    self.open(now, self.settings.first_probe_after);
                }
            }
            Phase::Probing { next_wait } if was_probe => {
                let next_wait = *next_wait;
                if failed {
                    self.open(now, next_wait);
                } else {
                    self.phase = Phase::closed();
                }
            }
            // A call from before it opened: what it says is known already.
            Phase::Probing { .. } | Phase::Open { .. } => {}
        }
    }

    /// A probe that came to nothing, as when its future was dropped: the next call is one.
    pub(super) fn abandon(&mut self, was_probe: bool, now: Instant) {
        if let (true, Phase::Probing { .. }) = (was_probe, &self.phase) {
            self.phase = Phase::Open {
                until: now,
                wait: self.settings.first_probe_after,
            };
        }
    }

    fn open(&mut self, now: Instant, wait: Duration) {
        self.phase = Phase::Open {
            until: now + wait,
            wait,
        };
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of calls watched, a few hundred"
)]
fn share(n: usize, of: usize) -> f64 {
    n as f64 / of as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn breaker() -> (Breaker, Instant) {
        (Breaker::new(BreakerSettings::default()), Instant::now())
    }

    fn fail(breaker: &mut Breaker, n: u32, now: Instant) {
        for _ in 0..n {
            let probe = breaker.admit(now).unwrap();
            breaker.settle(probe, true, now);
        }
    }

    #[test]
    fn five_failures_in_a_row_open_it() {
        let (mut breaker, now) = breaker();
        fail(&mut breaker, 4, now);
        breaker.settle(false, false, now);
        fail(&mut breaker, 4, now);
        assert_eq!(breaker.state(), BreakerState::Closed);
        fail(&mut breaker, 1, now);
        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.admit(now), Err(SECOND));
    }

    #[test]
    fn a_fifth_of_the_last_fifty_opens_it() {
        let (mut breaker, now) = breaker();
        for n in 0..49 {
            breaker.settle(false, n % 5 == 0, now);
        }
        assert_eq!(breaker.state(), BreakerState::Closed, "not fifty yet");
        breaker.settle(false, false, now);
        assert_eq!(breaker.state(), BreakerState::Open);

        let (mut breaker, now) = super::tests::breaker();
        for n in 0..500 {
            breaker.settle(false, n % 6 == 0, now);
        }
        assert_eq!(breaker.state(), BreakerState::Closed, "a sixth is less");
    }

    #[test]
    fn probes_go_one_at_a_time_and_wait_longer_each_time() {
        let (mut breaker, start) = breaker();
        fail(&mut breaker, 5, start);
        let mut now = start;
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let wait = seconds * SECOND;
            assert_eq!(breaker.admit(now), Err(wait));
            now += wait;
            assert_eq!(breaker.admit(now), Ok(true), "a probe");
            assert_eq!(breaker.admit(now), Err(SECOND), "one at a time");
            assert_eq!(breaker.state(), BreakerState::HalfOpen);
            breaker.settle(true, true, now);
        }
        now += 60 * SECOND;
        assert_eq!(breaker.admit(now), Ok(true));
        breaker.settle(true, false, now);
        assert_eq!(breaker.state(), BreakerState::Closed);
        // The past is forgotten: it takes five failures again, and waits a second again.
        fail(&mut breaker, 4, now);
        assert_eq!(breaker.state(), BreakerState::Closed);
        fail(&mut breaker, 1, now);
        assert_eq!(breaker.admit(now), Err(SECOND));
    }

    #[test]
    fn a_probe_that_nobody_waited_for_leaves_its_place_to_the_next() {
        let (mut breaker, start) = breaker();
        fail(&mut breaker, 5, start);
        let now = start + SECOND;
        assert_eq!(breaker.admit(now), Ok(true));
        breaker.abandon(true, now);
        assert_eq!(breaker.admit(now), Ok(true));
    }

    #[test]
    fn a_call_from_before_says_nothing_new() {
        let (mut breaker, start) = breaker();
        assert_eq!(breaker.admit(start), Ok(false));
        fail(&mut breaker, 5, start);
        breaker.settle(false, false, start);
        assert_eq!(breaker.state(), BreakerState::Open);
        let now = start + SECOND;
        assert_eq!(breaker.admit(now), Ok(true));
        breaker.settle(false, false, now);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }
}
