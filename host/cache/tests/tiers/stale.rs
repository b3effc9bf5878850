//! Answers past their time: handed out, marked, while they are asked for anew.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use phagen_cache::{Cache, Cached};
use phagen_domain::{
    clock::Clock as _,
    result::{Stale, StaleReason},
};

use crate::world::{TestClock, ask, get, settings, until};

/// A source that answers as it is told to.
struct Source {
    cache: Cache,
    clock: Arc<TestClock>,
    says: Arc<Mutex<Result<&'static str, &'static str>>>,
    n_asked: Arc<AtomicUsize>,
}

impl Source {
    fn new() -> Self {
        let clock = TestClock::new();
        Self {
            cache: Cache::new(settings(), clock.clone()),
            clock,
            says: Arc::new(Mutex::new(Ok("first"))),
            n_asked: Arc::default(),
        }
    }

    fn say(&self, answer: Result<&'static str, &'static str>) {
        *self.says.lock().expect("nobody panics here") = answer;
    }

    async fn ask(&self) -> Result<Cached<String>, Arc<&'static str>> {
        let load = || {
            let (says, n_asked) = (Arc::clone(&self.says), Arc::clone(&self.n_asked));
            async move {
                n_asked.fetch_add(1, Ordering::SeqCst);
                says.lock().expect("nobody panics here").map(str::to_owned)
            }
        };
        self.cache.get_or_load(ask("a"), load).await
    }

    async fn hears(&self) -> (String, Option<Stale>) {
        let answer = self.ask().await.expect("an answer");
        (answer.value.as_ref().clone(), answer.stale)
    }
}

fn stale(made_at: DateTime<Utc>, reason: StaleReason) -> Stale {
    Stale { made_at, reason }
}

#[tokio::test]
async fn an_answer_past_its_time_is_handed_out_while_it_is_renewed_once() {
    let source = Source::new();
    let begun = source.clock.now();
    assert_eq!(source.hears().await, ("first".to_owned(), None));
    source.say(Ok("second"));
    source.clock.pass(Duration::from_mins(140));
    let revalidating = Some(stale(begun, StaleReason::Revalidating));
    for _ in 0..5 {
        assert_eq!(source.hears().await, ("first".to_owned(), revalidating));
    }
    until("a fresh answer", async || {
        source.hears().await == ("second".to_owned(), None)
    })
    .await;
    assert_eq!(source.n_asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_answer_that_cannot_be_renewed_stands_in_until_its_end() {
    let source = Source::new();
    let begun = source.clock.now();
    source.hears().await;
    source.say(Err("down"));
    source.clock.pass(Duration::from_mins(140));
    let failed = Some(stale(begun, StaleReason::LoadFailed));
    until("a failure", async || source.hears().await.1 == failed).await;
    // It is not asked again at once, however often it is missed.
    let n_asked = source.n_asked.load(Ordering::SeqCst);
    for _ in 0..20 {
        assert_eq!(source.hears().await, ("first".to_owned(), failed));
    }
    assert_eq!(source.n_asked.load(Ordering::SeqCst), n_asked);
    // Later it is, and until it is back the mark stays.
    source.clock.pass(Duration::from_secs(31));
    assert_eq!(source.hears().await, ("first".to_owned(), failed));
    until("another attempt", async || {
        source.n_asked.load(Ordering::SeqCst) > n_asked
    })
    .await;
    // Past its end nothing stands in.
    source.clock.pass(Duration::from_hours(2));
    assert_eq!(*source.ask().await.unwrap_err(), "down");
    source.say(Ok("back"));
    assert_eq!(source.hears().await, ("back".to_owned(), None));
}

#[tokio::test]
async fn only_a_few_answers_are_renewed_at_once() {
    let clock = TestClock::new();
    let cache = Cache::new(settings(), clock.clone());
    let n_asked = Arc::new(AtomicUsize::new(0));
    let names = ["a", "b", "c", "d", "e", "f"];
    for name in names {
        get(&cache, name, "old").await;
    }
    clock.pass(Duration::from_mins(140));
    for name in names.into_iter().chain(names) {
        let load = || {
            let n_asked = Arc::clone(&n_asked);
            async move {
                n_asked.fetch_add(1, Ordering::SeqCst);
                std::future::pending::<Result<String, &str>>().await
            }
        };
        let answer = cache
            .get_or_load(ask(name), load)
            .await
            .expect("a kept one");
        assert_eq!(answer.value.as_str(), "old");
        tokio::task::yield_now().await;
    }
    assert_eq!(n_asked.load(Ordering::SeqCst), 4);
    // Nothing that runs behind its readers keeps the process from ending.
    cache.close().await;
}
