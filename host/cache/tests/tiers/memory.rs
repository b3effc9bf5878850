//! The cache without a second tier.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use phagen_cache::{Ask, Cache, CacheClass, CacheSettings, Reach, Scope};

use crate::world::{TestClock, answer, ask, get, settings, was};

fn cache(settings: CacheSettings) -> Cache {
    Cache::new(settings, TestClock::new())
}

#[tokio::test]
async fn the_second_request_finds_what_the_first_loaded() {
    let cache = cache(settings());
    assert_eq!(get(&cache, "a", "one").await, was("one", false));
    assert_eq!(get(&cache, "a", "two").await, was("one", true));
    assert_eq!(get(&cache, "b", "two").await, was("two", false));
    assert_eq!(cache.tier_health(), None);
}

#[tokio::test]
async fn a_cache_that_is_off_neither_reads_nor_writes() {
    let cache = Cache::off();
    assert_eq!(get(&cache, "a", "one").await, was("one", false));
    assert_eq!(get(&cache, "a", "two").await, was("two", false));
    assert_eq!(cache.weighted_bytes().await, 0);
    assert_eq!(cache.invalidate(&Scope::All).await.unwrap(), Reach::Nowhere);
}

#[tokio::test]
async fn an_error_is_handed_on_and_never_kept() {
    let cache = cache(settings());
    let failed = cache
        .get_or_load::<String, _, _>(ask("a"), || async { Err("down") })
        .await;
    assert_eq!(*failed.unwrap_err(), "down");
    assert_eq!(get(&cache, "a", "up").await, was("up", false));
}

#[tokio::test]
async fn many_misses_load_once() {
    let cache = cache(settings());
    let n_loads = Arc::new(AtomicUsize::new(0));
    let load = || {
        let n_loads = Arc::clone(&n_loads);
        async move {
            n_loads.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok::<_, &str>(1_u32)
        }
    };
    let (a, b, c) = tokio::join!(
        cache.get_or_load(ask("a"), load),
        cache.get_or_load(ask("a"), load),
        cache.get_or_load(ask("a"), load)
    );
    assert_eq!(n_loads.load(Ordering::SeqCst), 1);
    let n_cached = [a, b, c].map(|loaded| usize::from(loaded.unwrap().cached));
    assert_eq!(n_cached.iter().sum::<usize>(), 2);
}

#[tokio::test]
async fn a_load_that_is_given_up_is_left_to_the_next() {
    let cache = cache(settings());
    let endless = cache.get_or_load::<String, &str, _>(ask("a"), std::future::pending);
    tokio::select! {
        biased;
        _ = endless => unreachable!("it never ends"),
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(get(&cache, "a", "one").await, was("one", false));
}

#[tokio::test]
async fn forgetting_reaches_its_scope_and_no_further() {
    let cache = cache(settings());
    let about = |source, molecule| Ask {
        source,
        molecule,
        ..ask("a")
    };
    let asks = [
        about("clinical", "Aspirin"),
        about("clinical", "metformin"),
        about("patent", "aspirin"),
        about("patent", "metformin"),
    ];
    for (scope, forgotten) in [
        (
            Scope::Source("clinical".to_owned()),
            [true, true, false, false],
        ),
        (
            Scope::Molecule("ASPIRIN".to_owned()),
            [true, false, true, false],
        ),
        (Scope::All, [true; 4]),
    ] {
        for ask in asks {
            answer(&cache, ask, "").await;
        }
        assert_eq!(cache.invalidate(&scope).await.unwrap(), Reach::ThisProcess);
        for (ask, forgotten) in asks.into_iter().zip(forgotten) {
            let cached = answer(&cache, ask, "").await.cached;
            assert_eq!(cached, !forgotten, "{scope:?} {ask:?}");
        }
    }
}

#[tokio::test]
async fn memory_stays_within_its_bound() {
    let max_bytes = 10_000;
    let cache = cache(CacheSettings {
        max_bytes,
        ..settings()
    });
    for n in 0..100 {
        get(&cache, &format!("key {n}"), &"x".repeat(900)).await;
    }
    let kept = cache.weighted_bytes().await;
    assert!((1_000..=max_bytes).contains(&kept), "{kept}");
    // What alone exceeds the bound is answered and not kept.
    get(&cache, "giant", &"x".repeat(20_000)).await;
    assert!(cache.weighted_bytes().await <= max_bytes);
}

#[tokio::test]
async fn a_lifetime_ends_by_class() {
    let clock = TestClock::new();
    let cache = Cache::new(
        CacheSettings {
            guest_output_lifetime: Duration::from_secs(100),
            ..settings()
        },
        clock.clone(),
    );
    let scoring = Ask {
        class: CacheClass::GuestOutput,
        ..ask("a")
    };
    let both = || async {
        let (retrieved, scored) = (answer(&cache, ask("a"), ""), answer(&cache, scoring, ""));
        (retrieved.await.cached, scored.await.cached)
    };
    assert_eq!(both().await, (false, false));
    clock.pass(Duration::from_secs(89));
    assert_eq!(both().await, (true, true));
    clock.pass(Duration::from_secs(22));
    assert_eq!(both().await, (true, false));
    // Past its own lifetime and past what it may stand in for.
    clock.pass(Duration::from_hours(5));
    assert_eq!(both().await, (false, false));
}

#[tokio::test]
async fn what_has_no_lifetime_is_answered_all_the_same() {
    let cache = cache(CacheSettings {
        retrieval_lifetime: Duration::ZERO,
        stale_lifetime: Duration::ZERO,
        ..settings()
    });
    assert_eq!(get(&cache, "a", "one").await, was("one", false));
    assert_eq!(get(&cache, "a", "two").await, was("two", false));
}
