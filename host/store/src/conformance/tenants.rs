//! How much one tenant may have running and queued, so that its flood leaves room for the others.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use phagen_domain::{
    digest::Digest,
    job::{JobId, Priority},
};
use tokio::task::JoinSet;

use super::{
    Harness,
    specimen::{LEASE, LONG, POLICY, failure, job, result},
};
use crate::{ClaimedJob, Enqueued, IdempotencyKey, NewJob, Store, StoreError};

fn of(tenant: &str) -> NewJob {
    let mut job = job("aspirin");
    job.tenant = (!tenant.is_empty()).then(|| tenant.to_owned());
    job
}

async fn queued(store: &dyn Store, tenant: &str) -> JobId {
    let job = of(tenant);
    store.enqueue(&job, None).await.expect("a job is enqueued");
    job.id
}

async fn claim(store: &dyn Store, max_running: u32) -> Option<ClaimedJob> {
    let max_running = NonZeroU32::new(max_running).expect("a limit");
    let claim = store.claim_fairly("worker-1", LEASE, max_running).await;
    claim.expect("the queue answers")
}

async fn claimed_id(store: &dyn Store, max_running: u32) -> Option<JobId> {
    claim(store, max_running).await.map(|claim| claim.job.id)
}

pub async fn a_tenant_with_enough_running_is_passed_over(harness: &dyn Harness) {
    let store = harness.store();
    let mut of_a = Vec::new();
    for _ in 0..4 {
        of_a.push(queued(&*store, "a").await);
    }
    let of_b = queued(&*store, "b").await;
    let nobodys = [queued(&*store, "").await, queued(&*store, "").await];
    let more_of_nobodys = queued(&*store, "").await;
    let mut urgent_of_a = of("a");
    urgent_of_a.priority = Priority::URGENT;
    let stored = store.enqueue(&urgent_of_a, None).await;
    stored.expect("a job is enqueued");
    for expected in [urgent_of_a.id, of_a[0], of_b, nobodys[0], nobodys[1]] {
        assert_eq!(claimed_id(&*store, 2).await, Some(expected));
    }
    // What is nobody's has no limit; whoever has one is not let in by another's claim.
    assert_eq!(claimed_id(&*store, 2).await, Some(more_of_nobodys));
    assert_eq!(claimed_id(&*store, 2).await, None);
    // A higher limit lets one more in; a claim without limits knows of none.
    assert_eq!(claimed_id(&*store, 3).await, Some(of_a[1]));
    let claim = store.claim("worker-1", LEASE).await.expect("a claim");
    assert_eq!(claim.map(|claim| claim.job.id), Some(of_a[2]));
}

pub async fn a_fair_claim_takes_the_same_as_a_plain_one(harness: &dyn Harness) {
    let store = harness.store();
    let now = store.ping().await.expect("the time");
    let mut jobs = Vec::new();
    for (tenant, priority, minutes) in [
        ("b", 2_u32, 30),
        ("", 1, 5),
        ("a", 4, 200),
        ("a", 2, 40),
        ("a", 2, 90),
        ("", 3, 80),
        ("c", 1, -60),
    ] {
        let mut job = of(tenant);
        job.priority = Priority::try_from(priority).expect("a priority");
        job.run_at = Some(now - chrono::TimeDelta::minutes(minutes));
        store.enqueue(&job, None).await.expect("a job is enqueued");
        jobs.push(job.id);
    }
    let [b, urgent, bulk, young, old, patient, _] = jobs[..] else {
        panic!("seven jobs")
    };
    // Minutes of wait, less an hour for each step: 30, 20, 5, -20, -30, -40; one is not due.
    for (turn, expected) in [old, bulk, urgent, young, b, patient]
        .into_iter()
        .enumerate()
    {
        let claim = if turn % 2 == 0 {
            claim(&*store, 10).await
        } else {
            store.claim("worker-1", LEASE).await.expect("a claim")
        };
        assert_eq!(claim.expect("a due job").job.id, expected, "turn {turn}");
    }
    assert_eq!(claimed_id(&*store, 10).await, None);
}

pub async fn every_end_of_an_attempt_makes_room(harness: &dyn Harness) {
    let store = harness.store();
    for _ in 0..6 {
        queued(&*store, "a").await;
    }
    for end in 0..6 {
        let claim = claim(&*store, 1).await.expect("there is room");
        assert_eq!(claimed_id(&*store, 1).await, None, "before end {end}");
        let ended = match end {
            0 => store.finish(&claim.lease, &result("aspirin")).await,
            1 => store.fail(&claim.lease, &failure(true), LONG).await,
            2 => store.fail(&claim.lease, &failure(false), LONG).await,
            3 => {
                store.cancel(claim.job.id).await.expect("a request");
                store.acknowledge_cancel(&claim.lease).await
            }
            4 => {
                harness.expire_lease(claim.job.id).await;
                store.reap(POLICY).await.map(drop)
            }
            _ => store.release(&claim.lease).await,
        };
        ended.expect("an end");
    }
    assert!(claim(&*store, 1).await.is_some(), "what was handed back");
}

