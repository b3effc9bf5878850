//! What lies in Redis, and what is made of it.

use std::time::Duration;

use phagen_cache::{Ask, Cache, CacheKey, CacheSettings};
use phagen_domain::digest::Digest;

use crate::{
    server::{raw, shared_url},
    world::{SlowLoads, TestClock, answer, ask, get, over, prefix, redis, settings, was},
};

fn keys(prefix: &str) -> Vec<String> {
    raw(&shared_url(), &["KEYS", &format!("{prefix}:*")])
}

fn entry(prefix: &str) -> String {
    let entries = format!("{prefix}:cache:");
    let found = keys(prefix)
        .into_iter()
        .find(|key| key.starts_with(&entries));
    found.expect("an answer")
}

#[tokio::test]
async fn an_answer_outlives_its_process() {
    let (url, prefix) = (shared_url(), prefix());
    let cache = over(redis(&url, &prefix)).await;
    assert_eq!(get(&cache, "a", "one").await, was("one", false));
    cache.close().await;
    drop(cache);
    let cache = over(redis(&url, &prefix)).await;
    assert_eq!(get(&cache, "a", "two").await, was("one", true));
    assert_eq!(get(&cache, "b", "two").await, was("two", false));
    cache.close().await;
    // Redis forgets by itself what nobody asks for any more.
    let milliseconds: i64 = raw(&url, &["PTTL", &entry(&prefix)]);
    let hours = milliseconds / 3_600_000;
    assert!((3..=4).contains(&hours), "{milliseconds}");
}

#[tokio::test]
async fn a_cache_that_is_off_leaves_redis_alone() {
    let (url, prefix) = (shared_url(), prefix());
    let on = over(redis(&url, &prefix)).await;
    get(&on, "a", "one").await;
    on.close().await;
    let before = keys(&prefix);
    let off = Cache::over(
        CacheSettings {
            enabled: false,
            ..settings()
        },
        TestClock::new(),
        redis(&url, &prefix),
    )
    .await;
    assert_eq!(get(&off, "a", "two").await, was("two", false));
    assert_eq!(get(&off, "b", "two").await, was("two", false));
    assert_eq!(off.tier_health(), None);
    off.close().await;
    assert_eq!(keys(&prefix), before);
}

#[tokio::test]
async fn a_successor_never_serves_its_predecessors_answers() {
    let (url, prefix) = (shared_url(), prefix());
    let of = |plugin: &str| Ask {
        key: CacheKey::new("source.search")
            .digest(&Digest::of(plugin.as_bytes()))
            .text("the same request")
            .finish(),
        ..ask("")
    };
    let cache = over(redis(&url, &prefix)).await;
    answer(&cache, of("version 1"), "of version 1").await;
    let swapped = answer(&cache, of("version 2"), "of version 2").await;
    assert_eq!(
        (swapped.value.as_str(), swapped.cached),
        ("of version 2", false)
    );
    cache.close().await;
    // Nor does another version of the host, which may understand the same bytes otherwise.
    let successor = CacheSettings {
        producer: "phagen of tomorrow".to_owned(),
        ..settings()
    };
    let successor = Cache::over(successor, TestClock::new(), redis(&url, &prefix)).await;
    assert!(!answer(&successor, of("version 2"), "").await.cached);
    successor.close().await;
}

#[tokio::test]
async fn what_is_corrupt_in_redis_is_a_miss() {
    let (url, prefix) = (shared_url(), prefix());
    for damage in [
        &["SETRANGE", "", "60", "x"][..],
        &["SET", "", ""],
        &["SET", "", "{}"],
    ] {
        let cache = over(redis(&url, &prefix)).await;
        get(&cache, "a", "one").await;
        cache.close().await;
        let key = entry(&prefix);
        let mut damage = damage.to_vec();
        damage[1] = &key;
        let _: redis::Value = raw(&url, &damage);
        let cache = over(redis(&url, &prefix)).await;
        assert_eq!(get(&cache, "a", "anew").await, was("anew", false));
        cache.close().await;
        // What was loaded stands in its place.
        let cache = over(redis(&url, &prefix)).await;
        assert_eq!(get(&cache, "a", "").await, was("anew", true));
        cache.close().await;
        let _: i64 = raw(&url, &["DEL", &key]);
    }
}

#[tokio::test]
async fn what_is_too_large_for_redis_stays_in_memory() {
    let (url, prefix) = (shared_url(), prefix());
    let cache = over(redis(&url, &prefix)).await;
    let n_bytes = 4 * 1024 * 1024;
    // With the quotes of its JSON, exactly as much as goes there, and one byte more.
    let (fits, exceeds) = ("x".repeat(n_bytes - 2), "x".repeat(n_bytes - 1));
    get(&cache, "fits", &fits).await;
    get(&cache, "exceeds", &exceeds).await;
    assert!(get(&cache, "exceeds", "").await.1);
    cache.close().await;
    let cache = over(redis(&url, &prefix)).await;
    assert!(get(&cache, "fits", "").await.1);
    assert!(!get(&cache, "exceeds", "").await.1);
    cache.close().await;
}

#[tokio::test]
async fn no_lock_is_left_behind() {
    let (url, prefix) = (shared_url(), prefix());
    let cache = over(redis(&url, &prefix)).await;
    get(&cache, "a", "one").await;
    let failed = cache
        .get_or_load::<String, _, _>(ask("b"), || async { Err("down") })
        .await;
    assert!(failed.is_err());
    // A job that is cancelled while it loads.
    let loads = SlowLoads::default();
    tokio::select! {
        _ = loads.get(&cache, "c", Duration::from_hours(1)) => unreachable!("it takes an hour"),
        () = crate::world::until("a load", async || loads.count() > 0) => {}
    }
    cache.close().await;
    let locks = format!("{prefix}:cache-lock:");
    let left: Vec<_> = keys(&prefix);
    assert!(left.iter().all(|key| !key.starts_with(&locks)), "{left:?}");
}
