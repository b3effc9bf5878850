//! One kept answer, as it lies in memory and as it is written for the tier behind it.
//!
//! What comes back from a tier is believed only when it is whole and lies under its own key: anything
//! else is as good as nothing kept.

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use moka::Expiry;
use phagen_domain::digest::Digest;
use serde::{Serialize, de::DeserializeOwned};

use crate::class::Lifetime;

/// What moka keeps of an entry besides its value: key, links and counters, measured roughly.
pub(crate) const ENTRY_OVERHEAD_BYTES: u64 = 250;

const KEY_BYTES: usize = 32;
const TIME_BYTES: usize = 8;
const HEAD_BYTES: usize = KEY_BYTES + 3 * TIME_BYTES;
const CHECKSUM_BYTES: usize = 16;
/// What a frame holds besides the value.
pub(crate) const FRAME_OVERHEAD_BYTES: usize = HEAD_BYTES + CHECKSUM_BYTES;

/// By the clock of the process that loaded it, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub created: i64,
    /// Until then it is fresh.
    pub soft: i64,
    /// Until then it may stand in for a fresh one.
    pub hard: i64,
}

impl Times {
    /// From now on. Answers of the same moment end up to a tenth apart, each by its own key, so that
    /// they are not all asked for again at once.
    pub(crate) fn starting(now: i64, lifetime: Lifetime, key: &Digest) -> Self {
        let [low, high, ..] = *key.as_bytes();
        let spread = f64::from(u16::from_le_bytes([low, high])) / f64::from(u16::MAX);
        let fresh = lifetime.fresh.mul_f64(0.9 + 0.2 * spread);
        let soft = now.saturating_add(milliseconds(fresh));
        Self {
            created: now,
            soft,
            hard: soft.saturating_add(milliseconds(lifetime.stale)),
        }
    }

    pub(crate) fn is_fresh(&self, now: i64) -> bool {
        now < self.soft
    }

    pub(crate) fn is_usable(&self, now: i64) -> bool {
        now < self.hard
    }

    pub(crate) fn left(&self, now: i64) -> Duration {
        let left = u64::try_from(self.hard.saturating_sub(now));
        Duration::from_millis(left.unwrap_or_default())
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// In memory. Clones share their value and what is known of its renewal.
#[derive(Clone)]
pub(crate) struct Entry {
    value: Arc<dyn Any + Send + Sync>,
    pub times: Times,
    pub renewal: Arc<Renewal>,
    bytes: u64,
    keep: Duration,
}

/// Of an answer past its time.
#[derive(Debug, Default)]
pub(crate) struct Renewal {
    is_under_way: AtomicBool,
    /// When it last failed; 0: it did not.
    failed_at: AtomicI64,
}

impl Renewal {
    /// Whether the caller is the one to renew.
    pub(crate) fn begin(&self) -> bool {
        !self.is_under_way.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn end(&self) {
        self.is_under_way.store(false, Ordering::Release);
    }

    pub(crate) fn fail(&self, now: i64) {
        self.failed_at.store(now.max(1), Ordering::Relaxed);
        self.end();
    }

    pub(crate) fn failed_at(&self) -> Option<i64> {
        Some(self.failed_at.load(Ordering::Relaxed)).filter(|at| *at != 0)
    }
}

impl Entry {
    /// The entry, and its value as the tier would keep it; none when it has no JSON form.
    pub(crate) fn made<T>(value: T, times: Times, now: i64) -> (Self, Option<Vec<u8>>)
    where
        T: Serialize + Send + Sync + 'static,
    {
        let json = serde_json::to_vec(&value).ok();
        // What has no JSON form weighs what the cache may hold: it is not kept.
        let bytes = json
            .as_ref()
            .map_or(u64::from(u32::MAX), |json| json.len() as u64);
        (Self::of(Arc::new(value), times, bytes, now), json)
    }

    fn of(value: Arc<dyn Any + Send + Sync>, times: Times, bytes: u64, now: i64) -> Self {
        Self {
            value,
            times,
            renewal: Arc::default(),
            bytes,
            keep: times.left(now),
        }
    }

    /// As the tier keeps it.
    pub(crate) fn frame(&self, key: &Digest, json: &[u8]) -> Vec<u8> {
        let times = self.times;
        let mut frame = Vec::with_capacity(HEAD_BYTES + json.len() + CHECKSUM_BYTES);
        frame.extend_from_slice(key.as_bytes());
        for time in [times.created, times.soft, times.hard] {
            frame.extend_from_slice(&time.to_le_bytes());
        }
        frame.extend_from_slice(json);
        let checksum = Digest::of(&frame);
        frame.extend_from_slice(&checksum.as_bytes()[..CHECKSUM_BYTES]);
        frame
    }

    /// From what a tier gave back; none when that is not whole, not under its key or not a `T`.
    pub(crate) fn read<T>(key: &Digest, frame: &[u8], now: i64) -> Option<Self>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let (framed, checksum) =
            frame.split_at_checked(frame.len().checked_sub(CHECKSUM_BYTES)?)?;
        let (head, json) = framed.split_at_checked(HEAD_BYTES)?;
        let (kept_under, times) = head.split_at(KEY_BYTES);
        let is_whole = Digest::of(framed).as_bytes()[..CHECKSUM_BYTES] == *checksum;
        if !is_whole || kept_under != key.as_bytes() {
            return None;
        }
        let time = |n: usize| {
            let bytes = times.get(n * TIME_BYTES..(n + 1) * TIME_BYTES)?;
            Some(i64::from_le_bytes(bytes.try_into().ok()?))
        };
        let times = Times {
            created: time(0)?,
            soft: time(1)?,
            hard: time(2)?,
        };
        let value: T = serde_json::from_slice(json).ok()?;
        Some(Self::of(Arc::new(value), times, json.len() as u64, now))
    }

    pub(crate) fn value<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.value).downcast().ok()
    }