/// Each claims, looks how many run, and ends what it has.
pub async fn many_claimers_at_once_keep_to_the_limit(harness: &dyn Harness) {
    const N_JOBS: usize = 24;
    const N_CLAIMERS: usize = 8;
    const MAX_RUNNING: u32 = 3;
    let store = harness.store();
    for _ in 0..N_JOBS {
        queued(&*store, "a").await;
    }
    // None ends: all of them together get as many as may run, and not one more.
    let mut claimers = JoinSet::new();
    for _ in 0..N_CLAIMERS {
        let store = harness.store();
        claimers.spawn(async move { claim(&*store, MAX_RUNNING).await });
    }
    let claims: Vec<ClaimedJob> = claimers.join_all().await.into_iter().flatten().collect();
    assert_eq!(claims.len(), MAX_RUNNING as usize);
    // All end: at no moment do more run.
    let n_done = Arc::new(AtomicUsize::new(0));
    let mut claimers = JoinSet::new();
    for claim in claims {
        let finished = store.finish(&claim.lease, &result("aspirin")).await;
        finished.expect("an end");
        n_done.fetch_add(1, Ordering::SeqCst);
    }
    let n_running = Arc::new(AtomicUsize::new(0));
    for _ in 0..N_CLAIMERS {
        let (store, n_done, n_running) = (harness.store(), n_done.clone(), n_running.clone());
        claimers.spawn(async move {
            while n_done.load(Ordering::SeqCst) < N_JOBS {
                let Some(claim) = claim(&*store, MAX_RUNNING).await else {
                    tokio::task::yield_now().await;
                    continue;
                };
                let n_now = n_running.fetch_add(1, Ordering::SeqCst) + 1;
                assert!(n_now <= MAX_RUNNING as usize, "{n_now} run");
                tokio::task::yield_now().await;
                // Counted down before it ends, so that whoever takes its place is not counted twice.
                n_running.fetch_sub(1, Ordering::SeqCst);
                let finished = store.finish(&claim.lease, &result("aspirin")).await;
                finished.expect("an end");
                n_done.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    claimers.join_all().await;
    let stats = store.queue_stats().await.expect("counts");
    assert_eq!((stats.n_queued, stats.n_running), (0, 0));
}

fn too_many(answer: &Result<Enqueued, StoreError>) {
    assert!(
        matches!(answer, Err(StoreError::QueueFull { tenant, limit: 2 }) if tenant == "a"),
        "{answer:?}"
    );
}

pub async fn a_job_too_many_of_a_tenant_is_turned_away(harness: &dyn Harness) {
    let store = harness.store();
    let within = |tenant| NewJob {
        max_queued: Some(2),
        ..of(tenant)
    };
    let key = |name: &str| IdempotencyKey {
        key: name.to_owned(),
        request_digest: Digest::of(b"a request"),
    };
    let first = within("a");
    let stored = store.enqueue(&first, Some(&key("k-1"))).await;
    assert_eq!(stored.expect("room"), Enqueued::New(first.id));
    let scheduled = NewJob {
        run_at: Some(store.ping().await.expect("the time") + LONG),
        ..within("a")
    };
    store.enqueue(&scheduled, None).await.expect("room");
    too_many(&store.enqueue(&within("a"), None).await);
    too_many(&store.enqueue(&within("a"), Some(&key("k-2"))).await);
    // Who repeats a request makes no job, and hears of the one that it made.
    let again = store.enqueue(&within("a"), Some(&key("k-1"))).await;
    assert_eq!(again.expect("a replay"), Enqueued::Replayed(first.id));
    // Others have room of their own, and nobody has no limit.
    store.enqueue(&within("b"), None).await.expect("room");
    for _ in 0..3 {
        store.enqueue(&within(""), None).await.expect("room");
    }
    // What was turned away left nothing, and its key is free.
    let stats = store.queue_stats().await.expect("counts");
    assert_eq!((stats.n_queued, stats.n_scheduled), (5, 1));
    assert_eq!(claimed_id(&*store, 1).await, Some(first.id));
    let stored = store.enqueue(&within("a"), Some(&key("k-2"))).await;
    assert!(matches!(stored, Ok(Enqueued::New(_))), "{stored:?}");
    too_many(&store.enqueue(&within("a"), None).await);
}

pub async fn of_many_submissions_at_once_no_more_are_let_in_than_may_wait(harness: &dyn Harness) {
    const MAX_QUEUED: u32 = 7;
    let mut submitters = JoinSet::new();
    for _ in 0..12 {
        let store = harness.store();
        submitters.spawn(async move {
            let job = NewJob {
                max_queued: Some(MAX_QUEUED),
                ..of("a")
            };
            match store.enqueue(&job, None).await {
                Ok(_) => true,
                Err(StoreError::QueueFull { .. }) => false,
                Err(error) => panic!("{error:?}"),
            }
        });
    }
    let stored = submitters.join_all().await;
    let n_stored = stored.into_iter().filter(|is_stored| *is_stored).count();
    assert_eq!(n_stored, MAX_QUEUED as usize);
    let stats = harness.store().queue_stats().await.expect("counts");
    assert_eq!(stats.n_queued, u64::from(MAX_QUEUED));
}
