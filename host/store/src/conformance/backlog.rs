//! Many jobs at once.

use super::{
    Harness,
    specimen::{LEASE, POLICY, claimed, enqueued},
};

/// Other queues stop serving when the backlog outgrows one call.
pub async fn a_thousand_jobs_are_claimed_in_order(harness: &dyn Harness) {
    let store = harness.store();
    let mut expected = Vec::new();
    for _ in 0..1_000 {
        expected.push(enqueued(&*store, "aspirin").await);
    }
    let stats = store.queue_stats().await.expect("counts");
    assert_eq!(stats.n_queued, 1_000);
    for id in expected {
        assert_eq!(claimed(&*store).await.job.id, id);
    }
    assert_eq!(store.claim("worker-1", LEASE).await.expect("a claim"), None);
}

pub async fn reaping_takes_back_more_than_a_batch(harness: &dyn Harness) {
    const N_JOBS: u64 = 450;
    let store = harness.store();
    for _ in 0..N_JOBS {
        enqueued(&*store, "aspirin").await;
    }
    for _ in 0..N_JOBS {
        let id = claimed(&*store).await.job.id;
        harness.expire_lease(id).await;
    }
    assert_eq!(store.reap(POLICY).await.expect("a reap"), N_JOBS);
    let stats = store.queue_stats().await.expect("counts");
    assert_eq!((stats.n_scheduled, stats.n_running), (N_JOBS, 0));
}
