//! The tier in memory: bounded by bytes, with a lifetime by class and single flight.
//!
//! A hit hands out a shared value and decodes nothing. Values can be written as JSON all the same:
//! that is how they are weighed, and what lets another tier stand behind this one.

use std::{
    any::Any,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use moka::{Expiry, future::Cache as Moka};
use phagen_domain::digest::Digest;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    CacheKey,
    class::{CacheClass, CacheSettings},
};

/// What moka keeps of an entry besides its value: key, links and counters, measured roughly.
const ENTRY_OVERHEAD_BYTES: u64 = 200;

/// A bounded store of answers. See the crate's documentation.
pub struct Cache {
    settings: CacheSettings,
    entries: Moka<Digest, Entry>,
    /// By class; grows with [`Cache::forget`].
    generations: [AtomicU64; CacheClass::ALL.len()],
}

/// A value, and whether it was there already.
#[derive(Debug)]
pub struct Cached<T> {
    pub value: Arc<T>,
    pub cached: bool,
}

impl Cache {
    pub fn new(settings: CacheSettings) -> Self {
        let entries = Moka::builder()
            .max_capacity(settings.max_bytes)
            .weigher(|_, entry: &Entry| {
                u32::try_from(entry.bytes + ENTRY_OVERHEAD_BYTES).unwrap_or(u32::MAX)
            })
            .expire_after(ByClass)
            .build();
        Self {
            settings,
            entries,
            generations: Default::default(),
        }
    }

    /// The value under `key`, loaded when it is not there. Callers that miss at the same time wait
    /// for one load; when it fails, all of them get its error and nothing is kept. A caller that
    /// goes away mid-load leaves the load to the next.
    pub async fn get_or_load<T, E, F>(
        &self,
        class: CacheClass,
        key: Digest,
        load: F,
    ) -> Result<Cached<T>, Arc<E>>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        E: Send + Sync + 'static,
        F: Future<Output = Result<T, E>>,
    {
        if !self.settings.enabled {
            count(class, "off");
            return load.await.map(Cached::fresh).map_err(Arc::new);
        }
        let key = self.scoped(class, &key);
        if let Some(value) = self.entries.get(&key).await.and_then(Entry::value) {
            count(class, "hit");
            return Ok(Cached::kept(value));
        }
        let loaded = AtomicBool::new(false);
        let lifetime = self.settings.lifetime(class);
        let load = async {
            loaded.store(true, Ordering::Relaxed);
            load.await.map(|value| Entry::new(value, lifetime))
        };
        match self.entries.try_get_with(key, load).await {
            Ok(entry) => {
                let cached = !loaded.into_inner();
                count(class, if cached { "shared" } else { "miss" });
                // The key names the operation, so the type under it is always the one put there.
                let value = entry.value().expect("one operation has one type of answer");
                Ok(Cached { value, cached })
            }
            Err(error) => {
                count(class, "error");
                Err(error)
            }
        }
    }

    /// Makes every kept answer of the class unreachable, at once; the memory goes with its lifetime.
    pub fn forget(&self, class: CacheClass) {
        self.generation(class).fetch_add(1, Ordering::SeqCst);
    }

    /// Bytes kept now, after pending evictions.
    pub async fn weighted_bytes(&self) -> u64 {
        self.entries.run_pending_tasks().await;
        self.entries.weighted_size()
    }

    fn scoped(&self, class: CacheClass, key: &Digest) -> Digest {
        CacheKey::new(class.as_str())
            .generation(self.generation(class).load(Ordering::SeqCst))
            .digest(key)
            .finish()
    }

    fn generation(&self, class: CacheClass) -> &AtomicU64 {
        &self.generations[class as usize]
    }
}

impl<T> Cached<T> {
    fn fresh(value: T) -> Self {
        Self {
            value: Arc::new(value),
            cached: false,
        }
    }

    fn kept(value: Arc<T>) -> Self {
        Self {
            value,
            cached: true,
        }
    }
}

#[derive(Clone)]
struct Entry {
    value: Arc<dyn Any + Send + Sync>,
    bytes: u64,
    lifetime: Duration,
}

impl Entry {
    fn new<T: Serialize + Send + Sync + 'static>(value: T, lifetime: Duration) -> Self {
        let mut counter = Counter(0);
        // A value that has no JSON form weighs what the cache may hold: it is not kept.
        let weighed = serde_json::to_writer(&mut counter, &value);
        Self {
            value: Arc::new(value),
            bytes: weighed.map_or(u64::from(u32::MAX), |()| counter.0),
            lifetime,
        }
    }

    fn value<T: Send + Sync + 'static>(self) -> Option<Arc<T>> {
        self.value.downcast().ok()
    }
}

struct ByClass;

impl Expiry<Digest, Entry> for ByClass {
    fn expire_after_create(&self, _: &Digest, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.lifetime)
    }
}

