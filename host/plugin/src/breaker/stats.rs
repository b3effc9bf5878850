//! How the last calls went: counts and latencies over a bounded ring.

use std::time::{Duration, Instant};

/// Calls that the ring remembers.
const N_REMEMBERED: usize = 500;
/// The newest of them, of which failures are counted apart.
const N_NEWEST: usize = 50;

/// How a version does in a slot; what an automatic rollback is decided on.
#[derive(Debug, Clone, PartialEq)]
pub struct CallStats {
    /// Calls that ended since the guard was made, by an answer or by a failure.
    pub n_calls: u64,
    /// Of them, those that the guest is to blame for.
    pub n_failed: u64,
    /// Calls remembered now, at most 500: what the latencies are of.
    pub n_remembered: u32,
    pub n_failed_of_last_50: u32,
    pub n_failed_of_last_500: u32,
    /// Latencies of those remembered, with the wait for an instance, of answered and failed calls alike; zero before the
    /// first.
    pub p50: Duration,
    pub p99: Duration,
    pub slowest: Duration,
    /// Most memory of one instance since the guard was made.
    pub memory_bytes: usize,
    pub since: Instant,
}

pub(super) struct Ring {
    since: Instant,
    n_calls: u64,
    n_failed: u64,
    memory_bytes: usize,
    calls: Vec<Ended>,
    /// Where the oldest is, once the ring is full.
    at: usize,
}

#[derive(Clone, Copy)]
struct Ended {
    failed: bool,
    took: Duration,
}

impl Ring {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            n_calls: 0,
            n_failed: 0,
            memory_bytes: 0,
            calls: Vec::new(),
            at: 0,
        }
    }

    pub(super) fn push(&mut self, failed: bool, took: Duration, memory_bytes: usize) {
        self.memory_bytes = self.memory_bytes.max(memory_bytes);
        self.n_calls += 1;
        self.n_failed += u64::from(failed);
        let ended = Ended { failed, took };
        if self.calls.len() < N_REMEMBERED {
            self.calls.push(ended);
        } else {
            self.calls[self.at] = ended;
            self.at = (self.at + 1) % N_REMEMBERED;
        }
    }

    pub(super) fn stats(&self) -> CallStats {
        let mut took: Vec<Duration> = self.calls.iter().map(|ended| ended.took).collect();
        took.sort_unstable();
        // Newest first: those written last stand before `at`, then come the last of the vector.
        let (written, before) = self.calls.split_at(self.at);
        let newest = written.iter().rev().chain(before.iter().rev());
        let n_failed = |n| count(newest.clone().take(n).filter(|ended| ended.failed).count());
        CallStats {
            n_calls: self.n_calls,
            n_failed: self.n_failed,
            n_remembered: count(took.len()),
            n_failed_of_last_50: n_failed(N_NEWEST),
            n_failed_of_last_500: n_failed(N_REMEMBERED),
            p50: percentile(&took, 50),
            p99: percentile(&took, 99),
            slowest: took.last().copied().unwrap_or_default(),
            memory_bytes: self.memory_bytes,
            since: self.since,
        }
    }
}

/// The smallest that at least `percent` of all are not above.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    rank.checked_sub(1)
        .and_then(|at| sorted.get(at))
        .copied()
        .unwrap_or_default()
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_forgets_the_oldest() {
        let mut ring = Ring::new(Instant::now());
        assert_eq!(ring.stats().p99, Duration::ZERO);
        for n in 0..600 {
            // The first hundred fail, and so do the last seven.
            ring.push(!(100..593).contains(&n), Duration::from_millis(n), 1_000);
        }
        let stats = ring.stats();
        assert_eq!((stats.n_calls, stats.n_failed), (600, 107));
        assert_eq!(stats.n_remembered, 500);
        assert_eq!(stats.n_failed_of_last_50, 7);
        assert_eq!(stats.n_failed_of_last_500, 7);
        assert_eq!(stats.p50, Duration::from_millis(349));
        assert_eq!(stats.p99, Duration::from_millis(594));
        assert_eq!(stats.slowest, Duration::from_millis(599));
        assert_eq!(stats.memory_bytes, 1_000);
    }
}
