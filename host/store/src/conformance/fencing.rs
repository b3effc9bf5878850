//! A lease is the right to write, and a lease that was lost is none.

use std::time::Duration;

use phagen_domain::job::{JobId, Lease, Stage};
use uuid::Uuid;

use super::{
    Harness,
    specimen::{LEASE, LONG, POLICY, claimed, enqueued, failure, progress, result},
};
use crate::{Renewal, Store, StoreError};

/// Tries every write of a worker; each must be refused and leave the job and its story alone.
async fn every_write_is_refused(store: &dyn Store, lease: &Lease) {
    let id = lease.job_id;
    let before = (
        store.find_job(id).await.expect("the job"),
        store.list_events(id, 0).await.expect("its events"),
    );
    let progress = progress(Stage::Map, "too late");
    let refused = [
        store.report_progress(lease, &progress).await,
        store.finish(lease, &result("aspirin")).await,
        store.fail(lease, &failure(true), LONG).await,
        store.fail(lease, &failure(false), LONG).await,
        store.release(lease).await,
        store.acknowledge_cancel(lease).await,
    ];
    for (n, outcome) in refused.into_iter().enumerate() {
        let is_lost = matches!(outcome, Err(StoreError::LeaseLost(lost)) if lost == id);
        assert!(is_lost, "write {n} of a lost lease");
    }
    let renewals = store.renew(std::slice::from_ref(lease), LEASE).await;
    assert_eq!(renewals.expect("an answer"), [Renewal::Lost { job_id: id }]);
    let after = (
        store.find_job(id).await.expect("the job"),
        store.list_events(id, 0).await.expect("its events"),
    );
    assert_eq!(before, after);
}

pub async fn a_lost_lease_changes_nothing(harness: &dyn Harness) {
    let store = harness.store();
    let id = enqueued(&*store, "aspirin").await;
    let lost = claimed(&*store).await.lease;
    harness.expire_lease(id).await;
    assert_eq!(store.reap(POLICY).await.expect("a reap"), 1);
    // Queued again, and then held by another.
    every_write_is_refused(&*store, &lost).await;
    harness.make_due(id).await;
    let held = claimed(&*store).await.lease;
    assert_ne!(held.token, lost.token);
    every_write_is_refused(&*store, &lost).await;
    store
        .finish(&held, &result("aspirin"))
        .await
        .expect("the holder still may write");
}

pub async fn a_forged_lease_changes_nothing(harness: &dyn Harness) {
    let store = harness.store();
    enqueued(&*store, "aspirin").await;
    enqueued(&*store, "metformin").await;
    let [held, other] = [claimed(&*store).await.lease, claimed(&*store).await.lease];
    let forged = Lease {
        token: Uuid::new_v4(),
        ..held.clone()
    };
    every_write_is_refused(&*store, &forged).await;
    // A token opens its own job and no other.
    let crossed = Lease {
        token: other.token,
        ..held.clone()
    };
    every_write_is_refused(&*store, &crossed).await;
    let unknown = Lease {
        job_id: JobId::new(),
        ..held
    };
    every_write_is_refused(&*store, &unknown).await;
}

pub async fn an_ended_job_takes_no_further_write(harness: &dyn Harness) {
    let store = harness.store();
    for end in 0..3 {
        enqueued(&*store, "aspirin").await;
        let lease = claimed(&*store).await.lease;
        let ended = match end {
            0 => store.finish(&lease, &result("aspirin")).await,
            1 => store.fail(&lease, &failure(false), LONG).await,
            _ => store.acknowledge_cancel(&lease).await,
        };
        ended.expect("the holder may end it");
        every_write_is_refused(&*store, &lease).await;
    }
}

pub async fn a_heartbeat_extends_each_lease(harness: &dyn Harness) {
    let store = harness.store();
    for _ in 0..3 {
        enqueued(&*store, "aspirin").await;
    }
    let mut leases = Vec::new();
    for _ in 0..3 {
        leases.push(claimed(&*store).await.lease);
    }
    // A lease that ran out but was not taken back yet is still its holder's.
    harness.expire_lease(leases[0].job_id).await;
    store.cancel(leases[1].job_id).await.expect("a request");
    let before = store.ping().await.expect("the time");
    let renewals = store.renew(&leases, LONG).await.expect("renewals");
    assert_eq!(renewals.len(), leases.len());
    for (n, (lease, renewal)) in leases.iter().zip(renewals).enumerate() {
        let Renewal::Extended {
            job_id,
            until,
            cancel_requested,
        } = renewal
        else {
            panic!("lease {n} was lost");
        };
        assert_eq!(job_id, lease.job_id);
        assert!(until >= before + LONG && until > lease.until);
        assert_eq!(cancel_requested, n == 1);
    }
    assert_eq!(store.reap(POLICY).await.expect("a reap"), 0);
}

pub async fn a_heartbeat_tells_which_leases_were_lost(harness: &dyn Harness) {
    let store = harness.store();
    enqueued(&*store, "aspirin").await;
    enqueued(&*store, "metformin").await;
    let lost = claimed(&*store).await.lease;
    let held = claimed(&*store).await.lease;
    store.release(&lost).await.expect("a release");
    let renewals = store.renew(&[lost.clone(), held.clone()], LEASE).await;
    let renewals = renewals.expect("renewals");
    assert_eq!(
        renewals[0],
        Renewal::Lost {
            job_id: lost.job_id
        }
    );
    assert!(matches!(&renewals[1], Renewal::Extended { job_id, .. } if *job_id == held.job_id));
    assert_eq!(store.renew(&[], LEASE).await.expect("no renewal"), []);
}

pub async fn an_endless_lease_is_granted(harness: &dyn Harness) {
    let store = harness.store();
    enqueued(&*store, "aspirin").await;
    let claim = store.claim("worker-1", Duration::MAX).await;
    let lease = claim.expect("a claim").expect("a job is due").lease;
    let renewals = store.renew(&[lease], Duration::MAX).await;
    assert!(matches!(
        renewals.expect("renewals")[..],
        [Renewal::Extended { .. }]
    ));
}
