//! Ticks come once, and what is old is forgotten with all that hangs on it.

use std::{sync::Arc, time::Duration};

use phagen_domain::{
    digest::Digest,
    job::{JobId, JobStatus},
};
use tokio::task::JoinSet;

use super::{
    Harness,
    specimen::{LONG, claimed, enqueued, failure, job, result},
};
use crate::{Enqueued, IdempotencyKey, JobFilter, Pruned, Retention, Store};

const DAY: Duration = Duration::from_hours(24);
const WEEK: Duration = Duration::from_hours(7 * 24);

/// A job in the state that it ended in.
async fn ended(store: &dyn Store, status: JobStatus) -> JobId {
    let id = enqueued(store, "aspirin").await;
    if status == JobStatus::Cancelled {
        store.cancel(id).await.expect("a cancellation");
        return id;
    }
    let lease = claimed(store).await.lease;
    let end = match status {
        JobStatus::Succeeded => store.finish(&lease, &result("aspirin")).await,
        _ => store.fail(&lease, &failure(false), LONG).await,
    };
    end.expect("an end");
    id
}

async fn is_there(store: &dyn Store, id: JobId) -> bool {
    store.find_job(id).await.expect("a read").is_some()
}

fn a_week_of_failures() -> Retention {
    Retention {
        succeeded: None,
        failed: Some(WEEK),
        cancelled: Some(WEEK),
    }
}

pub async fn a_tick_is_taken_once_by_many(harness: &dyn Harness) {
    let store = harness.store();
    for _ in 0..2 {
        let mut takers = JoinSet::new();
        for _ in 0..8 {
            let store = Arc::clone(&store);
            takers.spawn(async move { store.take_tick("prune", DAY).await });
        }
        let taken = takers.join_all().await;
        let taken = taken.into_iter().map(|taken| taken.expect("an answer"));
        assert_eq!(taken.filter(|taken| *taken).count(), 1);
        harness.age_tick("prune", DAY).await;
    }
}

pub async fn every_chore_has_ticks_of_its_own(harness: &dyn Harness) {
    let store = harness.store();
    assert!(store.take_tick("prune", DAY).await.expect("an answer"));
    assert!(store.take_tick("expire", DAY).await.expect("an answer"));
    assert!(!store.take_tick("prune", DAY).await.expect("an answer"));
    // Another period counts from the same tick.
    harness.age_tick("prune", Duration::from_mins(2)).await;
    assert!(!store.take_tick("prune", DAY).await.expect("an answer"));
    let minute = Duration::from_mins(1);
    assert!(store.take_tick("prune", minute).await.expect("an answer"));
}

pub async fn old_jobs_are_forgotten_by_how_they_ended(harness: &dyn Harness) {
    let store = harness.store();
    let store = &*store;
    let mut jobs = Vec::new();
    for status in [
        JobStatus::Succeeded,
        JobStatus::Failed,
        JobStatus::Cancelled,
    ] {
        let (old, new) = (ended(store, status).await, ended(store, status).await);
        harness.age_job(old, WEEK + DAY).await;
        harness.age_job(new, 6 * DAY).await;
        jobs.push((status, old, new));
    }
    let waiting = enqueued(store, "aspirin").await;
    let pruned = store.prune_jobs(a_week_of_failures(), 100).await;
    assert_eq!(pruned.expect("a count").n_jobs, 2);
    for (status, old, new) in &jobs {
        let is_kept = *status == JobStatus::Succeeded;
        assert_eq!(is_there(store, *old).await, is_kept, "{status:?}");
        assert!(is_there(store, *new).await, "{status:?}");
    }
    let kept = Retention {
        succeeded: Some(WEEK),
        ..a_week_of_failures()
    };
    let pruned = store.prune_jobs(kept, 100).await.expect("a count");
    assert_eq!(pruned.n_jobs, 1);
    let named = result("aspirin").recording.expect("a recording");
    assert_eq!(pruned.recordings, [(jobs[0].1, named)]);
    assert!(is_there(store, waiting).await, "it has not ended");
    let none = store.prune_jobs(Retention::default(), 100).await;
    assert_eq!(none.expect("a count"), Pruned::default());
}

pub async fn the_oldest_jobs_are_forgotten_first_and_with_their_events(harness: &dyn Harness) {
    let store = harness.store();
    let store = &*store;
    let mut ids = Vec::new();
    for age in [DAY, 3 * DAY, 2 * DAY] {
        let id = ended(store, JobStatus::Failed).await;
        harness.age_job(id, WEEK + age).await;
        ids.push(id);
    }
    let pruned = store.prune_jobs(a_week_of_failures(), 2).await;
    assert_eq!(pruned.expect("a count").n_jobs, 2);
    let left = store.list_jobs(&JobFilter::default(), 10, None).await;
    let left = left.expect("a page").jobs;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, ids[0]);
    for id in &ids[1..] {
        let events = store.list_events(*id, 0).await.expect("events");
        assert_eq!(events, []);
    }
}

pub async fn keys_that_ran_out_are_forgotten(harness: &dyn Harness) {
    let store = harness.store();
    let held = IdempotencyKey {
        key: "monday".to_owned(),
        request_digest: Digest::of(b"aspirin"),
    };
    store
        .enqueue(&job("aspirin"), Some(&held))
        .await
        .expect("a job");
    assert_eq!(store.expire_keys(100).await.expect("a count"), 0);
    harness.expire_key("monday").await;
    assert_eq!(store.expire_keys(100).await.expect("a count"), 1);
    assert_eq!(store.expire_keys(100).await.expect("a count"), 0);
    let again = store.enqueue(&job("aspirin"), Some(&held)).await;
    assert!(matches!(again, Ok(Enqueued::New(_))), "{again:?}");
}
