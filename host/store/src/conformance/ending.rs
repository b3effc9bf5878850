//! How an attempt ends when it does not succeed.

use std::time::Duration;

use phagen_domain::job::{JobFailure, JobState};

use super::{
    Harness,
    specimen::{LEASE, LONG, claimed, enqueued, failure, job},
};

pub async fn a_retryable_failure_waits_its_delay(harness: &dyn Harness) {
    let store = harness.store();
    let id = enqueued(&*store, "aspirin").await;
    let lease = claimed(&*store).await.lease;
    let before = store.ping().await.expect("the time");
    let delayed = store.fail(&lease, &failure(true), LONG).await;
    delayed.expect("the attempt ends");
    let after = store.ping().await.expect("the time");
    let job = store.find_job(id).await.expect("a read").expect("the job");
    let JobState::Queued { run_at } = job.state else {
        panic!("it waits for its retry, not {:?}", job.state);
    };
    assert!(run_at >= before + LONG && run_at <= after + LONG);
    assert_eq!(job.attempt, 1);
    assert_eq!(store.claim("worker-1", LEASE).await.expect("a claim"), None);
    harness.make_due(id).await;
    let again = claimed(&*store).await;
    assert_eq!(again.job.attempt, 2);
    // Without a delay it is due at once.
    store
        .fail(&again.lease, &failure(true), Duration::ZERO)
        .await
        .expect("the attempt ends");
    assert_eq!(claimed(&*store).await.job.attempt, 3);
}

pub async fn a_final_failure_ends_at_once(harness: &dyn Harness) {
    let store = harness.store();
    let id = enqueued(&*store, "aspirin").await;
    let lease = claimed(&*store).await.lease;
    let ended = store.fail(&lease, &failure(false), LONG).await;
    ended.expect("the attempt ends");
    let job = store.find_job(id).await.expect("a read").expect("the job");
    let JobState::Failed {
        failure: stored, ..
    } = job.state
    else {
        panic!("it failed, not {:?}", job.state);
    };
    assert_eq!(stored, failure(false));
    assert_eq!(job.attempt, 1);
}

pub async fn the_last_attempt_fails_for_good(harness: &dyn Harness) {
    let store = harness.store();
    let mut new = job("aspirin");
    new.max_attempts = 2;
    store.enqueue(&new, None).await.expect("a job is enqueued");
    for _ in 0..2 {
        let lease = claimed(&*store).await.lease;
        let ended = store.fail(&lease, &failure(true), Duration::ZERO).await;
        ended.expect("the attempt ends");
    }
    let job = store.find_job(new.id).await.expect("a read");
    let JobState::Failed {
        failure: stored, ..
    } = job.expect("the job").state
    else {
        panic!("its attempts are used up");
    };
    let expected = JobFailure {
        retryable: false,
        ..failure(true)
    };
    assert_eq!(stored, expected, "no further attempt is made");
}

pub async fn release_does_not_count_the_attempt(harness: &dyn Harness) {
    let store = harness.store();
    let mut new = job("aspirin");
    new.max_attempts = 1;
    store.enqueue(&new, None).await.expect("a job is enqueued");
    enqueued(&*store, "metformin").await;
    for _ in 0..3 {
        let claim = claimed(&*store).await;
        assert_eq!(claim.job.id, new.id, "it keeps its place");
        assert_eq!(claim.job.attempt, 1);
        store.release(&claim.lease).await.expect("a release");
        let job = store.find_job(new.id).await.expect("a read");
        let job = job.expect("the job");
        assert_eq!(job.attempt, 0);
        assert!(matches!(job.state, JobState::Queued { .. }));
    }
}
