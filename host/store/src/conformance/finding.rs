//! What is read of one job.

use phagen_domain::job::{JobId, JobState, JobStatus, Stage};

use super::{
    Harness,
    specimen::{LONG, POLICY, claimed, enqueued, failure, job, progress, result},
};
use crate::Store;

async fn state(store: &dyn Store, id: JobId) -> JobState {
    let job = store.find_job(id).await.expect("a read");
    job.expect("the job").state
}

pub async fn each_state_is_found_as_it_is(harness: &dyn Harness) {
    let store = harness.store();
    let before = store.ping().await.expect("the time");
    let new = job("aspirin");
    store.enqueue(&new, None).await.expect("a job is enqueued");
    let found = store.find_job(new.id).await.expect("a read").expect("it");
    assert_eq!(
        found.state,
        JobState::Queued {
            run_at: found.created_at
        }
    );
    assert!(found.created_at >= before);
    assert_eq!((found.id, found.request), (new.id, new.request));
    assert_eq!((found.attempt, found.max_attempts), (0, 3));
    assert_eq!(found.progress, None);

    let lease = claimed(&*store).await.lease;
    let running = JobState::Running {
        lease_until: lease.until,
        cancel_requested: false,
    };
    assert_eq!(state(&*store, new.id).await, running);
    let finished = store.finish(&lease, &result("aspirin")).await;
    finished.expect("an end");
    let succeeded = state(&*store, new.id).await;
    assert!(matches!(succeeded, JobState::Succeeded { finished_at, .. } if finished_at >= before));

    let id = enqueued(&*store, "metformin").await;
    let lease = claimed(&*store).await.lease;
    let ended = store.fail(&lease, &failure(false), LONG).await;
    ended.expect("the attempt ends");
    let failed = state(&*store, id).await;
    assert!(matches!(failed, JobState::Failed { finished_at, .. } if finished_at >= before));

    let id = enqueued(&*store, "cisplatin").await;
    store.cancel(id).await.expect("an outcome");
    assert_eq!(state(&*store, id).await.status(), JobStatus::Cancelled);
}

pub async fn a_result_comes_back_whole(harness: &dyn Harness) {
    let store = harness.store();
    let id = enqueued(&*store, "aspirin").await;
    let lease = claimed(&*store).await.lease;
    let expected = result("aspirin");
    store.finish(&lease, &expected).await.expect("an end");
    let JobState::Succeeded { result, .. } = state(&*store, id).await else {
        panic!("it succeeded");
    };
    assert_eq!(*result, expected);
}

pub async fn progress_is_the_newest_of_this_attempt(harness: &dyn Harness) {
    let store = harness.store();
    let id = enqueued(&*store, "aspirin").await;
    let lease = claimed(&*store).await.lease;
    let [first, second] = [
        progress(Stage::Resolve, "aspirin"),
        progress(Stage::Gather, "4 of 5 sources answered"),
    ];
    for report in [&first, &second] {
        let reported = store.report_progress(&lease, report).await;
        reported.expect("progress");
        let job = store.find_job(id).await.expect("a read").expect("the job");
        assert_eq!(job.progress.as_ref(), Some(report));
    }
    harness.expire_lease(id).await;
    store.reap(POLICY).await.expect("a reap");
    harness.make_due(id).await;
    claimed(&*store).await;
    let job = store.find_job(id).await.expect("a read").expect("the job");
    assert_eq!(job.progress, None, "a new attempt begins at nothing");
}

pub async fn an_unknown_job_is_none(harness: &dyn Harness) {
    let found = harness.store().find_job(JobId::new()).await;
    assert_eq!(found.expect("a read"), None);
}
