//! What was taken out does not come back by itself: neither when another version fails, nor at a
//! restart.

use phagen_blob::BlobFolder;
use phagen_domain::{
    digest::Digest,
    plugin::{Activation, Cause, Slot, Verb, VersionState},
};
use phagen_store::{RegistryStore as _, SlotMove, StoreError, VersionMove};
use phagen_store_sqlite::SqliteStore;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{
    data_dir::DataDir,
    plugin::{POLL, guest, in_slot, reranked_by, reranker_version},
    process::PATIENCE,
    server::Server,
};

const RERANKER: &str = "evidence-reranker";

/// The database, as another host has it open.
async fn store(dir: &DataDir) -> SqliteStore {
    let path = dir.path().join("phagen.db");
    SqliteStore::open(&path).await.expect("the database")
}

/// As a host of a fleet does it with a version that serves in none of its slots.
async fn quarantine(store: &SqliteStore, digest: Digest) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let version = store.find_version(digest).await.expect("a read");
        let change = VersionMove {
            digest,
            from: version.expect("the version").state,
            to: VersionState::Quarantined,
            gate: None,
            signature: None,
            cause: Cause::host(Verb::Quarantine, "it failed elsewhere"),
        };
        match store.move_version(&change).await {
            Ok(_) => return,
            // The server has just seen it drained.
            Err(StoreError::VersionMoved { .. }) => assert!(Instant::now() < deadline),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A server whose reranker traps, with a sound version before it: their digests.
async fn trapping(dir: &DataDir) -> (Server, Digest, Digest) {
    let server = Server::start_with(dir, &[], &[("PHAGEN_CACHE__ENABLED", "false")]);
    let (old, bad) = (reranker_version("9.9.9"), guest("unruly_reranker"));
    let [old_digest, bad_digest] = [&old, &bad].map(|component| Digest::of(component));
    server.upload(RERANKER, &old).await;
    server
        .moves(RERANKER, old_digest, "activate", &in_slot("reranker"))
        .await;
    server.upload("unruly-reranker", &bad).await;
    let order = json!({
        "slot": "reranker",
        "reason": "a test of what goes wrong",
        "config": [{ "key": "mode", "value": "trap" }],
    });
    server
        .moves("unruly-reranker", bad_digest, "activate", &order)
        .await;
    (server, old_digest, bad_digest)
}

#[tokio::test]
async fn what_was_taken_out_stands_behind_nothing() {
    let dir = DataDir::ready();
    let other_host = store(&dir).await;
    let slots = other_host.list_slots().await.expect("slots");
    let built_in = slots.iter().find(|slot| slot.name.as_str() == "reranker");
    let built_in = built_in.expect("a reranker").serving.plugin_digest;
    let (server, old, _) = trapping(&dir).await;
    quarantine(&other_host, old).await;
    server.followed().await;
    let stood_in = reranked_by(&server.analyse("aspirin").await);
    assert_eq!(stood_in, built_in);
    quarantine(&other_host, built_in).await;
    server.followed().await;
    let result = server.analyse("metformin").await;
    let order = |warning: &String| warning.contains("order of its sources");
    assert!(result.warnings.iter().any(order), "{:?}", result.warnings);
    other_host.close().await;
}

#[tokio::test]
async fn the_host_does_not_go_back_to_what_was_taken_out() {
    let dir = DataDir::ready();
    let (server, old_digest, bad_digest) = trapping(&dir).await;
    let other_host = store(&dir).await;
    quarantine(&other_host, old_digest).await;
    for molecule in [
        "aspirin",
        "metformin",
        "tamoxifen",
        "cisplatin",
        "dexamethasone",
        "ibuprofen",
    ] {
        assert!(server.analyse(molecule).await.degraded);
    }
    let deadline = Instant::now() + PATIENCE;
    while !server.slot("reranker").await["previous"].is_null() {
        assert!(Instant::now() < deadline, "the way back is still there");
        sleep(POLL).await;
    }
    let slot = server.slot("reranker").await;
    assert_eq!(slot["plugin_digest"], bad_digest.to_string());
    let version = server.version(RERANKER, old_digest).await;
    assert_eq!(version["state"], "quarantined", "{version}");
    let record = server.record_of(old_digest).await;
    assert!(record.contains(&"rollback host".to_owned()), "{record:?}");
    other_host.close().await;
}

#[tokio::test]
async fn a_restart_does_not_bring_back_a_built_in_that_was_taken_out() {
    let dir = DataDir::ready();
    let yesterdays = reranker_version("0.0.1");
    let blobs = BlobFolder::open(dir.path().join("blob")).expect("the blobs");
    let yesterdays = blobs.put(&yesterdays).expect("a blob");
    let store = store(&dir).await;
    let slots = store.list_slots().await.expect("slots");
    let slot = slots
        .into_iter()
        .find(|slot| slot.name.as_str() == "reranker");
    let slot = slot.expect("a reranker");
    let todays = slot.serving.plugin_digest;
    let back = SlotMove {
        expected: Some(slot.generation),
        to: Slot {
            serving: Activation {
                plugin_digest: yesterdays,
                ..slot.serving.clone()
            },
            ..slot
        },
        digest: todays,
        cause: Cause::host(Verb::Quarantine, "it ranks withdrawn studies first"),
        key: None,
        admits_quarantined: false,
    };
    let back = store.move_slot(&back).await.expect("a move");
    assert_eq!(back.event.state, VersionState::Quarantined);
    store.close().await;

    let server = Server::start(&dir);
    let slot = server.slot("reranker").await;
    assert_eq!(slot["plugin_digest"], yesterdays.to_string());
    let version = server.version(RERANKER, todays).await;
    assert_eq!(version["state"], "quarantined", "{version}");
}
