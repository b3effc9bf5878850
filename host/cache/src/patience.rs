//! How long to wait for another process that loads the same: about as long as loading takes.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Loads that are remembered.
const N_REMEMBERED: usize = 64;
/// Until one was measured.
const UNKNOWN: Duration = Duration::from_secs(2);
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

/// The last loads of one class.
#[derive(Debug, Default)]
pub(crate) struct Patience(Mutex<VecDeque<Duration>>);

impl Patience {
    pub(crate) fn record(&self, load: Duration) {
        let mut loads = self.loads();
        if loads.len() == N_REMEMBERED {
            loads.pop_front();
        }
        loads.push_back(load);
    }

    /// What 95 in 100 of the last loads took at most, within bounds.
    pub(crate) fn bound(&self) -> Duration {
        let mut loads: Vec<Duration> = self.loads().iter().copied().collect();
        loads.sort_unstable();
        let place = (loads.len() * 95).div_ceil(100).saturating_sub(1);
        let load = loads.get(place).copied().unwrap_or(UNKNOWN);
        load.clamp(SHORTEST, LONGEST)
    }

    fn loads(&self) -> MutexGuard<'_, VecDeque<Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_that_of_most_loads_within_bounds() {
        let patience = Patience::default();
        assert_eq!(patience.bound(), UNKNOWN);
        patience.record(Duration::from_millis(1));
        assert_eq!(patience.bound(), SHORTEST);
        for milliseconds in 101..=200 {
            patience.record(Duration::from_millis(milliseconds));
        }
        // The last 64 are 137 to 200; 61 of them take no longer than 197.
        assert_eq!(patience.bound(), Duration::from_millis(197));
        for _ in 0..N_REMEMBERED {
            patience.record(Duration::from_mins(1));
        }
        assert_eq!(patience.bound(), LONGEST);
    }
}
