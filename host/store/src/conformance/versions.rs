//! From upload to the last gate.

use std::collections::BTreeSet;

use phagen_domain::plugin::{
    Gate, GateReport, PluginVersion, Signature, Verb, VersionState as S, World,
};
use tokio::task::JoinSet;

use super::{
    Harness,
    plugin_specimen::{
        all_events, built_in, cause, digest, recorded, reranker, seeded, state_of, uploaded,
        version_move,
    },
    specimen::LEASE,
};
use crate::{NewVersion, Store, StoreError, VersionMove};

async fn claimed(store: &dyn Store) -> Option<PluginVersion> {
    store.claim_version(LEASE).await.expect("an answer")
}

async fn found(store: &dyn Store, name: &str) -> PluginVersion {
    let found = store.find_version(digest(name)).await.expect("a read");
    found.expect("the version")
}

async fn n_events(store: &dyn Store) -> usize {
    let events = store.list_plugin_events(&all_events()).await;
    events.expect("events").len()
}

fn report(gate: Gate, passed: bool) -> GateReport {
    GateReport {
        gate,
        passed,
        milliseconds: 12.5,
        notes: vec!["`wasi:http` is imported: ask for \"http\"".to_owned()],
    }
}

pub async fn a_version_is_recorded_once(harness: &dyn Harness) {
    let store = harness.store();
    let upload = uploaded("alpha");
    assert_eq!(store.find_version(upload.digest).await.expect("none"), None);
    let first = store.record_version(&upload, &cause(Verb::Upload)).await;
    let (first, is_new) = first.expect("a record");
    assert!(is_new);
    let expected = PluginVersion {
        digest: upload.digest,
        name: upload.name.clone(),
        version: upload.version.clone(),
        world: World::Reranker,
        size_bytes: 123_456,
        state: S::Uploaded,
        signature: Signature::NotSigned,
        minisig: upload.minisig.clone(),
        manifest: upload.manifest.clone(),
        built_in: false,
        gates: Vec::new(),
        reason: None,
        uploaded_at: first.uploaded_at,
        uploaded_by: "ada".to_owned(),
    };
    assert_eq!(first, expected);
    assert!(first.uploaded_at <= store.ping().await.expect("the time"));
    let again = NewVersion {
        name: "renamed".parse().expect("a name"),
        state: S::Checked,
        ..upload
    };
    let again = store.record_version(&again, &cause(Verb::Upload)).await;
    assert_eq!(again.expect("the first"), (expected.clone(), false));
    assert_eq!(found(&*store, "alpha").await, expected);
    assert_eq!(n_events(&*store).await, 1, "nothing happened twice");
}

pub async fn many_uploads_of_one_digest_make_one_version(harness: &dyn Harness) {
    let mut uploads = JoinSet::new();
    for _ in 0..16 {
        let store = harness.store();
        uploads.spawn(async move {
            let recorded = store
                .record_version(&uploaded("alpha"), &cause(Verb::Upload))
                .await;
            recorded.expect("an answer").1
        });
    }
    let n_new = uploads.join_all().await.into_iter().filter(|new| *new);
    assert_eq!(n_new.count(), 1);
    assert_eq!(n_events(&*harness.store()).await, 1);
}

pub async fn a_rejected_version_starts_over(harness: &dyn Harness) {
    let store = harness.store();
    recorded(&*store, &uploaded("alpha")).await;
    recorded(&*store, &uploaded("beta")).await;
    let refusal = VersionMove {
        gate: Some(report(Gate::Verify, false)),
        signature: Some(Signature::Failed {
            reason: "of another file".to_owned(),
        }),
        ..version_move("alpha", S::Uploaded, S::Rejected, Verb::Reject)
    };
    let rejected = store.move_version(&refusal).await.expect("a move");
    assert_eq!(rejected.reason.as_deref(), Some("ada says reject"));
    assert_eq!(rejected.gates, [report(Gate::Verify, false)]);
    let next = NewVersion {
        minisig: None,
        ..uploaded("alpha")
    };
    let next = store.record_version(&next, &cause(Verb::Upload)).await;
    let (next, is_new) = next.expect("a record");
    assert!(is_new);
    assert_eq!((next.state, next.reason), (S::Uploaded, None));
    assert_eq!((next.gates, next.minisig), (Vec::new(), None));
    assert_eq!(next.signature, Signature::NotSigned);
    // It waits behind what was uploaded meanwhile.
    for expected in ["beta", "alpha"] {
        let claimed = claimed(&*store).await.expect("a version waits");
        assert_eq!(claimed.digest, digest(expected));
    }
}

pub async fn versions_are_listed_newest_first(harness: &dyn Harness) {
    let store = harness.store();
    assert_eq!(store.list_versions().await.expect("versions"), []);
    for name in ["beta", "alpha", "gamma"] {
        recorded(&*store, &uploaded(name)).await;
    }
    let versions = store.list_versions().await.expect("versions");
    let names: Vec<&str> = versions.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["gamma", "alpha", "beta"]);
    assert_eq!(versions[2], found(&*store, "beta").await, "each whole");
}

pub async fn claim_takes_the_oldest_version_before_a_gate(harness: &dyn Harness) {
    let store = harness.store();
    assert_eq!(claimed(&*store).await, None);
    recorded(&*store, &built_in("built-in")).await;
    for (name, state) in [("first", S::Verified), ("second", S::Compiled)] {
        let version = NewVersion {
            state,
            ..uploaded(name)
        };
        recorded(&*store, &version).await;
    }
    recorded(&*store, &uploaded("third")).await;
    for name in ["first", "second", "third"] {
        let claimed = claimed(&*store).await.expect("a version waits");
        assert_eq!(claimed, found(&*store, name).await);
    }
    assert_eq!(claimed(&*store).await, None, "all are held");
}