struct Counter(u64);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn count(class: CacheClass, outcome: &'static str) {
    metrics::counter!(
        "phagen_cache_requests_total",
        "class" => class.as_str(),
        "outcome" => outcome
    )
    .increment(1);
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::atomic::AtomicUsize};

    use super::*;

    const CLASS: CacheClass = CacheClass::Retrieval;

    fn key(name: &str) -> Digest {
        CacheKey::new(name).finish()
    }

    async fn load(cache: &Cache, name: &str, value: &str) -> (String, bool) {
        let loaded = cache
            .get_or_load(CLASS, key(name), async {
                Ok::<_, Infallible>(value.to_owned())
            })
            .await
            .unwrap();
        (loaded.value.as_ref().clone(), loaded.cached)
    }

    #[tokio::test]
    async fn the_second_request_finds_what_the_first_loaded() {
        let cache = Cache::new(CacheSettings::default());
        assert_eq!(load(&cache, "a", "one").await, ("one".to_owned(), false));
        assert_eq!(load(&cache, "a", "two").await, ("one".to_owned(), true));
        assert_eq!(load(&cache, "b", "two").await, ("two".to_owned(), false));
    }

    #[tokio::test]
    async fn a_cache_that_is_off_neither_reads_nor_writes() {
        let cache = Cache::new(CacheSettings {
            enabled: false,
            ..CacheSettings::default()
        });
        assert_eq!(load(&cache, "a", "one").await, ("one".to_owned(), false));
        assert_eq!(load(&cache, "a", "two").await, ("two".to_owned(), false));
        assert_eq!(cache.weighted_bytes().await, 0);
    }

    #[tokio::test]
    async fn an_error_is_handed_on_and_never_kept() {
        let cache = Cache::new(CacheSettings::default());
        let failed = cache
            .get_or_load::<String, _, _>(CLASS, key("a"), async { Err("down") })
            .await;
        assert_eq!(*failed.unwrap_err(), "down");
        assert_eq!(load(&cache, "a", "up").await, ("up".to_owned(), false));
    }

    #[tokio::test]
    async fn many_misses_load_once() {
        let cache = Cache::new(CacheSettings::default());
        let n_loads = AtomicUsize::new(0);
        let ask = || {
            cache.get_or_load(CLASS, key("a"), async {
                n_loads.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Ok::<_, Infallible>(1_u32)
            })
        };
        let (a, b, c) = tokio::join!(ask(), ask(), ask());
        assert_eq!(n_loads.load(Ordering::SeqCst), 1);
        let n_cached = [a, b, c].map(|loaded| usize::from(loaded.unwrap().cached));
        assert_eq!(n_cached.iter().sum::<usize>(), 2);
    }

    #[tokio::test]
    async fn a_load_that_is_given_up_is_left_to_the_next() {
        let cache = Cache::new(CacheSettings::default());
        let endless = cache.get_or_load::<String, Infallible, _>(
            CLASS,
            key("a"),
            std::future::pending::<Result<String, Infallible>>(),
        );
        tokio::select! {
            biased;
            _ = endless => unreachable!("it never ends"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(load(&cache, "a", "one").await, ("one".to_owned(), false));
    }

    #[tokio::test]
    async fn forgetting_a_class_leaves_the_others() {
        let cache = Cache::new(CacheSettings::default());
        load(&cache, "a", "one").await;
        cache.forget(CacheClass::GuestOutput);
        assert_eq!(load(&cache, "a", "two").await, ("one".to_owned(), true));
        cache.forget(CLASS);
        assert_eq!(load(&cache, "a", "two").await, ("two".to_owned(), false));
    }

    #[tokio::test]
    async fn memory_stays_within_its_bound() {
        let max_bytes = 10_000;
        let cache = Cache::new(CacheSettings {
            max_bytes,
            ..CacheSettings::default()
        });
        for n in 0..100 {
            load(&cache, &format!("key {n}"), &"x".repeat(900)).await;
        }
        let kept = cache.weighted_bytes().await;
        assert!((1_000..=max_bytes).contains(&kept), "{kept}");
        // What alone exceeds the bound is answered and not kept.
        load(&cache, "giant", &"x".repeat(20_000)).await;
        assert!(cache.weighted_bytes().await <= max_bytes);
    }

    #[tokio::test]
    async fn a_lifetime_ends_by_class() {
        let cache = Cache::new(CacheSettings {
            retrieval_lifetime: Duration::ZERO,
            ..CacheSettings::default()
        });
        load(&cache, "a", "one").await;
        assert_eq!(load(&cache, "a", "two").await, ("two".to_owned(), false));
        let lifetime = |class| CacheSettings::default().lifetime(class).as_secs();
        assert_eq!(CacheClass::ALL.map(lifetime), [7_200, 7_200]);
    }
}