    pub(crate) fn weight(&self) -> u32 {
        u32::try_from(self.bytes + ENTRY_OVERHEAD_BYTES).unwrap_or(u32::MAX)
    }
}

/// moka drops an entry when its time is over, whether anyone asks for it or not.
pub(crate) struct ByEntry;

impl Expiry<Digest, Entry> for ByEntry {
    fn expire_after_create(&self, _: &Digest, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.keep)
    }

    fn expire_after_update(
        &self,
        _: &Digest,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const LIFETIME: Lifetime = Lifetime {
        fresh: HOUR,
        stale: HOUR,
    };

    #[test]
    fn lifetimes_spread_by_a_tenth_and_no_more() {
        let ends: Vec<i64> = (0..200_u32)
            .map(|n| {
                let key = Digest::of(&n.to_le_bytes());
                let times = Times::starting(0, LIFETIME, &key);
                assert_eq!(times.hard - times.soft, milliseconds(HOUR));
                times.soft
            })
            .collect();
        let hour = milliseconds(HOUR);
        let (least, most) = (ends.iter().min().unwrap(), ends.iter().max().unwrap());
        assert!(*least >= hour * 9 / 10 && *most <= hour * 11 / 10);
        assert!(most - least > hour / 10);
    }

    #[test]
    fn what_a_tier_gives_back_is_believed_only_whole_and_under_its_key() {
        let key = Digest::of(b"key");
        let times = Times::starting(1_000, LIFETIME, &key);
        let value = ("β-amyloid".to_owned(), 0.1_f32);
        let (entry, json) = Entry::made(value.clone(), times, 1_000);
        let frame = entry.frame(&key, &json.unwrap());
        let read = |key: &Digest, frame: &[u8]| Entry::read::<(String, f32)>(key, frame, 1_000);
        let back = read(&key, &frame).unwrap();
        assert_eq!(*back.value::<(String, f32)>().unwrap(), value);
        assert_eq!((back.times, back.weight()), (times, entry.weight()));
        assert!(read(&Digest::of(b"other"), &frame).is_none());
        assert!(Entry::read::<u32>(&key, &frame, 1_000).is_none());
        for n in 0..frame.len() {
            assert!(read(&key, &frame[..n]).is_none(), "cut at {n}");
            let mut turned = frame.clone();
            turned[n] ^= 1;
            assert!(read(&key, &turned).is_none(), "turned at {n}");
        }
    }
}
