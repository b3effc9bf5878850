//! Time and chance for scoring guests: the same in every run of the same query.
//!
//! A language's runtime asks for both before the guest's own code runs (hash maps take a seed), so
//! they are answered rather than refused.

use std::{convert::Infallible, time::Duration};

use chrono::NaiveDate;
use rand::TryRng;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// Stands at midnight UTC of `as_of`, and random is what this key has always given.
pub(super) fn apply(wasi: &mut WasiCtxBuilder, as_of: NaiveDate) {
    let clock = StandingClock::at(as_of);
    wasi.wall_clock(clock)
        .monotonic_clock(clock)
        .secure_random(SeededRandom::of_scoring(b"secure"))
        .insecure_random(SeededRandom::of_scoring(b"insecure"))
        .insecure_random_seed(0x7068_6167_656e);
}

#[derive(Debug, Clone, Copy)]
struct StandingClock {
    since_1970: Duration,
}

impl StandingClock {
    fn at(date: NaiveDate) -> Self {
        let seconds = date
            .and_time(chrono::NaiveTime::MIN)
            .and_utc()
            .timestamp()
            .try_into()
            .unwrap_or(0);
        Self {
            since_1970: Duration::from_secs(seconds),
        }
    }
}

impl HostWallClock for StandingClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        self.since_1970
    }
}

impl HostMonotonicClock for StandingClock {
    fn resolution(&self) -> u64 {
        1_000_000_000
    }

    fn now(&self) -> u64 {
        self.since_1970.as_nanos().try_into().unwrap_or(u64::MAX)
    }
}

/// blake3's output stream: as random as any, and no release of a generator crate can change it.
pub(super) struct SeededRandom(blake3::OutputReader);

impl SeededRandom {
    fn of_scoring(stream: &[u8]) -> Self {
        Self(
            blake3::Hasher::new()
                .update(b"phagen scoring guests: ")
                .update(stream)
                .finalize_xof(),
        )
    }

    /// Nobody's to guess who does not know the call's seed.
    pub(super) fn of_call(seed: [u64; 4], stream: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"phagen recorded call: ");
        for part in seed {
            hasher.update(&part.to_le_bytes());
        }
        Self(hasher.update(stream).finalize_xof())
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

impl TryRng for SeededRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_stand_at_the_day() {
        let clock = StandingClock::at(NaiveDate::from_ymd_opt(2026, 11, 22).unwrap());
        assert_eq!(HostWallClock::now(&clock).as_secs(), 1_795_305_600);
        assert_eq!(HostMonotonicClock::now(&clock), 1_795_305_600_000_000_000);
        // Clocks of guests count from 1970.
        let clock = StandingClock::at(NaiveDate::from_ymd_opt(1950, 1, 1).unwrap());
        assert_eq!(HostWallClock::now(&clock), Duration::ZERO);
    }

    #[test]
    fn chance_is_the_same_in_every_build() {
        let mut random = SeededRandom::of_scoring(b"secure");
        let first = random.try_next_u64().unwrap();
        let second = random.try_next_u64().unwrap();
        assert_ne!(first, second);
        let mut bytes = [0; 16];
        SeededRandom::of_scoring(b"secure")
            .try_fill_bytes(&mut bytes)
            .unwrap();
        assert_eq!(bytes[..8], first.to_le_bytes());
        assert_eq!(bytes[8..], second.to_le_bytes());
    }

    #[test]
    fn chance_of_a_call_is_its_seeds() {
        let drawn =
            |seed, stream: &[u8]| SeededRandom::of_call(seed, stream).try_next_u64().unwrap();
        assert_eq!(
            drawn([1, 2, 3, 4], b"secure"),
            drawn([1, 2, 3, 4], b"secure")
        );
        assert_ne!(
            drawn([1, 2, 3, 4], b"secure"),
            drawn([1, 2, 3, 5], b"secure")
        );
        assert_ne!(drawn([1, 2, 3, 4], b"secure"), drawn([1, 2, 3, 4], b"hash"));
    }
}
