//! A repeated request makes no second job.

use phagen_domain::digest::Digest;
use tokio::task::JoinSet;

use super::{Harness, specimen::job};
use crate::{Enqueued, IdempotencyKey, JobFilter, Store, StoreError};

fn key(name: &str, body: &str) -> IdempotencyKey {
    IdempotencyKey {
        key: name.to_owned(),
        request_digest: Digest::of(body.as_bytes()),
    }
}

async fn n_jobs(store: &dyn Store) -> usize {
    let page = store.list_jobs(&JobFilter::default(), 100, None).await;
    page.expect("a page").jobs.len()
}

pub async fn a_repeated_request_is_replayed(harness: &dyn Harness) {
    let store = harness.store();
    let [first, second, third] = [job("aspirin"), job("aspirin"), job("aspirin")];
    let key_1 = key("key-1", "aspirin");
    let stored = store.enqueue(&first, Some(&key_1)).await;
    assert_eq!(stored.expect("a job"), Enqueued::New(first.id));
    let replayed = store.enqueue(&second, Some(&key_1)).await;
    assert_eq!(replayed.expect("a replay"), Enqueued::Replayed(first.id));
    assert_eq!(store.find_job(second.id).await.expect("a read"), None);
    assert_eq!(store.list_events(second.id, 0).await.expect("none"), []);
    let other = store.enqueue(&third, Some(&key("key-2", "aspirin"))).await;
    assert_eq!(other.expect("a job"), Enqueued::New(third.id));
    assert_eq!(n_jobs(&*store).await, 2);
}

pub async fn a_key_of_another_request_is_refused(harness: &dyn Harness) {
    let store = harness.store();
    let first = store
        .enqueue(&job("aspirin"), Some(&key("key-1", "aspirin")))
        .await;
    first.expect("a job");
    let refused = store
        .enqueue(&job("metformin"), Some(&key("key-1", "metformin")))
        .await;
    assert!(
        matches!(&refused, Err(StoreError::KeyReused(key)) if key == "key-1"),
        "{refused:?}"
    );
    assert_eq!(n_jobs(&*store).await, 1, "the refused job is not stored");
}

pub async fn a_key_runs_out_after_a_day(harness: &dyn Harness) {
    let store = harness.store();
    let first = store
        .enqueue(&job("aspirin"), Some(&key("key-1", "aspirin")))
        .await;
    first.expect("a job");
    harness.expire_key("key-1").await;
    let next = job("metformin");
    let key_1 = key("key-1", "metformin");
    let stored = store.enqueue(&next, Some(&key_1)).await;
    assert_eq!(stored.expect("a job"), Enqueued::New(next.id));
    let replayed = store.enqueue(&job("metformin"), Some(&key_1)).await;
    assert_eq!(replayed.expect("a replay"), Enqueued::Replayed(next.id));
}

pub async fn fifty_requests_with_one_key_make_one_job(harness: &dyn Harness) {
    let mut requests = JoinSet::new();
    for _ in 0..50 {
        let store = harness.store();
        requests.spawn(async move {
            let enqueued = store
                .enqueue(&job("aspirin"), Some(&key("key-1", "aspirin")))
                .await;
            enqueued.expect("each is answered")
        });
    }
    let answers = requests.join_all().await;
    let made: Vec<_> = answers
        .iter()
        .filter_map(|answer| match answer {
            Enqueued::New(id) => Some(*id),
            Enqueued::Replayed(_) => None,
        })
        .collect();
    assert_eq!(made.len(), 1);
    let is_same = |answer: &Enqueued| matches!(answer, Enqueued::New(id) | Enqueued::Replayed(id) if *id == made[0]);
    assert!(answers.iter().all(is_same));
    assert_eq!(n_jobs(&*harness.store()).await, 1);
}