pub async fn two_claimers_never_share_a_version(harness: &dyn Harness) {
    let store = harness.store();
    for n in 0..8 {
        recorded(&*store, &uploaded(&format!("plugin-{n}"))).await;
    }
    let mut claims = JoinSet::new();
    for _ in 0..16 {
        let store = harness.store();
        claims.spawn(async move { claimed(&*store).await });
    }
    let claims = claims.join_all().await;
    let held: Vec<_> = claims.into_iter().flatten().map(|one| one.digest).collect();
    assert_eq!(held.len(), 8);
    assert_eq!(held.into_iter().collect::<BTreeSet<_>>().len(), 8);
}

pub async fn a_hold_that_ran_out_is_handed_out_again(harness: &dyn Harness) {
    let store = harness.store();
    recorded(&*store, &uploaded("alpha")).await;
    let first = claimed(&*store).await;
    assert_eq!(claimed(&*store).await, None);
    harness.expire_hold(digest("alpha")).await;
    assert_eq!(claimed(&*store).await, first);
    // The second has moved it, so the first comes too late.
    let change = version_move("alpha", S::Uploaded, S::Verified, Verb::Verify);
    store.move_version(&change).await.expect("a move");
    let late = store.move_version(&change).await;
    assert!(
        matches!(late, Err(StoreError::VersionMoved { .. })),
        "{late:?}"
    );
}

pub async fn a_move_ends_the_hold(harness: &dyn Harness) {
    let store = harness.store();
    recorded(&*store, &uploaded("alpha")).await;
    claimed(&*store).await.expect("a version waits");
    let change = version_move("alpha", S::Uploaded, S::Verified, Verb::Verify);
    store.move_version(&change).await.expect("a move");
    let next = claimed(&*store).await.expect("its next gate");
    assert_eq!(next.state, S::Verified);
    let change = version_move("alpha", S::Verified, S::Checked, Verb::Check);
    store.move_version(&change).await.expect("a move");
    assert_eq!(claimed(&*store).await, None, "no gate is left");
}

pub async fn a_move_needs_the_state_it_read(harness: &dyn Harness) {
    let store = harness.store();
    let change = version_move("alpha", S::Verified, S::Compiled, Verb::Compile);
    let unknown = store.move_version(&change).await;
    assert!(
        matches!(unknown, Err(StoreError::UnknownVersion(unknown)) if unknown == digest("alpha")),
        "{unknown:?}"
    );
    recorded(&*store, &uploaded("alpha")).await;
    let before = found(&*store, "alpha").await;
    let moved = store.move_version(&change).await;
    assert!(
        matches!(
            moved,
            Err(StoreError::VersionMoved {
                expected: S::Verified,
                found: S::Uploaded,
                ..
            })
        ),
        "{moved:?}"
    );
    assert_eq!(found(&*store, "alpha").await, before);
    assert_eq!(n_events(&*store).await, 1, "what was refused left no event");
}

pub async fn of_many_moves_from_one_state_one_wins(harness: &dyn Harness) {
    recorded(&*harness.store(), &uploaded("alpha")).await;
    let mut moves = JoinSet::new();
    for _ in 0..16 {
        let store = harness.store();
        moves.spawn(async move {
            let change = version_move("alpha", S::Uploaded, S::Verified, Verb::Verify);
            store.move_version(&change).await.is_ok()
        });
    }
    let n_won = moves.join_all().await.into_iter().filter(|won| *won);
    assert_eq!(n_won.count(), 1);
    assert_eq!(n_events(&*harness.store()).await, 2);
}

pub async fn gate_reports_add_up(harness: &dyn Harness) {
    let store = harness.store();
    recorded(&*store, &uploaded("alpha")).await;
    let verified = Signature::Verified {
        key: "ada's".to_owned(),
    };
    let first = VersionMove {
        gate: Some(report(Gate::Verify, true)),
        signature: Some(verified.clone()),
        ..version_move("alpha", S::Uploaded, S::Verified, Verb::Verify)
    };
    store.move_version(&first).await.expect("a move");
    let second = VersionMove {
        gate: Some(report(Gate::Compile, true)),
        ..version_move("alpha", S::Verified, S::Compiled, Verb::Compile)
    };
    let moved = store.move_version(&second).await.expect("a move");
    let reports = [report(Gate::Verify, true), report(Gate::Compile, true)];
    assert_eq!(moved.gates, reports);
    assert_eq!(moved.signature, verified, "nothing new was said of it");
    assert_eq!(moved.reason, None, "it passed");
    assert_eq!(found(&*store, "alpha").await, moved);
}

pub async fn a_reason_goes_with_the_state_it_explains(harness: &dyn Harness) {
    let store = harness.store();
    recorded(&*store, &built_in("alpha")).await;
    let out = version_move("alpha", S::Checked, S::Quarantined, Verb::Quarantine);
    let out = store.move_version(&out).await.expect("a move");
    assert_eq!(out.reason.as_deref(), Some("ada says quarantine"));
    let back = version_move("alpha", S::Quarantined, S::Checked, Verb::Check);
    let back = store.move_version(&back).await.expect("a move");
    assert_eq!((back.state, back.reason), (S::Checked, None));
}

pub async fn a_version_that_a_slot_names_begins_there(harness: &dyn Harness) {
    let store = harness.store();
    seeded(&*store, &[reranker("old")]).await;
    recorded(&*store, &built_in("old")).await;
    assert_eq!(state_of(&*store, "old").await, S::Active);
    recorded(&*store, &built_in("new")).await;
    assert_eq!(state_of(&*store, "new").await, S::Checked);
}
