//! Many calls: places, leftovers, and a thread shared with others.

use std::time::{Duration, Instant};

use crate::common::{DEADLINE, Room, SLACK, query};

#[tokio::test]
async fn a_thousand_instances_leave_nothing_behind() {
    let room = Room::new();
    assert_eq!(room.host.allocator(), "pooling");
    let source = room.source("ok");
    for _ in 0..1_000 {
        source.search(&query(), 3, None).await.expect("a page");
    }
    assert_eq!(room.host.n_live_instances(), Some(0));
    for mode in ["trap", "stack", "fail-unknown"] {
        let _ = room
            .source(mode)
            .search(&query(), 3, None)
            .await
            .expect_err(mode);
    }
    assert_eq!(room.host.n_live_instances(), Some(0));
}

#[tokio::test]
async fn more_calls_than_places_wait_for_one() {
    let room = Room::with(|settings| settings.n_instances = 1);
    let source = room.source("ok");
    let query = query();
    let calls = (0..8).map(|_| source.search(&query, 3, None));
    for page in futures::future::join_all(calls).await {
        page.expect("a page");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn good_and_bad_calls_run_side_by_side() {
    let room = Room::hasty();
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..80 {
        let mode = ["ok", "trap", "ok", "stack", "ok", "loop", "ok", "crowd"][n % 8];
        let source = room.source(mode);
        calls.spawn(async move { (mode, source.search(&query(), 3, None).await) });
    }
    for (mode, outcome) in calls.join_all().await {
        let code = outcome.map_or_else(|error| error.code(), |_| "ok");
        let expected = match mode {
            "ok" => "ok",
            "loop" => "plugin_timeout",
            "crowd" => "plugin_invalid_output",
            _ => "plugin_trap",
        };
        assert_eq!(code, expected, "{mode}");
    }
    assert_eq!(room.host.n_live_instances(), Some(0));
}

#[tokio::test]
async fn a_full_pool_says_so() {
    let room = Room::with(|settings| {
        settings.n_instances = 1;
        settings.limits.deadline = DEADLINE;
        settings.limits.queue_deadline = Duration::from_millis(50);
    });
    let (looping, ok, query) = (room.source("loop"), room.source("ok"), query());
    let (first, second) = tokio::join!(looping.search(&query, 3, None), ok.search(&query, 3, None));
    assert_eq!(first.expect_err("loops").code(), "plugin_timeout");
    let full = second.expect_err("no place");
    assert_eq!(full.code(), "plugin_pool_full");
    assert!(full.is_retryable());
    // Scoring has places of its own.
    assert!(room.reranker("ok").rerank(&query, &[]).await.is_ok());
    assert!(ok.search(&query, 3, None).await.is_ok());
}

#[tokio::test]
async fn a_guest_that_computes_leaves_the_thread_to_others() {
    let room = Room::with(|settings| settings.limits.deadline = Duration::from_secs(1));
    let (source, query) = (room.source("loop"), query());
    let mut n_naps = 0;
    let naps = async {
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(700) {
            tokio::time::sleep(Duration::from_millis(5)).await;
            n_naps += 1;
        }
    };
    let ((), looped) = tokio::join!(naps, source.search(&query, 3, None));
    assert_eq!(looped.expect_err("loops").code(), "plugin_timeout");
    assert!(n_naps > 10, "{n_naps} naps on one thread beside a loop");
}

#[tokio::test]
async fn a_call_that_is_dropped_ends() {
    let room = Room::new();
    let (source, query) = (room.source("loop"), query());
    let call = tokio::time::timeout(Duration::from_millis(50), source.search(&query, 3, None));
    let started = Instant::now();
    assert!(call.await.is_err(), "given up on");
    assert!(started.elapsed() < SLACK);
    assert_eq!(room.host.n_live_instances(), Some(0));
}
