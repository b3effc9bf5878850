//! A guest that fails again and again is left alone, and something else answers.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use phagen_plugin::{ActiveSlot, BreakerSettings, BreakerState, Guard};

use crate::common::{Room, attribute, query};

const SECOND: Duration = Duration::from_secs(1);

/// A guard whose clock the test moves.
fn guarded() -> (Arc<Mutex<Instant>>, Arc<Guard>) {
    let now = Arc::new(Mutex::new(Instant::now()));
    let read = Arc::clone(&now);
    let clock = Arc::new(move || *read.lock().expect("not poisoned"));
    let guard = Guard::with_clock(BreakerSettings::default(), clock);
    (now, Arc::new(guard))
}

async fn code(slot: &ActiveSlot) -> &'static str {
    let answer = slot.search(&query(), 3, None).await;
    answer.map_or_else(|error| error.code(), |_| "ok")
}

#[tokio::test]
async fn a_breaker_opens_probes_and_closes() {
    let room = Room::new();
    let (now, guard) = guarded();
    let mut slot = room.source("trap").with_guard(Arc::clone(&guard));
    for _ in 0..5 {
        assert_eq!(code(&slot).await, "plugin_trap");
    }
    assert_eq!(guard.state(), BreakerState::Open);
    let error = slot.search(&query(), 3, None).await.expect_err("open");
    assert_eq!(error.code(), "plugin_breaker_open");
    assert!(error.is_retryable());
    assert_eq!(error.retry_after(), Some(SECOND));
    assert!(error.to_string().contains("slot `test`"), "{error}");
    assert_eq!(guard.stats().n_calls, 5, "the guest did not run");

    *now.lock().expect("not poisoned") += SECOND;
    assert_eq!(code(&slot).await, "plugin_trap", "a probe");
    let error = slot.search(&query(), 3, None).await.expect_err("open");
    assert_eq!(error.retry_after(), Some(2 * SECOND));

    // Mended meanwhile, as by another configuration.
    slot.activation.config = vec![attribute("mode", "ok")];
    *now.lock().expect("not poisoned") += 2 * SECOND;
    assert_eq!(code(&slot).await, "ok");
    assert_eq!(guard.state(), BreakerState::Closed);
    let stats = guard.stats();
    assert_eq!((stats.n_calls, stats.n_failed), (7, 6));
    assert!(stats.memory_bytes >= 65_536, "{stats:?}");
}

#[tokio::test]
async fn a_probe_whose_future_is_dropped_is_asked_again() {
    let room = Room::new();
    let (now, guard) = guarded();
    let trap = room.source("trap").with_guard(Arc::clone(&guard));
    for _ in 0..5 {
        code(&trap).await;
    }
    *now.lock().expect("not poisoned") += SECOND;
    let looping = room.source("loop").with_guard(Arc::clone(&guard));
    let query = query();
    let probe = looping.search(&query, 3, None);
    let dropped = tokio::time::timeout(Duration::from_millis(20), probe).await;
    assert!(dropped.is_err(), "it was at work");
    let ok = room.source("ok").with_guard(Arc::clone(&guard));
    assert_eq!(code(&ok).await, "ok");
    assert_eq!(guard.state(), BreakerState::Closed);
}

#[tokio::test]
async fn an_answer_that_blames_the_question_opens_nothing() {
    let room = Room::new();
    let slot = room.source("corpus");
    for _ in 0..10 {
        assert_eq!(code(&slot).await, "plugin_denied");
    }
    assert_eq!(slot.guard().state(), BreakerState::Closed);
    assert_eq!(slot.guard().stats().n_failed, 0);
}

#[tokio::test]
async fn a_self_test_runs_whatever_the_breaker_says() {
    let room = Room::new();
    let (_, guard) = guarded();
    let trap = room.source("trap").with_guard(Arc::clone(&guard));
    for _ in 0..5 {
        code(&trap).await;
    }
    let ok = room.source("ok").with_guard(Arc::clone(&guard));
    assert_eq!(code(&ok).await, "plugin_breaker_open");
    assert!(ok.self_test(query().as_of).await.is_ok());
    assert_eq!(guard.stats().n_calls, 5, "and says nothing to it");
}
