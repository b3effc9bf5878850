//! Time and chance of sources whose calls are written down. A source has the real clocks, and its
//! random numbers are nobody's to guess; what each clock said is kept, and the seed is.
//!
//! A replay answers with the same numbers and readings. A guest that looks at a clock more often
//! than it did then (it had less to wait for) finds that time goes on from the last reading.

use std::{
    cell::Cell,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtxBuilder,
    clocks::{MonotonicClock, WallClock},
};

use super::{
    determinism::SeededRandom,
    witness::{Overheard, Recorded},
};
use crate::record::Given;

/// Readings of one clock that are kept of one call.
pub(super) const MAX_READINGS: usize = 100_000;

/// Real time, written down, and new random numbers.
pub(super) fn overhear(wasi: &mut WasiCtxBuilder, call: &Overheard) {
    seed(wasi, call.seed);
    wasi.wall_clock(OverheardClock {
        inner: WallClock::new(),
        readings: Arc::clone(&call.clocks.wall),
    })
    .monotonic_clock(OverheardClock {
        inner: MonotonicClock::new(),
        readings: Arc::clone(&call.clocks.monotonic),
    });
}

/// The same readings and random numbers again, where they were kept.
pub(super) fn repeat(wasi: &mut WasiCtxBuilder, call: &Recorded) {
    let Some(given) = &call.given else {
        return;
    };
    seed(wasi, given.seed);
    let wall = nanoseconds(HostWallClock::now(&WallClock::new()));
    wasi.wall_clock(RecordedClock::new(&given.wall_nanoseconds, wall))
        .monotonic_clock(RecordedClock::new(&given.monotonic_nanoseconds, 0));
}

fn seed(wasi: &mut WasiCtxBuilder, seed: [u64; 4]) {
    let mut hash_seed = [0; 16];
    SeededRandom::of_call(seed, b"hash").fill(&mut hash_seed);
    wasi.secure_random(SeededRandom::of_call(seed, b"secure"))
        .insecure_random(SeededRandom::of_call(seed, b"insecure"))
        .insecure_random_seed(u128::from_le_bytes(hash_seed));
}

fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX)
}

/// What the clocks of one call said.
pub(super) struct OverheardClocks {
    wall: Arc<Readings>,
    monotonic: Arc<Readings>,
}

impl OverheardClocks {
    pub(super) fn new(max_readings: usize) -> Self {
        let readings = || {
            Arc::new(Readings {
                kept: Mutex::default(),
                max_readings,
            })
        };
        Self {
            wall: readings(),
            monotonic: readings(),
        }
    }

    pub(super) fn take(&self) -> Given {
        let (wall_nanoseconds, n_wall) = self.wall.take();
        let (monotonic_nanoseconds, n_monotonic) = self.monotonic.take();
        Given {
            wall_nanoseconds,
            monotonic_nanoseconds,
            n_readings_dropped: n_wall + n_monotonic,
            ..Given::default()
        }
    }
}

struct Readings {
    /// And how many had no room.
    kept: Mutex<(Vec<u64>, u64)>,
    max_readings: usize,
}

impl Readings {
    fn push(&self, nanoseconds: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0.len() < self.max_readings {
            kept.0.push(nanoseconds);
        } else {
            kept.1 += 1;
        }
    }

    fn take(&self) -> (Vec<u64>, u64) {
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct OverheardClock<C> {
    inner: C,
    readings: Arc<Readings>,
}

impl HostWallClock for OverheardClock<WallClock> {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self) -> Duration {
        // As it is kept, so that the guest is told the same again.
        let now = nanoseconds(HostWallClock::now(&self.inner));
        self.readings.push(now);
        Duration::from_nanos(now)
    }
}

impl HostMonotonicClock for OverheardClock<MonotonicClock> {
    fn resolution(&self) -> u64 {
        nanoseconds(RESOLUTION)
    }

    fn now(&self) -> u64 {
        let now = HostMonotonicClock::now(&self.inner);
        self.readings.push(now);
        now
    }
}

/// The same on every machine.
const RESOLUTION: Duration = Duration::from_nanos(1);

struct RecordedClock {
    readings: Vec<u64>,
    n_read: Cell<usize>,
    /// What it said last, and when that was.
    last: Cell<(u64, Instant)>,
}

impl RecordedClock {
    /// Stands at `start` where it was never read.
    fn new(readings: &[u64], start: u64) -> Self {
        Self {
            readings: readings.to_vec(),
            n_read: Cell::new(0),
            last: Cell::new((start, Instant::now())),
        }
    }

    fn read(&self) -> u64 {
        let nth = self.n_read.replace(self.n_read.get() + 1);
        if let Some(&reading) = self.readings.get(nth) {
            self.last.set((reading, Instant::now()));
            return reading;
        }
        let (reading, then) = self.last.get();
        reading.saturating_add(nanoseconds(then.elapsed()))
    }
}

impl HostWallClock for RecordedClock {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.read())
    }
}

impl HostMonotonicClock for RecordedClock {
    fn resolution(&self) -> u64 {
        nanoseconds(RESOLUTION)
    }

    fn now(&self) -> u64 {
        self.read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_say_again_what_they_said_and_then_go_on() {
        let clock = RecordedClock::new(&[5, 5, 70], 3);
        assert_eq!([clock.read(), clock.read(), clock.read()], [5, 5, 70]);
        assert!(clock.read() >= 70);
        assert!(RecordedClock::new(&[], 3).read() >= 3);
    }

    #[test]
    fn readings_have_a_largest_number() {
        let clocks = OverheardClocks::new(3);
        let clock = OverheardClock {
            inner: MonotonicClock::new(),
            readings: Arc::clone(&clocks.monotonic),
        };
        let read: Vec<u64> = (0..5).map(|_| HostMonotonicClock::now(&clock)).collect();
        let given = clocks.take();
        assert_eq!(given.monotonic_nanoseconds, read[..3]);
        assert_eq!(
            (given.n_readings_dropped, given.wall_nanoseconds.len()),
            (2, 0)
        );
    }
}
