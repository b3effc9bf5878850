//! The story of a job as its events tell it.

use std::time::Duration;

use phagen_domain::job::{JobId, Stage};
use serde_json::{Value, json};

use super::{
    Harness,
    specimen::{LONG, POLICY, claimed, enqueued, failure, progress, result},
};
use crate::Store;

/// The kinds of a job's events, which must be numbered from 1 without gap and in time.
pub async fn kinds(store: &dyn Store, id: JobId) -> Vec<String> {
    let events = store.list_events(id, 0).await.expect("its events");
    for (event, seq) in events.iter().zip(1_u64..) {
        assert_eq!(event.seq, seq, "numbered without gap");
        assert!(event.data.is_object(), "{:?}", event.data);
    }
    assert!(events.is_sorted_by_key(|event| event.at), "in time");
    events.into_iter().map(|event| event.kind).collect()
}

async fn data(store: &dyn Store, id: JobId, n: usize) -> Value {
    let events = store.list_events(id, 0).await.expect("its events");
    events[n].data.clone()
}

pub async fn events_tell_the_story_without_gap(harness: &dyn Harness) {
    let store = harness.store();
    let id = enqueued(&*store, "aspirin").await;
    claimed(&*store).await;
    harness.expire_lease(id).await;
    store.reap(POLICY).await.expect("a reap");
    harness.make_due(id).await;
    let lease = claimed(&*store).await.lease;
    let stages = [(Stage::Resolve, "aspirin"), (Stage::Gather, "1 of 5")];
    for (stage, detail) in stages {
        let reported = store
            .report_progress(&lease, &progress(stage, detail))
            .await;
        reported.expect("progress");
    }
    let finished = store.finish(&lease, &result("aspirin")).await;
    finished.expect("an end");
    assert_eq!(
        kinds(&*store, id).await,
        [
            "queued",
            "running",
            "retry",
            "running",
            "progress",
            "progress",
            "succeeded"
        ]
    );
    assert_eq!(
        data(&*store, id, 1).await,
        json!({ "attempt": 1, "max_attempts": 3, "worker": "worker-1" })
    );
    assert_eq!(
        data(&*store, id, 5).await,
        json!({ "stage": "gather", "detail": "1 of 5" })
    );
    assert_eq!(data(&*store, id, 6).await, json!({ "attempt": 2 }));
}

pub async fn events_begin_after_the_last_one_seen(harness: &dyn Harness) {
    let store = harness.store();
    let id = enqueued(&*store, "aspirin").await;
    let other = enqueued(&*store, "metformin").await;
    claimed(&*store).await;
    let seqs = |events: Vec<crate::JobEvent>| events.iter().map(|e| e.seq).collect::<Vec<_>>();
    let all = store.list_events(id, 0).await.expect("its events");
    assert_eq!(seqs(all), [1, 2]);
    let rest = store.list_events(id, 1).await.expect("its events");
    assert_eq!(seqs(rest), [2]);
    assert_eq!(store.list_events(id, u64::MAX).await.expect("none"), []);
    assert_eq!(kinds(&*store, other).await, ["queued"]);
    let unknown = store.list_events(JobId::new(), 0).await;
    assert_eq!(unknown.expect("none"), []);
}

pub async fn a_failure_and_a_release_are_told(harness: &dyn Harness) {
    let store = harness.store();
    let id = enqueued(&*store, "aspirin").await;
    let lease = claimed(&*store).await.lease;
    store.release(&lease).await.expect("a release");
    let lease = claimed(&*store).await.lease;
    let retried = store.fail(&lease, &failure(true), Duration::ZERO).await;
    retried.expect("the attempt ends");
    let lease = claimed(&*store).await.lease;
    let ended = store.fail(&lease, &failure(false), LONG).await;
    ended.expect("the attempt ends");
    assert_eq!(
        kinds(&*store, id).await,
        [
            "queued", "running", "queued", "running", "retry", "running", "failed"
        ]
    );
    let released = data(&*store, id, 2).await;
    assert_eq!(released["released"], json!(true));
    assert_eq!(released["attempt"], json!(0));
    let retry = data(&*store, id, 4).await;
    assert_eq!(retry["message"], json!(failure(true).message));
    let run_at = retry["run_at"].as_str().expect("a time");
    assert!(chrono::DateTime::parse_from_rfc3339(run_at).is_ok());
    assert_eq!(
        data(&*store, id, 6).await,
        json!({ "attempt": 2, "message": failure(false).message })
    );
}
