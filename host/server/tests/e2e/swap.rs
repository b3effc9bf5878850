//! Versions swapped under a running server: no job fails, every result names what it ran with, and
//! what does badly goes back by itself.

use phagen_domain::digest::Digest;
use serde_json::json;

use crate::{
    data_dir::DataDir,
    plugin::{guest, in_slot, reranked_by, reranker_version},
    server::Server,
};

const RERANKER: &str = "evidence-reranker";

#[tokio::test]
async fn an_uploaded_version_serves_once_activated_and_gives_way_at_a_rollback() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    let before = reranked_by(&server.analyse("aspirin").await);
    let component = reranker_version("9.9.9");
    let digest = Digest::of(&component);

    let version = server.upload(RERANKER, &component).await;
    assert_eq!(version["state"], "checked", "{version}");
    assert_eq!(version["gates"].as_array().map(Vec::len), Some(3));
    assert_eq!(version["signature"]["status"], "not_signed");
    assert_eq!(reranked_by(&server.analyse("aspirin").await), before);

    server
        .moves(RERANKER, digest, "activate", &in_slot("reranker"))
        .await;
    assert_eq!(reranked_by(&server.analyse("aspirin").await), digest);
    assert_eq!(server.version(RERANKER, digest).await["state"], "active");

    server
        .moves(RERANKER, digest, "rollback", &in_slot("reranker"))
        .await;
    assert_eq!(reranked_by(&server.analyse("aspirin").await), before);
    let record = server.record_of(digest).await;
    for moved in [
        "upload local",
        "verify host",
        "compile host",
        "check host",
        "activate local",
        "rollback local",
    ] {
        assert!(
            record.iter().any(|event| event == moved),
            "{moved} in {record:?}"
        );
    }
}

#[tokio::test]
async fn no_job_fails_while_versions_are_swapped() {
    let dir = DataDir::ready();
    let server = Server::start_with(
        &dir,
        &["--workers", "2"],
        &[("PHAGEN_CACHE__ENABLED", "false")],
    );
    let components = ["9.0.1", "9.0.2"].map(reranker_version);
    for component in &components {
        assert_eq!(server.upload(RERANKER, component).await["state"], "checked");
    }
    let digests = components.each_ref().map(|component| Digest::of(component));

    let mut jobs = Vec::new();
    for turn in 0..12 {
        for molecule in ["aspirin", "metformin", "tamoxifen", "cisplatin"] {
            jobs.push(server.submit(molecule).await);
        }
        let path = format!(
            "/api/plugins/{RERANKER}/versions/{}/activate",
            digests[turn % 2]
        );
        let answer = server.post(&path, &in_slot("reranker")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    for job in jobs {
        let result = server.result_of(job).await;
        assert!(!result.degraded, "{:?}", result.warnings);
        // One job, one set: what ranked is what the set names.
        let slots = &result.versions.slots;
        let named = slots.iter().find(|slot| slot.slot.as_str() == "reranker");
        assert_eq!(
            named.map(|slot| slot.plugin_digest),
            Some(reranked_by(&result))
        );
    }
    // Which of the swaps above a job saw is chance; that each version does serve is not.
    for digest in digests {
        server
            .moves(RERANKER, digest, "activate", &in_slot("reranker"))
            .await;
        assert_eq!(reranked_by(&server.analyse("aspirin").await), digest);
    }
}

#[tokio::test]
async fn a_version_that_fails_at_work_is_taken_back_by_the_host() {
    let dir = DataDir::ready();
    let server = Server::start_with(&dir, &[], &[("PHAGEN_CACHE__ENABLED", "false")]);
    let before = reranked_by(&server.analyse("aspirin").await);
    let component = guest("unruly_reranker");
    let digest = Digest::of(&component);
    assert_eq!(
        server.upload("unruly-reranker", &component).await["state"],
        "checked"
    );
    let order = json!({
        "slot": "reranker",
        "reason": "a test of what goes wrong",
        "config": [{ "key": "mode", "value": "trap" }],
    });
    server
        .moves("unruly-reranker", digest, "activate", &order)
        .await;

    // The version before answers for it meanwhile, and the result says so.
    let degraded = server.analyse("aspirin").await;
    assert!(degraded.degraded);
    assert_eq!(reranked_by(&degraded), before);
    assert!(
        degraded
            .warnings
            .iter()
            .any(|w| w.contains("was asked instead")),
        "{:?}",
        degraded.warnings
    );

    for molecule in [
        "metformin",
        "tamoxifen",
        "cisplatin",
        "dexamethasone",
        "ibuprofen",
    ] {
        server.analyse(molecule).await;
    }
    let slot = server.slot_without("reranker", digest).await;
    assert_eq!(slot["plugin_digest"], before.to_string());
    let version = server.version("unruly-reranker", digest).await;
    assert_eq!(version["state"], "quarantined", "{version}");
    assert!(
        version["reason"]
            .as_str()
            .is_some_and(|why| why.contains("breaker opened")),
        "{version}"
    );
    assert!(
        server
            .record_of(digest)
            .await
            .contains(&"quarantine host".to_owned())
    );
    assert!(!server.analyse("aspirin").await.degraded);
}

#[tokio::test]
async fn a_version_that_refuses_its_slot_never_serves() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    let before = reranked_by(&server.analyse("aspirin").await);
    let component = guest("unruly_reranker");
    let digest = Digest::of(&component);
    server.upload("unruly-reranker", &component).await;
    // Without its `mode` the guest refuses to begin.
    let order = json!({ "slot": "reranker", "reason": "a test", "config": [] });
    let path = format!("/api/plugins/unruly-reranker/versions/{digest}/activate");
    assert_eq!(server.post(&path, &order).await.status, 200);
    let slot = server.slot_without("reranker", digest).await;
    assert_eq!(slot["plugin_digest"], before.to_string());
    let result = server.analyse("metformin").await;
    assert_eq!(reranked_by(&result), before);
    assert!(!result.degraded, "{:?}", result.warnings);
    assert!(
        server
            .record_of(digest)
            .await
            .contains(&"rollback host".to_owned())
    );
}

#[tokio::test]
async fn every_host_of_a_fleet_follows() {
    let dir = DataDir::ready();
    let (one, other) = (Server::start(&dir), Server::start(&dir));
    let component = reranker_version("9.9.9");
    let digest = Digest::of(&component);
    assert_eq!(one.upload(RERANKER, &component).await["state"], "checked");
    one.moves(RERANKER, digest, "activate", &in_slot("reranker"))
        .await;
    let plugins = other.plugins().await;
    assert_eq!(
        plugins["hosts"].as_array().map(Vec::len),
        Some(2),
        "{plugins}"
    );
    other.followed().await;
    assert_eq!(reranked_by(&other.analyse("aspirin").await), digest);
}

#[tokio::test]
async fn a_deployment_that_the_host_takes_back_is_told_as_an_error() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    let file = dir.file("reranker.wasm", reranker_version("9.4.0"));
    let deploy = |slot: &str| {
        let file = file.to_str().expect("UTF-8");
        let host = server.address();
        dir.run(&["plugin", "deploy", file, "--slot", slot, "--host", host])
    };
    // A slot of its own has no artifact, and nothing grants it one.
    let told = deploy("another").expect_failure();
    assert!(
        told.contains("the host undid it") && told.contains("--artifact"),
        "{told}"
    );
    deploy("reranker").expect_success();
}
