//! Blobs in a bucket of a real S3 server: what one machine stored, another with an empty disk and
//! the same database fetches.

use std::fs;

use phagen_domain::{digest::Digest, evidence::EvidenceKind};
use reqwest::Method;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{
    answer::Answer,
    bucket::Bucket,
    data_dir::DataDir,
    plugin::{POLL, in_slot, reranked_by, reranker_version},
    process::PATIENCE,
    server::{Server, evidence},
};

const RERANKER: &str = "evidence-reranker";

/// A machine with the same database and no blob. Index and machine code are those of every test, to
/// save their making.
fn another_machine(one: &DataDir) -> DataDir {
    let other = DataDir::ready();
    fs::remove_dir_all(other.path().join("blob")).expect("its blobs go");
    for file in ["phagen.db", "phagen.db-wal", "phagen.db-shm"] {
        let (from, to) = (one.path().join(file), other.path().join(file));
        if from.exists() {
            fs::copy(from, to).expect("the database is copied");
        } else if to.exists() {
            fs::remove_file(to).expect("what belongs to another database goes");
        }
    }
    other
}

/// Votes that training can use: literature up, labels down.
async fn vote(server: &Server) {
    for molecule in ["aspirin", "metformin", "tamoxifen"] {
        let id = server.submit(molecule).await;
        let result = server.result_of(id).await;
        for ranked in evidence(&result) {
            let vote = match ranked.evidence.kind {
                EvidenceKind::Literature => "upvote",
                EvidenceKind::Regulatory => "downvote",
                _ => continue,
            };
            let answer = server.vote(id, ranked, vote).await;
            assert_eq!(answer.status, 201, "{}", answer.text);
        }
    }
}

/// What `/ready` says once the bucket was asked.
async fn told_of_bucket(server: &Server) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let ready = server.get("/ready").await;
        if !ready.json()["checks"]["object_store"].is_null() {
            return ready;
        }
        assert!(Instant::now() < deadline, "{}", ready.text);
        sleep(POLL).await;
    }
}

#[tokio::test]
async fn an_empty_disk_recovers_plugins_artifacts_and_recordings() {
    let bucket = Bucket::named("recovery");
    bucket.make().await;
    let url = bucket.url();
    let settings = bucket.settings(&url);
    let one = DataDir::ready();
    let server = Server::start_with(&one, &[], &settings);
    let uploaded = reranker_version("9.9.9");
    let digest = Digest::of(&uploaded);
    server.upload(RERANKER, &uploaded).await;
    let order = in_slot("reranker");
    server.moves(RERANKER, digest, "activate", &order).await;
    vote(&server).await;
    let command = |dir: &DataDir, arguments: &[&str]| {
        let ended = dir.spawn(arguments, &settings).wait(PATIENCE);
        ended.expect_success()
    };
    let trained = command(&one, &["train", "reranker", "--epochs", "2"]);
    let artifact = trained
        .lines()
        .find_map(|line| line.strip_prefix("artifact "))
        .expect("the digest of the artifact");
    command(&one, &["model", "promote", artifact]);
    server.followed().await;
    let order = json!({ "molecule": "metformin", "record": true });
    let job = server.post("/api/jobs", &order).await.job_id();
    let before = server.result_of(job).await;
    assert!(before.recording.is_some());
    assert_eq!(server.end_by("TERM", PATIENCE).code, Some(0));

    let other = another_machine(&one);
    // Without the bucket nothing serves, and it says what is missing.
    let error = other.run(&["model", "list"]).expect_failure();
    assert!(error.contains("not among the stored blobs"), "{error}");
    fs::remove_dir_all(other.path().join("blob")).expect("its blobs go again");

    let server = Server::start_with(&other, &[], &settings);
    let after = server.analyse("metformin").await;
    assert_eq!(reranked_by(&after), digest);
    assert_eq!(after.reranking, before.reranking);
    assert!(evidence(&after).eq(evidence(&before)));
    let used = after.reranking.artifact_digest.expect("it has weights");
    assert!(used.to_string().starts_with(artifact), "{used}");
    let told = command(&other, &["replay", &job.to_string()]);
    assert!(told.contains(", 0 different"), "{told}");
    let ready = told_of_bucket(&server).await;
    assert_eq!(ready.json()["checks"]["object_store"]["status"], "ok");
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_ends_the_start_by_its_name() {
    let bucket = Bucket::named("nowhere");
    let url = bucket.url();
    let dir = DataDir::empty();
    let ended = dir.spawn(&["serve", "--port", "0"], &bucket.settings(&url));
    let error = ended.wait(PATIENCE).expect_failure();
    assert!(error.contains(&bucket.name), "{error}");
    assert!(error.contains("does not exist"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}

#[tokio::test]
async fn a_bucket_that_does_not_answer_leaves_a_host_ready_and_degraded() {
    let bucket = Bucket::named("outage");
    bucket.make().await;
    let url = bucket.url();
    let dir = DataDir::ready();
    let server = Server::start_with(&dir, &[], &bucket.settings(&url));
    let before = server.analyse("aspirin").await;
    assert_eq!(server.end_by("TERM", PATIENCE).code, Some(0));

    // Nobody listens there: reserved, and never given to a program that asks for any port.
    let nowhere = bucket.by("127.0.0.1:1");
    let server = Server::start_with(&dir, &[], &nowhere.settings(&url));
    let after = server.analyse("aspirin").await;
    assert!(evidence(&after).eq(evidence(&before)));
    let ready = told_of_bucket(&server).await;
    assert_eq!(ready.status, 200, "{}", ready.text);
    let body = ready.json();
    assert_eq!(body["status"], "degraded", "{body}");
    assert_eq!(body["checks"]["object_store"]["status"], "degraded");
    let request = server
        .request(Method::POST, "/api/plugins?name=evidence-reranker")
        .header("content-type", "application/wasm")
        .body(reranker_version("9.9.9"));
    let answer = Answer::to(request).await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.json()["type"], "/problems/storage-unavailable");
    assert!(answer.header("retry-after").is_some());
    let digest = Digest::of(&reranker_version("9.9.9"));
    let path = format!("/api/plugins/{RERANKER}/versions/{digest}");
    assert_eq!(server.get(&path).await.status, 404);
}
