//! A recorded job runs again to the bit.

use axum::{Json, Router, routing};
use phagen_domain::{
    digest::Digest,
    job::JobId,
    plugin::{Grant, HttpGrant},
};
use phagen_package::{Package, embed};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{data_dir::DataDir, plugin::guest, server::Server};

const SECRET: &str = "s3cr3t-value-of-the-operator";

async fn recorded(server: &Server) -> JobId {
    let answer = server
        .post(
            "/api/jobs",
            &json!({ "molecule": "metformin", "record": true }),
        )
        .await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.job_id()
}

#[tokio::test]
async fn a_recorded_job_replays_to_the_same_bits() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    // Also when every answer is in the cache: a recorded job makes its calls.
    server.analyse("metformin").await;
    let job = recorded(&server).await;
    assert!(server.result_of(job).await.recording.is_some());
    let told = dir.run(&["replay", &job.to_string()]).expect_success();
    assert!(told.contains("7 calls replayed, 0 different"), "{told}");
}

/// Somebody else's web server, until it is shut down.
async fn evidence_server() -> (String, JoinSet<()>) {
    async fn search() -> Json<Value> {
        Json(json!({ "items": [{
            "id": "PMID:99999991", "kind": "literature", "title": "Metformin and asthma",
            "text": "Metformin did well in asthma.", "date": "2020-01-01",
        }] }))
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().route("/search", routing::get(search));
    let serve = async move { axum::serve(listener, router).await.expect("a server") };
    (origin, JoinSet::from_iter([serve]))
}

/// The example source, which asks for a place that is known only now.
fn web_source(origin: &str) -> (Vec<u8>, Grant) {
    let built = guest("web_source");
    let mut manifest = Package::read(&built).expect("a package").manifest;
    let manifest = manifest.as_mut().expect("a manifest");
    manifest.grant.http = vec![HttpGrant {
        origin: origin.parse().expect("an origin"),
        methods: vec!["GET".to_owned()],
        path: "/search".to_owned(),
        secrets: vec!["api_key".to_owned()],
        private_addresses: false,
    }];
    let mut granted = manifest.grant.clone();
    granted.http[0].private_addresses = true;
    let component = embed(&built, manifest, None, None).expect("a package");
    (component, granted)
}

#[tokio::test]
async fn what_a_source_fetched_replays_without_the_network() {
    let dir = DataDir::ready();
    let server = Server::start_with(&dir, &[], &[("PHAGEN_SECRET__API_KEY", SECRET)]);
    let (origin, mut elsewhere) = evidence_server().await;
    let (component, grant) = web_source(&origin);
    let version = server.upload("web-source", &component).await;
    assert_eq!(version["state"], "checked", "{version}");
    let order = json!({
        "slot": "web",
        "reason": "a test of what goes out",
        "config": [{ "key": "base_url", "value": origin }],
        "grant": grant,
    });
    server
        .moves("web-source", Digest::of(&component), "activate", &order)
        .await;

    let job = recorded(&server).await;
    let result = server.result_of(job).await;
    let text = serde_json::to_string(&result).expect("JSON");
    assert!(text.contains("PMID:99999991"), "{text}");
    elsewhere.shutdown().await;

    // In a process that knows neither the server nor the secret.
    let told = dir.run(&["replay", &job.to_string()]).expect_success();
    assert!(told.contains("8 calls replayed, 0 different"), "{told}");
    let web = told.lines().find(|line| line.starts_with("web "));
    assert!(
        web.is_some_and(|line| line.ends_with("same bits")),
        "{told}"
    );
}

#[tokio::test]
async fn a_job_that_was_not_recorded_says_how_to_record_it() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    let job = server.submit("metformin").await;
    server.result_of(job).await;
    let told = dir.run(&["replay", &job.to_string()]).expect_failure();
    assert!(told.contains("was not recorded"), "{told}");
}
