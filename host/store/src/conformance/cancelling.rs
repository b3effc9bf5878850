//! A job is called off in each of its states.

use std::time::Duration;

use phagen_domain::job::{JobId, JobState, JobStatus};

use super::{
    Harness,
    specimen::{LEASE, LONG, claimed, enqueued, failure, result},
};
use crate::{CancelOutcome, Store, StoreError};

async fn status(store: &dyn Store, id: JobId) -> JobStatus {
    let job = store.find_job(id).await.expect("a read");
    job.expect("the job").state.status()
}

pub async fn a_queued_job_is_cancelled_at_once(harness: &dyn Harness) {
    let store = harness.store();
    let id = enqueued(&*store, "aspirin").await;
    let outcome = store.cancel(id).await.expect("an outcome");
    assert_eq!(outcome, CancelOutcome::Cancelled);
    assert_eq!(status(&*store, id).await, JobStatus::Cancelled);
    assert_eq!(store.claim("worker-1", LEASE).await.expect("a claim"), None);
}

pub async fn a_running_job_is_asked_and_acknowledges(harness: &dyn Harness) {
    let store = harness.store();
    let id = enqueued(&*store, "aspirin").await;
    let lease = claimed(&*store).await.lease;
    // Asking twice is asking.
    for _ in 0..2 {
        let outcome = store.cancel(id).await.expect("an outcome");
        assert_eq!(outcome, CancelOutcome::Requested);
    }
    let job = store.find_job(id).await.expect("a read").expect("the job");
    let is_asked = matches!(
        job.state,
        JobState::Running {
            cancel_requested: true,
            ..
        }
    );
    assert!(is_asked, "{:?}", job.state);
    let acknowledged = store.acknowledge_cancel(&lease).await;
    acknowledged.expect("the holder acknowledges");
    assert_eq!(status(&*store, id).await, JobStatus::Cancelled);
}

pub async fn a_finished_job_is_not_cancelled(harness: &dyn Harness) {
    let store = harness.store();
    for expected in [
        JobStatus::Succeeded,
        JobStatus::Failed,
        JobStatus::Cancelled,
    ] {
        let id = enqueued(&*store, "aspirin").await;
        let lease = claimed(&*store).await.lease;
        let ended = match expected {
            JobStatus::Succeeded => store.finish(&lease, &result("aspirin")).await,
            JobStatus::Failed => store.fail(&lease, &failure(false), LONG).await,
            _ => store.acknowledge_cancel(&lease).await,
        };
        ended.expect("the holder may end it");
        let refused = store.cancel(id).await;
        let is_refused = matches!(
            refused,
            Err(StoreError::AlreadyFinished { id: job, status }) if job == id && status == expected
        );
        assert!(is_refused, "{refused:?}");
    }
}

pub async fn an_unknown_job_is_not_cancelled(harness: &dyn Harness) {
    let unknown = JobId::new();
    let refused = harness.store().cancel(unknown).await;
    assert!(
        matches!(refused, Err(StoreError::UnknownJob(id)) if id == unknown),
        "{refused:?}"
    );
}

pub async fn a_result_that_comes_first_is_kept(harness: &dyn Harness) {
    let store = harness.store();
    let id = enqueued(&*store, "aspirin").await;
    let lease = claimed(&*store).await.lease;
    store.cancel(id).await.expect("a request");
    let finished = store.finish(&lease, &result("aspirin")).await;
    finished.expect("the worker had not heard");
    assert_eq!(status(&*store, id).await, JobStatus::Succeeded);
}

pub async fn a_job_to_be_cancelled_is_not_tried_again(harness: &dyn Harness) {
    let store = harness.store();
    for (retryable, expected) in [(true, JobStatus::Cancelled), (false, JobStatus::Failed)] {
        let id = enqueued(&*store, "aspirin").await;
        let lease = claimed(&*store).await.lease;
        store.cancel(id).await.expect("a request");
        let ended = store
            .fail(&lease, &failure(retryable), Duration::ZERO)
            .await;
        ended.expect("the attempt ends");
        assert_eq!(status(&*store, id).await, expected);
    }
}

pub async fn a_job_to_be_cancelled_is_not_handed_back(harness: &dyn Harness) {
    let store = harness.store();
    let id = enqueued(&*store, "aspirin").await;
    let lease = claimed(&*store).await.lease;
    store.cancel(id).await.expect("a request");
    store.release(&lease).await.expect("a release");
    assert_eq!(status(&*store, id).await, JobStatus::Cancelled);
}
