//! What becomes of a job whose worker went silent.

use phagen_domain::job::{JobState, JobStatus};

use super::{
    Harness,
    specimen::{LEASE, LONG, POLICY, claimed, enqueued, job},
};

pub async fn an_expired_lease_is_queued_again_after_its_delay(harness: &dyn Harness) {
    let store = harness.store();
    let id = enqueued(&*store, "aspirin").await;
    claimed(&*store).await;
    harness.expire_lease(id).await;
    let before = store.ping().await.expect("the time");
    assert_eq!(store.reap(POLICY).await.expect("a reap"), 1);
    let after = store.ping().await.expect("the time");
    let job = store.find_job(id).await.expect("a read").expect("the job");
    let JobState::Queued { run_at } = job.state else {
        panic!("it waits for its retry, not {:?}", job.state);
    };
    // The policy's delay and a quarter of it either way.
    assert!(run_at >= before + LONG.mul_f64(0.75) && run_at <= after + LONG.mul_f64(1.25));
    assert_eq!(job.attempt, 1, "the attempt stays counted");
    assert_eq!(store.reap(POLICY).await.expect("a reap"), 0);
}

pub async fn a_held_lease_is_left_alone(harness: &dyn Harness) {
    let store = harness.store();
    let [held, expired] = [
        enqueued(&*store, "aspirin").await,
        enqueued(&*store, "metformin").await,
    ];
    claimed(&*store).await;
    claimed(&*store).await;
    harness.expire_lease(expired).await;
    assert_eq!(store.reap(POLICY).await.expect("a reap"), 1);
    let job = store.find_job(held).await.expect("a read").expect("held");
    assert_eq!(job.state.status(), JobStatus::Running);
}

pub async fn a_poison_job_ends_failed(harness: &dyn Harness) {
    let store = harness.store();
    let mut poison = job("aspirin");
    poison.max_attempts = 3;
    store
        .enqueue(&poison, None)
        .await
        .expect("a job is enqueued");
    for attempt in 1..=3 {
        assert_eq!(claimed(&*store).await.job.attempt, attempt);
        harness.expire_lease(poison.id).await;
        assert_eq!(store.reap(POLICY).await.expect("a reap"), 1);
        if attempt < 3 {
            harness.make_due(poison.id).await;
        }
    }
    let job = store.find_job(poison.id).await.expect("a read");
    let JobState::Failed { failure, .. } = job.expect("the job").state else {
        panic!("three lost workers use up three attempts");
    };
    assert!(!failure.retryable);
    assert!(failure.message.contains("worker-1"), "{}", failure.message);
    assert_eq!(store.claim("worker-1", LEASE).await.expect("a claim"), None);
}

pub async fn an_expired_job_that_was_to_be_cancelled_is_cancelled(harness: &dyn Harness) {
    let store = harness.store();
    let mut last = job("aspirin");
    last.max_attempts = 1;
    store.enqueue(&last, None).await.expect("a job is enqueued");
    claimed(&*store).await;
    store.cancel(last.id).await.expect("a request");
    harness.expire_lease(last.id).await;
    assert_eq!(store.reap(POLICY).await.expect("a reap"), 1);
    let job = store.find_job(last.id).await.expect("a read");
    let status = job.expect("the job").state.status();
    assert_eq!(status, JobStatus::Cancelled, "asked for, so not failed");
}
