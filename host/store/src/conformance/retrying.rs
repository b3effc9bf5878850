//! A job that came to nothing is taken up again because somebody asks for it.

use phagen_domain::job::{JobId, JobStatus};

use super::{
    Harness,
    specimen::{LEASE, LONG, claimed, enqueued, failure, result},
};
use crate::StoreError;

pub async fn a_job_that_came_to_nothing_is_taken_up_again(harness: &dyn Harness) {
    let store = harness.store();
    for is_cancelled in [false, true] {
        let id = enqueued(&*store, "aspirin").await;
        let lease = claimed(&*store).await.lease;
        if is_cancelled {
            store.cancel(id).await.expect("a request");
            store.acknowledge_cancel(&lease).await.expect("its end");
        } else {
            store
                .fail(&lease, &failure(false), LONG)
                .await
                .expect("its end");
        }
        store.retry(id).await.expect("another try");
        let events = store.list_events(id, 0).await.expect("events");
        let last = events.last().expect("an event");
        assert_eq!(last.kind, "queued");
        assert_eq!(last.data["retried"], true);
        assert_eq!(last.data["attempt"], 0);
        assert!(last.data["run_at"].is_string());

        let again = claimed(&*store).await;
        assert_eq!((again.job.id, again.job.attempt), (id, 1));
        let finished = store.finish(&again.lease, &result("aspirin")).await;
        finished.expect("the new holder may end it");
        assert!(matches!(
            store.finish(&lease, &result("aspirin")).await,
            Err(StoreError::LeaseLost(_))
        ));
    }
}

pub async fn only_what_came_to_nothing_is_taken_up_again(harness: &dyn Harness) {
    let store = harness.store();
    let refused = async |id: JobId, expected: JobStatus| {
        let refused = store.retry(id).await;
        let is_told = matches!(
            refused,
            Err(StoreError::NotRetryable { id: job, status }) if job == id && status == expected
        );
        assert!(is_told, "{refused:?}");
    };
    let id = enqueued(&*store, "aspirin").await;
    refused(id, JobStatus::Queued).await;
    let lease = claimed(&*store).await.lease;
    refused(id, JobStatus::Running).await;
    store
        .finish(&lease, &result("aspirin"))
        .await
        .expect("its end");
    refused(id, JobStatus::Succeeded).await;
    let unknown = JobId::new();
    assert!(matches!(
        store.retry(unknown).await,
        Err(StoreError::UnknownJob(id)) if id == unknown
    ));
    assert_eq!(store.claim("worker-1", LEASE).await.expect("none"), None);
}
