//! Which corpus serves, and whose turn it is to build the next.

use std::time::Duration;

use phagen_domain::digest::Digest;
use tokio::task::JoinSet;

use super::Harness;
use crate::{CorpusSnapshot, NewSnapshot, Store, StoreError};

const LEASE: Duration = Duration::from_mins(10);
const WEEK: Duration = Duration::from_hours(7 * 24);

/// An index of this name.
pub fn snapshot(name: &str) -> NewSnapshot {
    NewSnapshot {
        digest: Digest::of(name.as_bytes()),
        n_documents: 7_039,
        size_bytes: 30_000_000,
        published_by: "a host".to_owned(),
    }
}

async fn published(store: &dyn Store, expected: u64, name: &str) -> CorpusSnapshot {
    let published = store.publish_snapshot(expected, &snapshot(name)).await;
    published.expect("a snapshot")
}

pub async fn the_newest_snapshot_serves(harness: &dyn Harness) {
    let store = harness.store();
    assert_eq!(store.serving_snapshot().await.expect("an answer"), None);
    assert_eq!(store.list_snapshots().await.expect("a list"), []);
    let first = published(&*store, 0, "first").await;
    let told = NewSnapshot {
        digest: first.digest,
        n_documents: first.n_documents,
        size_bytes: first.size_bytes,
        published_by: first.published_by.clone(),
    };
    assert_eq!((first.generation, told), (1, snapshot("first")));
    // The same index may serve again.
    let second = published(&*store, 1, "first").await;
    let third = published(&*store, 2, "third").await;
    let serving = store.serving_snapshot().await.expect("an answer");
    assert_eq!(serving.as_ref(), Some(&third));
    let all = store.list_snapshots().await.expect("a list");
    assert_eq!(all, [third, second, first]);
}

pub async fn a_snapshot_is_published_from_the_generation_that_was_read(harness: &dyn Harness) {
    let store = harness.store();
    published(&*store, 0, "first").await;
    for expected in [0, 2] {
        let refused = store.publish_snapshot(expected, &snapshot("late")).await;
        assert!(
            matches!(
                refused,
                Err(StoreError::SnapshotMoved { expected: from, found: 1 }) if from == expected
            ),
            "{refused:?}"
        );
    }
    assert_eq!(store.list_snapshots().await.expect("a list").len(), 1);
}

pub async fn of_many_snapshots_of_one_generation_one_serves(harness: &dyn Harness) {
    let store = harness.store();
    let names: Vec<String> = (0..8).map(|n| n.to_string()).collect();
    let mut attempts = JoinSet::new();
    for name in names {
        let store = harness.store();
        attempts.spawn(async move { store.publish_snapshot(0, &snapshot(&name)).await });
    }
    let outcomes = attempts.join_all().await;
    let winners: Vec<_> = outcomes.iter().flatten().collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    for refused in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        let is_told = matches!(refused, StoreError::SnapshotMoved { found: 1, .. });
        assert!(is_told, "{refused:?}");
    }
    let serving = store.serving_snapshot().await.expect("an answer");
    assert_eq!(serving.as_ref(), Some(winners[0]));
}

pub async fn a_retired_snapshot_is_forgotten_once_it_is_old(harness: &dyn Harness) {
    let store = harness.store();
    for (expected, name) in (0..).zip(["first", "second", "third", "fourth"]) {
        published(&*store, expected, name).await;
    }
    let retired = || async { store.list_retired_snapshots(WEEK).await.expect("a list") };
    assert_eq!(retired().await, []);
    // The second one is of last week, so that the first one has not served since.
    harness.age_snapshot(2, WEEK).await;
    let old = retired().await;
    assert_eq!(old.len(), 1, "{old:?}");
    assert_eq!(old[0].digest, Digest::of(b"first"));
    let now = store.list_retired_snapshots(Duration::ZERO).await;
    let now: Vec<u64> = (now.expect("a list").iter().map(|one| one.generation)).collect();
    assert_eq!(now, [1, 2], "the serving one and the one before stay");
    for generation in 1..=4 {
        let forgotten = store.forget_snapshot(generation).await;
        forgotten.expect("an answer");
    }
    let left = store.list_snapshots().await.expect("a list");
    let left: Vec<u64> = left.iter().map(|one| one.generation).collect();
    assert_eq!(left, [4, 3]);
    assert_eq!(published(&*store, 4, "fifth").await.generation, 5);
}

pub async fn one_at_a_time_has_the_turn_to_import(harness: &dyn Harness) {
    let store = harness.store();
    let hold = |holder: &'static str| {
        let store = &store;
        async move { store.hold_import(holder, LEASE).await.expect("an answer") }
    };
    assert_eq!(hold("ada").await, None);
    assert_eq!(hold("bob").await.as_deref(), Some("ada"));
    assert_eq!(hold("ada").await, None, "it keeps its turn");
    store.drop_import("bob").await.expect("an answer");
    assert_eq!(hold("bob").await.as_deref(), Some("ada"));
    store.drop_import("ada").await.expect("an answer");
    assert_eq!(hold("bob").await, None);
    // Whoever dies over it holds nobody up for good.
    harness.expire_import().await;
    assert_eq!(hold("ada").await, None);
    assert_eq!(hold("bob").await.as_deref(), Some("ada"));
}

pub async fn of_many_who_want_the_turn_to_import_one_has_it(harness: &dyn Harness) {
    let names: Vec<String> = (0..8).map(|n| n.to_string()).collect();
    let mut attempts = JoinSet::new();
    for name in names {
        let store = harness.store();
        attempts.spawn(async move {
            let held = store.hold_import(&name, LEASE).await.expect("an answer");
            (name, held)
        });
    }
    let outcomes = attempts.join_all().await;
    let winners: Vec<&String> = outcomes
        .iter()
        .filter_map(|(name, held)| held.is_none().then_some(name))
        .collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    for holder in outcomes.iter().filter_map(|(_, held)| held.as_ref()) {
        assert_eq!(holder, winners[0]);
    }
}
