//! How often one caller may ask: a bucket of tokens each, filled at a steady rate, one token a
//! request. Kept in this process: N processes behind one address allow N times as much.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    http::{HeaderName, HeaderValue},
    response::Response,
};
use tokio::time::Instant;

use crate::http::problem::{Kind, Problem};

/// Callers with a bucket of their own; those beyond share one.
const MAX_BUCKETS: usize = 8_192;
const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Whose bucket is taken from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Payer {
    Key(Arc<str>),
    /// Of a caller without a key.
    Address(IpAddr),
    /// All that have none of their own.
    Others,
}

impl Payer {
    /// One customer holds a whole /64 of IPv6, so its addresses share a bucket.
    pub(super) fn of_address(peer: Option<IpAddr>) -> Self {
        match peer.map(|peer| peer.to_canonical()) {
            None => Self::Others,
            Some(IpAddr::V6(address)) => {
                let network = address.to_bits() & !u128::from(u64::MAX);
                Self::Address(Ipv6Addr::from_bits(network).into())
            }
            Some(address) => Self::Address(address),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

pub(in crate::http) struct Buckets {
    /// 0: no limit.
    per_second: f64,
    burst: f64,
    held: Mutex<HashMap<Payer, Bucket>>,
}

/// What a caller has left after this request, or how long it has to wait.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Allowance {
    Endless,
    Left {
        burst: f64,
        left: f64,
        per_second: f64,
    },
}

impl Buckets {
    pub(in crate::http) fn new(requests_per_second: u32, burst: u32) -> Self {
        Self {
            per_second: requests_per_second.into(),
            burst: burst.max(1).into(),
            held: Mutex::default(),
        }
    }

    /// Takes one token; the error says what is there instead.
    pub(super) fn take(&self, payer: Payer, now: Instant) -> Result<Allowance, Allowance> {
        if self.per_second <= 0.0 {
            return Ok(Allowance::Endless);
        }
        let mut buckets = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let payer = self.with_place(&mut buckets, payer, now);
        let full = Bucket {
            tokens: self.burst,
            at: now,
        };
        let bucket = buckets.entry(payer).or_insert(full);
        bucket.tokens = self.filled(bucket, now);
        bucket.at = now;
        let is_enough = bucket.tokens >= 1.0;
        if is_enough {
            bucket.tokens -= 1.0;
        }
        let allowance = Allowance::Left {
            burst: self.burst,
            left: bucket.tokens,
            per_second: self.per_second,
        };
        if is_enough {
            Ok(allowance)
        } else {
            Err(allowance)
        }
    }

    /// Whose bucket `payer` takes from: a full house first forgets those who rested long enough.
    fn with_place(
        &self,
        buckets: &mut HashMap<Payer, Bucket>,
        payer: Payer,
        now: Instant,
    ) -> Payer {
        if buckets.len() < MAX_BUCKETS || buckets.contains_key(&payer) {
            return payer;
        }
        buckets.retain(|_, bucket| self.filled(bucket, now) < self.burst);
        if buckets.len() < MAX_BUCKETS {
            payer
        } else {
            Payer::Others
        }
    }

    fn filled(&self, bucket: &Bucket, now: Instant) -> f64 {
        let rested = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.tokens + rested * self.per_second).min(self.burst)
    }
}

impl Allowance {
    /// Why the request was turned away.
    pub(super) fn problem(self) -> Problem {
        let seconds = self.seconds_until(1.0).max(1);
        Problem::new(
            Kind::RateLimited,
            format!("this caller asks too often; ask again in {seconds} s"),
        )
        .after_seconds(seconds)
    }

    /// Tells the caller what is left.
    pub(super) fn dress(self, mut response: Response) -> Response {
        if let Self::Left { burst, left, .. } = self {
            let headers = response.headers_mut();
            headers.insert(LIMIT, whole(burst));
            headers.insert(REMAINING, whole(left));
            headers.insert(RESET, self.seconds_until(burst).into());
        }
        response
    }

    fn seconds_until(self, tokens: f64) -> u32 {
        match self {
            Self::Endless => 0,
            Self::Left {
                left, per_second, ..
            } => to_whole(((tokens - left).max(0.0) / per_second).ceil()),
        }
    }
}

fn whole(number: f64) -> HeaderValue {
    to_whole(number.floor()).into()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number that was checked; the cast keeps within its range"
)]
fn to_whole(number: f64) -> u32 {
    number as u32
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key(name: &str) -> Payer {
        Payer::Key(name.into())
    }

    #[test]
    fn a_bucket_empties_and_fills_at_its_rate() {
        let buckets = Buckets::new(2, 3);
        let now = Instant::now();
        let is_let_in = |after: u64| {
            let at = now + Duration::from_millis(after);
            buckets.take(key("ada"), at).is_ok()
        };
        assert_eq!([0, 0, 0, 0].map(is_let_in), [true, true, true, false]);
        assert!(!is_let_in(400), "not yet a whole token");
        assert!(is_let_in(500));
        assert!(!is_let_in(500));
        // However long the rest, no more than the burst.
        assert_eq!([99_000; 4].map(is_let_in), [true, true, true, false]);
    }

    #[test]
    fn one_caller_does_not_pay_for_another() {
        let buckets = Buckets::new(1, 1);
        let now = Instant::now();
        assert!(buckets.take(key("ada"), now).is_ok());
        assert!(buckets.take(key("ada"), now).is_err());
        assert!(buckets.take(key("bob"), now).is_ok());
        let of = |address: &str| Payer::of_address(Some(address.parse().unwrap()));
        assert!(buckets.take(of("10.0.0.1"), now).is_ok());
        assert!(buckets.take(of("10.0.0.2"), now).is_ok());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }

    #[test]
    fn without_a_rate_there_is_no_limit() {
        let buckets = Buckets::new(0, 1);
        let now = Instant::now();
        for _ in 0..10 {
            assert_eq!(buckets.take(key("ada"), now), Ok(Allowance::Endless));
        }
    }

    #[test]
    fn what_is_turned_away_is_told_how_long_to_wait() {
        let buckets = Buckets::new(1, 4);
        let now = Instant::now();
        for _ in 0..3 {
            buckets.take(key("ada"), now).unwrap();
        }
        let left = buckets.take(key("ada"), now).unwrap();
        assert_eq!(left.seconds_until(4.0), 4);
        let spent = buckets.take(key("ada"), now).unwrap_err();
        assert_eq!(spent.seconds_until(1.0), 1);
    }

    #[test]
    fn a_full_house_forgets_who_rested_and_then_lets_the_rest_share() {
        let buckets = Buckets::new(1, 2);
        let now = Instant::now();
        for n in 0..MAX_BUCKETS {
            buckets.take(key(&n.to_string()), now).unwrap();
        }
        let n_kept = || buckets.held.lock().unwrap().len();
        // Nobody has rested: two newcomers share what is nobody's.
        assert!(buckets.take(key("a"), now).is_ok());
        assert!(buckets.take(key("b"), now).is_ok());
        assert!(buckets.take(key("c"), now).is_err());
        assert_eq!(n_kept(), MAX_BUCKETS + 1);
        let later = now + Duration::from_secs(5);
        assert!(buckets.take(key("c"), later).is_ok());
        assert_eq!(n_kept(), 1, "all the others had rested");
    }
}
