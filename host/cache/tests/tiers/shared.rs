//! Several processes on one Redis: each is a cache of its own here, with memory and connection.

use std::time::Duration;

use phagen_cache::{Cache, CacheError, Reach, Scope};

use crate::{
    server::{RedisServer, raw, shared_url},
    world::{SlowLoads, get, over, prefix, redis, until, was},
};

async fn two(url: &str, prefix: &str) -> (Cache, Cache) {
    (
        over(redis(url, prefix)).await,
        over(redis(url, prefix)).await,
    )
}

#[tokio::test]
async fn processes_that_miss_together_load_once() {
    let (a, b) = two(&shared_url(), &prefix()).await;
    let loads = SlowLoads::default();
    let takes = Duration::from_millis(300);
    let begin_later = async {
        until("the first load", async || loads.count() == 1).await;
        loads.get(&b, "a", takes).await
    };
    let (first, second) = tokio::join!(loads.get(&a, "a", takes), begin_later);
    assert_eq!((first, second), (false, true));
    assert_eq!(loads.count(), 1);
}

#[tokio::test]
async fn a_lock_whose_holder_died_costs_a_wait_and_no_answer() {
    let (url, prefix) = (shared_url(), prefix());
    let (cache, other) = two(&url, &prefix).await;
    // Taken, and its holder gone without a word.
    let loads = SlowLoads::default();
    tokio::select! {
        _ = loads.get(&other, "a", Duration::from_hours(1)) => unreachable!("it takes an hour"),
        () = until("a load", async || loads.count() > 0) => {
            let locks: Vec<String> = raw(&url, &["KEYS", &format!("{prefix}:cache-lock:*")]);
            let [lock] = &locks[..] else { panic!("{locks:?}") };
            // Should nobody give it back, it runs out.
            let milliseconds: i64 = raw(&url, &["PTTL", lock]);
            assert!((1..=20_000).contains(&milliseconds), "{milliseconds}");
            let _: () = raw(&url, &["SET", lock, "of the dead", "PX", "20000"]);
            assert_eq!(get(&cache, "a", "one").await, was("one", false));
            // The lock still stands: the wait was as long as a load, not as the lock.
            let holder: String = raw(&url, &["GET", lock]);
            assert_eq!(holder, "of the dead");
        }
    }
}

#[tokio::test]
async fn what_one_process_forgets_no_other_remembers() {
    let (url, prefix) = (shared_url(), prefix());
    let (a, b) = two(&url, &prefix).await;
    for scope in [
        Scope::All,
        Scope::Source("clinical".to_owned()),
        Scope::Molecule("Aspirin".to_owned()),
    ] {
        get(&a, "a", "old").await;
        a.close().await;
        until("an answer for both", async || get(&b, "a", "old").await.1).await;
        assert_eq!(a.invalidate(&scope).await.unwrap(), Reach::EveryProcess);
        assert!(!get(&a, "a", "new").await.1, "{scope:?}");
        // The other one asks on, and hears of it before long.
        until("the news", async || get(&b, "a", "new").await.0 == "new").await;
        assert_eq!(
            a.invalidate(&Scope::All).await.unwrap(),
            Reach::EveryProcess
        );
        until("silence", async || !get(&b, "a", "old").await.1).await;
    }
    let unrelated = Scope::Source("patent".to_owned());
    until("an answer", async || get(&a, "a", "").await.1).await;
    a.invalidate(&unrelated).await.unwrap();
    assert!(get(&a, "a", "").await.1);
}

#[tokio::test]
async fn counters_that_redis_lost_do_not_bring_answers_back() {
    let (url, prefix) = (shared_url(), prefix());
    let cache = over(redis(&url, &prefix)).await;
    get(&cache, "a", "old").await;
    cache.close().await;
    assert_eq!(
        cache.invalidate(&Scope::All).await.unwrap(),
        Reach::EveryProcess
    );
    // As by an eviction.
    let _: i64 = raw(&url, &["DEL", &format!("{prefix}:cache-generations")]);
    let next = over(redis(&url, &prefix)).await;
    assert_eq!(get(&next, "a", "new").await, was("new", false));
    next.close().await;
}

#[tokio::test]
async fn nobody_is_told_that_all_forgot_when_redis_is_gone() {
    let mut server = RedisServer::start();
    let prefix = prefix();
    let tier = redis(&server.url(), &prefix);
    let cache = over(tier).await;
    until("a server", async || {
        cache.tier_health().unwrap().is_answering
    })
    .await;
    get(&cache, "a", "one").await;
    server.kill();
    let error = cache.invalidate(&Scope::All).await.unwrap_err();
    assert!(matches!(error, CacheError::TierSilent { tier: "redis" }));
    // This process at least forgot.
    assert_eq!(get(&cache, "a", "two").await, was("two", false));
}
