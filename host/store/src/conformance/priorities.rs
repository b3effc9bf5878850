//! Who goes before whom.

use chrono::{DateTime, TimeDelta, Utc};
use phagen_domain::job::{JobId, Priority};

use super::{
    Harness,
    specimen::{LEASE, LONG, claimed, failure, job},
};
use crate::{JobFilter, Store};

async fn due(store: &dyn Store, priority: u32, run_at: DateTime<Utc>) -> JobId {
    let mut job = job("aspirin");
    job.priority = priority.try_into().expect("a priority");
    job.run_at = Some(run_at);
    store.enqueue(&job, None).await.expect("a job is enqueued");
    job.id
}

pub async fn the_more_urgent_goes_first(harness: &dyn Harness) {
    let store = harness.store();
    let now = store.ping().await.expect("the time");
    let mut ids = Vec::new();
    // The less urgent, the longer due, though not by an hour.
    for priority in [4, 3, 2, 1] {
        let minutes = TimeDelta::minutes(i64::from(priority) * 10);
        ids.push(due(&*store, priority, now - minutes).await);
    }
    // Within one priority the oldest goes first.
    let older = due(&*store, 2, now - TimeDelta::minutes(25)).await;
    let [bulk, patient, usual, urgent] = ids[..] else {
        panic!("four jobs")
    };
    for expected in [urgent, older, usual, patient, bulk] {
        assert_eq!(claimed(&*store).await.job.id, expected);
    }
    assert_eq!(store.claim("worker-1", LEASE).await.expect("a claim"), None);
}

pub async fn a_job_that_waits_gains_a_step_an_hour(harness: &dyn Harness) {
    let store = harness.store();
    let newest = store.ping().await.expect("the time") - TimeDelta::minutes(1);
    let step = TimeDelta::from_std(Priority::STEP).expect("a step");
    let second = TimeDelta::seconds(1);
    let urgent = due(&*store, 1, newest).await;
    let bulk_for_longer = due(&*store, 4, newest - step * 3 - second).await;
    let bulk = due(&*store, 4, newest - step * 3 + second).await;
    let usual_for_longer = due(&*store, 2, newest - step - second * 2).await;
    let expected = [usual_for_longer, bulk_for_longer, urgent, bulk];
    for expected in expected {
        assert_eq!(claimed(&*store).await.job.id, expected);
    }
}

pub async fn what_is_not_due_holds_nobody_up(harness: &dyn Harness) {
    let store = harness.store();
    let now = store.ping().await.expect("the time");
    due(&*store, 1, now + TimeDelta::hours(1)).await;
    let bulk = due(&*store, 4, now - TimeDelta::seconds(1)).await;
    assert_eq!(claimed(&*store).await.job.id, bulk);
    assert_eq!(store.claim("worker-1", LEASE).await.expect("a claim"), None);
}

pub async fn a_job_keeps_what_it_was_submitted_with(harness: &dyn Harness) {
    let store = harness.store();
    let mut new = job("aspirin");
    new.priority = Priority::BULK;
    new.tenant = Some("β's key".to_owned());
    new.trace_parent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    store.enqueue(&new, None).await.expect("a job is enqueued");
    for n_claims in 1..=3 {
        let claim = claimed(&*store).await;
        assert_eq!(claim.job.attempt, n_claims);
        assert_eq!(claim.job.priority, new.priority);
        assert_eq!(claim.job.tenant, new.tenant);
        assert_eq!(claim.job.trace_parent, new.trace_parent);
        let ended = store.fail(&claim.lease, &failure(true), LONG).await;
        ended.expect("an end");
        if n_claims < 3 {
            harness.make_due(new.id).await;
        }
    }
    store.retry(new.id).await.expect("another try");
    let found = store.find_job(new.id).await.expect("a read");
    let found = found.expect("the job");
    assert_eq!(found.priority, new.priority);
    assert_eq!(found.tenant, new.tenant);
    assert_eq!(found.trace_parent, new.trace_parent);
    let page = store.list_jobs(&JobFilter::default(), 1, None).await;
    assert_eq!(page.expect("a page").jobs[0].priority, new.priority);
}
