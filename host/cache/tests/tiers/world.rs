//! What the stories share: a clock that is told the time, a cache, and a loader that counts.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use phagen_cache::{
    Ask, Cache, CacheClass, CacheKey, CacheSettings, Cached, RedisSettings, RedisTier,
};
use phagen_domain::{clock::Clock, digest::Digest};
use phagen_store::CacheTier;

/// Longest that anything here is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const HOUR: Duration = Duration::from_hours(1);

pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_800_000_000_000)))
    }

    pub(crate) fn pass(&self, duration: Duration) {
        let milliseconds = i64::try_from(duration.as_millis()).expect("a short time");
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0.load(Ordering::SeqCst)).expect("a time")
    }
}

pub(crate) fn settings() -> CacheSettings {
    CacheSettings {
        producer: "phagen test".to_owned(),
        ..CacheSettings::default()
    }
}

pub(crate) async fn over(tier: Arc<dyn CacheTier>) -> Cache {
    Cache::over(settings(), TestClock::new(), tier).await
}

/// Whoever waits for an answer of this tier waits an hour: what goes on all the same did not wait.
pub(crate) async fn impatient(tier: Arc<dyn CacheTier>) -> Cache {
    let settings = CacheSettings {
        tier_patience: Duration::from_millis(3),
        tier_timeout: HOUR,
        ..settings()
    };
    Cache::over(settings, TestClock::new(), tier).await
}

/// In the shared server, below a prefix of the test's own.
pub(crate) fn prefix() -> String {
    format!("test-{}", uuid::Uuid::new_v4().simple())
}

pub(crate) fn redis(url: &str, prefix: &str) -> Arc<dyn CacheTier> {
    redis_within(url, prefix, CacheSettings::TIER_TIMEOUT)
}

/// With another bound on its answers.
pub(crate) fn redis_within(url: &str, prefix: &str, timeout: Duration) -> Arc<dyn CacheTier> {
    let settings = RedisSettings {
        url: url.to_owned(),
        prefix: prefix.to_owned(),
        roots: None,
        timeout,
    };
    Arc::new(RedisTier::open(&settings).expect("an address"))
}

pub(crate) fn key(name: &str) -> Digest {
    CacheKey::new("source.search").text(name).finish()
}

pub(crate) fn ask(name: &str) -> Ask<'static> {
    Ask {
        class: CacheClass::Retrieval,
        source: "clinical",
        molecule: "aspirin",
        key: key(name),
    }
}

/// What comes under `name`, where a load would give `value`.
pub(crate) async fn get(cache: &Cache, name: &str, value: &str) -> (String, bool) {
    let answer = answer(cache, ask(name), value).await;
    (answer.value.as_ref().clone(), answer.cached)
}

pub(crate) async fn answer(cache: &Cache, ask: Ask<'_>, value: &str) -> Cached<String> {
    let load = || {
        let value = value.to_owned();
        async move { Ok::<_, Infallible>(value) }
    };
    cache.get_or_load(ask, load).await.expect("it loads")
}

pub(crate) fn was(value: &str, cached: bool) -> (String, bool) {
    (value.to_owned(), cached)
}

/// Loads that take a while, and how many there were.
#[derive(Clone, Default)]
pub(crate) struct SlowLoads(Arc<AtomicUsize>);

impl SlowLoads {
    pub(crate) async fn get(&self, cache: &Cache, name: &str, takes: Duration) -> bool {
        let load = || {
            let count = Arc::clone(&self.0);
            async move {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(takes).await;
                Ok::<_, Infallible>("slow".to_owned())
            }
        };
        cache
            .get_or_load(ask(name), load)
            .await
            .expect("it loads")
            .cached
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Waits until it holds; what takes for ever fails.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
