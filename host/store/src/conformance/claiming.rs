//! Who gets which job, and when.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use phagen_domain::job::{JobId, JobState};
use tokio::task::JoinSet;

use super::{
    Harness,
    specimen::{LEASE, LONG, claimed, enqueued, job},
};

pub async fn claim_takes_the_oldest_due_job(harness: &dyn Harness) {
    let store = harness.store();
    let now = store.ping().await.expect("the time");
    let mut by_id = [JobId::new(), JobId::new()];
    by_id.sort();
    // Due 30, 10, 20 and 20 minutes ago; the two of one time go by id.
    let ids = [JobId::new(), JobId::new(), by_id[1], by_id[0]];
    for (id, minutes) in ids.into_iter().zip([30, 10, 20, 20]) {
        let mut job = job("aspirin");
        job.id = id;
        job.run_at = Some(now - TimeDelta::minutes(minutes));
        store.enqueue(&job, None).await.expect("a job is enqueued");
    }
    for expected in [ids[0], by_id[0], by_id[1], ids[1]] {
        assert_eq!(claimed(&*store).await.job.id, expected);
    }
}

pub async fn claim_of_an_empty_queue_is_none(harness: &dyn Harness) {
    let claim = harness.store().claim("worker-1", LEASE).await;
    assert_eq!(claim.expect("the queue answers"), None);
}

pub async fn claim_leaves_scheduled_jobs(harness: &dyn Harness) {
    let store = harness.store();
    let run_at = store.ping().await.expect("the time") + TimeDelta::hours(1);
    let mut job = job("aspirin");
    job.run_at = Some(run_at);
    store.enqueue(&job, None).await.expect("a job is enqueued");
    let stored = store.find_job(job.id).await.expect("the job is read");
    assert_eq!(
        stored.expect("the job").state,
        JobState::Queued { run_at },
        "a scheduled job keeps its time to the millisecond"
    );
    assert_eq!(store.claim("worker-1", LEASE).await.expect("a claim"), None);
    harness.make_due(job.id).await;
    assert_eq!(claimed(&*store).await.job.id, job.id);
}

pub async fn claim_skips_leased_jobs(harness: &dyn Harness) {
    let store = harness.store();
    let [first, second] = [
        enqueued(&*store, "aspirin").await,
        enqueued(&*store, "metformin").await,
    ];
    assert_eq!(claimed(&*store).await.job.id, first);
    assert_eq!(claimed(&*store).await.job.id, second);
    // Even one whose lease ran out belongs to the reaper, which alone knows what to do with it.
    harness.expire_lease(first).await;
    assert_eq!(store.claim("worker-2", LEASE).await.expect("a claim"), None);
}

pub async fn claim_counts_the_attempt(harness: &dyn Harness) {
    let store = harness.store();
    let mut new = job("aspirin");
    new.max_attempts = 2;
    store.enqueue(&new, None).await.expect("a job is enqueued");
    let before = store.ping().await.expect("the time");
    let claim = store.claim("worker-1", LONG).await.expect("a claim");
    let claim = claim.expect("a job is due");
    let after = store.ping().await.expect("the time");
    assert_eq!((claim.job.attempt, claim.job.max_attempts), (1, 2));
    assert_eq!(claim.job.request, new.request);
    assert_eq!(claim.lease.job_id, new.id);
    assert!(claim.lease.until >= before + LONG && claim.lease.until <= after + LONG);
    let stored = store.find_job(new.id).await.expect("the job is read");
    assert_eq!(
        stored,
        Some(claim.job),
        "a claim returns the row as it stands"
    );
}

pub async fn two_claimers_never_share_a_job(harness: &dyn Harness) {
    const N_JOBS: usize = 60;
    const N_WORKERS: usize = 8;
    let store = harness.store();
    let mut enqueued_ids = BTreeSet::new();
    for _ in 0..N_JOBS {
        enqueued_ids.insert(enqueued(&*store, "aspirin").await);
    }
    let mut workers = JoinSet::new();
    for n in 0..N_WORKERS {
        let store = harness.store();
        workers.spawn(async move {
            let mut taken = Vec::new();
            while let Some(claim) = store
                .claim(&format!("worker-{n}"), LEASE)
                .await
                .expect("the queue answers")
            {
                taken.push(claim.job.id);
            }
            taken
        });
    }
    let taken: Vec<JobId> = workers.join_all().await.concat();
    assert_eq!(taken.len(), N_JOBS);
    assert_eq!(BTreeSet::from_iter(taken), enqueued_ids);
}
