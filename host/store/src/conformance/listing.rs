//! What is read of many jobs.

use phagen_domain::job::{JobId, JobStatus};

use super::{
    Harness,
    specimen::{LONG, claimed, enqueued, failure, job, result},
};
use crate::{JobFilter, QueueStats, Store, StoreError};

/// Every job that the filter lets through, page by page.
async fn all(store: &dyn Store, filter: &JobFilter, limit: u32) -> Vec<JobId> {
    let mut ids = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.list_jobs(filter, limit, cursor.as_deref()).await;
        let page = page.expect("a page");
        assert!(page.jobs.len() <= limit as usize);
        ids.extend(page.jobs.iter().map(|job| job.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return ids;
        }
        assert_eq!(page.jobs.len(), limit as usize, "only the last is short");
    }
}

pub async fn pages_are_disjoint_complete_and_newest_first(harness: &dyn Harness) {
    let store = harness.store();
    let anything = JobFilter::default();
    assert_eq!(all(&*store, &anything, 4).await, []);
    let mut expected = Vec::new();
    for _ in 0..12 {
        expected.push(enqueued(&*store, "aspirin").await);
    }
    expected.reverse();
    // A last page that is full, one that is short, one job a page, and all on one.
    for limit in [4, 5, 1, 12, 100] {
        assert_eq!(all(&*store, &anything, limit).await, expected);
    }
    // A job that comes in between pages moves none of the older ones.
    let first = store.list_jobs(&anything, 5, None).await.expect("a page");
    enqueued(&*store, "metformin").await;
    let second = store
        .list_jobs(&anything, 5, first.next_cursor.as_deref())
        .await
        .expect("a page");
    let ids: Vec<JobId> = second.jobs.iter().map(|job| job.id).collect();
    assert_eq!(ids, expected[5..10]);
    let none = store.list_jobs(&anything, 0, None).await.expect("a page");
    assert_eq!((none.jobs.len(), none.next_cursor), (0, None));
}

pub async fn filters_narrow_by_state_and_molecule(harness: &dyn Harness) {
    let store = harness.store();
    let [succeeded, failed] = [
        enqueued(&*store, "Aspirin").await,
        enqueued(&*store, "aspirin").await,
    ];
    let lease = claimed(&*store).await.lease;
    let finished = store.finish(&lease, &result("Aspirin")).await;
    finished.expect("an end");
    let lease = claimed(&*store).await.lease;
    let ended = store.fail(&lease, &failure(false), LONG).await;
    ended.expect("the attempt ends");
    let queued = enqueued(&*store, "ASPIRIN").await;
    let greek = enqueued(&*store, "Β-Carotène").await;
    let select = async |status, molecule: Option<&str>| {
        let filter = JobFilter {
            status,
            molecule: molecule.map(str::to_owned),
        };
        all(&*store, &filter, 1).await
    };
    assert_eq!(
        select(None, Some("aSPIRIN")).await,
        [queued, failed, succeeded]
    );
    assert_eq!(select(None, Some("β-CAROTÈNE")).await, [greek]);
    assert_eq!(select(None, Some("aspiri")).await, []);
    assert_eq!(select(Some(JobStatus::Queued), None).await, [greek, queued]);
    assert_eq!(
        select(Some(JobStatus::Succeeded), Some("aspirin")).await,
        [succeeded]
    );
    assert_eq!(select(Some(JobStatus::Running), Some("aspirin")).await, []);
    let page = store.list_jobs(&JobFilter::default(), 10, None).await;
    let summary = page.expect("a page").jobs.pop().expect("the oldest");
    assert_eq!(
        (summary.id, summary.molecule.as_str()),
        (succeeded, "Aspirin")
    );
    assert_eq!((summary.status, summary.attempt), (JobStatus::Succeeded, 1));
    assert!(
        summary
            .finished_at
            .is_some_and(|at| at >= summary.created_at)
    );
}

pub async fn a_bad_cursor_is_refused(harness: &dyn Harness) {
    let store = harness.store();
    for bad in ["", "1", "not a cursor", "'; drop table job; --"] {
        let refused = store.list_jobs(&JobFilter::default(), 5, Some(bad)).await;
        assert!(
            matches!(&refused, Err(StoreError::InvalidCursor(cursor)) if cursor == bad),
            "{refused:?}"
        );
    }
}

pub async fn the_queue_is_counted(harness: &dyn Harness) {
    let store = harness.store();
    let empty = store.queue_stats().await.expect("counts");
    assert_eq!(empty, QueueStats::default());
    let now = store.ping().await.expect("the time");
    for minutes in [-5, -2, 60] {
        let mut job = job("aspirin");
        job.run_at = Some(now + chrono::TimeDelta::minutes(minutes));
        store.enqueue(&job, None).await.expect("a job is enqueued");
    }
    enqueued(&*store, "aspirin").await;
    claimed(&*store).await;
    let stats = store.queue_stats().await.expect("counts");
    assert_eq!(
        (stats.n_queued, stats.n_scheduled, stats.n_running),
        (2, 1, 1)
    );
    assert!((120..180).contains(&stats.oldest_due_seconds), "{stats:?}");
}
