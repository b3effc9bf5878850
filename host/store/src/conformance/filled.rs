//! A database with something in every table, for what moves databases as a whole.

use phagen_domain::{
    artifact::{ArtifactRecord, LinearReranker},
    feedback::Vote,
    job::{Priority, Stage},
    plugin::{ComparisonOutcome, Gate, GateReport, Signature, TrialMode, Verb, VersionState as S},
};

use super::{
    access, comparisons, corpus, hosts, keys,
    plugin_specimen::{
        candidate, digest, keyed, moved, recorded, reranker, seeded, slot_move, uploaded,
        version_move,
    },
    specimen::{LEASE, LONG, claimed, enqueued, failure, job, progress, result},
    votes,
};
use crate::{IdempotencyKey, Store, VersionMove};

const TRACE_PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Jobs in each state, with what is written along their ways; a fleet; votes; keys.
pub async fn fill(store: &dyn Store) {
    jobs(store).await;
    plugins(store).await;
    let compared = ComparisonOutcome::Compared(comparisons::compared());
    let comparison = comparisons::comparison(1, compared);
    let artifact = ArtifactRecord {
        digest: digest("weights"),
        name: "β \"quoted\" \\ name\n".to_owned(),
        format: LinearReranker::FORMAT.to_owned(),
        size_bytes: 512,
        created_at: comparison.at,
    };
    let vote = votes::vote(comparison.job, "anonymous", "PMID:1", Vote::Flag);
    store.record_comparison(&comparison).await.expect("a trial");
    store
        .record_artifact(&artifact, "ada")
        .await
        .expect("weights");
    store.record_feedback(&vote).await.expect("a vote");
    store
        .report_host(&hosts::report("a", 7))
        .await
        .expect("a host");
    store
        .add_publisher_key(&keys::key("ada", "RWA="))
        .await
        .expect("a key");
    store
        .add_api_key(&access::key("bob", "phagen_b"))
        .await
        .expect("a key");
    let running = super::audit::running("serve", "a", 1);
    let noted = store.record_settings(&running).await;
    noted.expect("a row").expect("the first of them");
    assert!(store.take_tick("prune", LONG).await.expect("a tick"));
    let published = store.publish_snapshot(0, &corpus::snapshot("first")).await;
    published.expect("a snapshot");
    let held = store.hold_import("a host", LEASE).await;
    assert_eq!(held.expect("a turn"), None);
}

async fn jobs(store: &dyn Store) {
    enqueued(store, "aspirin").await;
    let lease = claimed(store).await.lease;
    let found = result("aspirin");
    store.finish(&lease, &found).await.expect("an end");
    enqueued(store, "metformin").await;
    let lease = claimed(store).await.lease;
    let ended = store.fail(&lease, &failure(false), LONG).await;
    ended.expect("an end");
    let cancelled = enqueued(store, "cisplatin").await;
    store.cancel(cancelled).await.expect("a cancellation");
    enqueued(store, "tamoxifen").await;
    let running = store.claim("a worker", LEASE).await.expect("a claim");
    let lease = running.expect("a due job").lease;
    let at = progress(Stage::Rerank, "42 passages");
    store.report_progress(&lease, &at).await.expect("a report");
    store.cancel(lease.job_id).await.expect("a wish");
    let key = IdempotencyKey {
        key: "key-1".to_owned(),
        request_digest: digest("a request"),
    };
    let mut tenants = job("Ibuprofen");
    tenants.priority = Priority::BULK;
    tenants.tenant = Some("bob".to_owned());
    tenants.trace_parent = Some(TRACE_PARENT.to_owned());
    let queued = store.enqueue(&tenants, Some(&key)).await;
    queued.expect("a job");
}

async fn plugins(store: &dyn Store) {
    seeded(store, &[reranker("old")]).await;
    let mut tried = reranker("old");
    tried.candidate = Some(candidate("new", TrialMode::Shadow));
    let change = slot_move(&tried, "new", Verb::Shadow);
    moved(store, &keyed(change, "k-1", "shadow new")).await;
    recorded(store, &uploaded("alpha")).await;
    for (gate, from, to, verb) in [
        (Gate::Verify, S::Uploaded, S::Verified, Verb::Verify),
        (Gate::Compile, S::Verified, S::Compiled, Verb::Compile),
    ] {
        let change = VersionMove {
            gate: Some(GateReport {
                gate,
                passed: true,
                milliseconds: 12.5,
                notes: vec!["a note, [with] {signs}".to_owned()],
            }),
            signature: Some(Signature::Verified {
                key: "ada's".to_owned(),
            }),
            ..version_move("alpha", from, to, verb)
        };
        store.move_version(&change).await.expect("a gate");
    }
}
