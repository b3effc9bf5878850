//! Who may change plugins.

use phagen_server::config::Operators;
use reqwest::Method;
use serde_json::json;

use super::{guest, pass_gates, reranker};
use crate::common::{Answer, Rules, TestApp};

async fn with_operators() -> TestApp {
    TestApp::with(Rules {
        operators: Operators::default()
            .with("ada", "k-ada")
            .with("bob", "k-bob"),
        ..Rules::default()
    })
    .await
}

/// Every route that changes something.
const CHANGES: [&str; 11] = [
    "/api/plugins",
    "/api/plugins/ranker/versions/{digest}/activate",
    "/api/plugins/ranker/versions/{digest}/shadow",
    "/api/plugins/ranker/versions/{digest}/canary",
    "/api/plugins/ranker/versions/{digest}/promote",
    "/api/plugins/ranker/versions/{digest}/rollback",
    "/api/plugins/ranker/versions/{digest}/quarantine",
    "/api/plugins/ranker/versions/{digest}/retire",
    "/api/slots/reranker/grant",
    "/api/publisher-keys",
    "/api/publisher-keys/ada/revoke",
];

#[tokio::test]
async fn every_change_needs_a_key_where_there_are_operators() {
    let app = with_operators().await;
    let digest = "a".repeat(64);
    for path in CHANGES {
        let path = path.replace("{digest}", &digest);
        for key in [None, Some("wrong"), Some("")] {
            let mut request = app.request(Method::POST, &path).json(&json!({}));
            if let Some(key) = key {
                request = request.header("authorization", format!("Bearer {key}"));
            }
            let answer = Answer::to(request).await;
            let problem = answer.problem();
            assert!(
                problem.starts_with("401 /problems/not-authorized"),
                "{path}: {problem}"
            );
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(challenge.starts_with("Bearer"), "{challenge}");
            assert!(!answer.text.contains("wrong"), "a key is not repeated");
        }
    }
    assert!(app.store.list_versions().await.unwrap().is_empty());
}

#[tokio::test]
async fn every_change_of_the_document_is_in_the_list_above() {
    let document = serde_json::to_value(phagen_server::http::openapi()).unwrap();
    let mut changes: Vec<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, item)| item["post"]["tags"][0] == "plugins")
        .map(|(path, _)| path.replace("{slot}", "reranker"))
        .map(|path| path.replace("plugins/{name}", "plugins/ranker"))
        .map(|path| path.replace("{name}", "ada"))
        .collect();
    changes.sort();
    let mut listed = CHANGES.map(str::to_owned).to_vec();
    listed.sort();
    assert_eq!(changes, listed);
}

#[tokio::test]
async fn reading_needs_no_key() {
    let app = with_operators().await;
    for path in ["/api/plugins", "/api/activations", "/api/publisher-keys"] {
        assert_eq!(app.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_holder_of_the_key_stands_in_the_record() {
    let app = with_operators().await;
    let upload = app
        .request(Method::POST, "/api/plugins?name=ranker")
        .bearer_auth("k-ada")
        .header("content-type", "application/wasm")
        .body(guest("unruly_reranker"));
    let version = Answer::to(upload).await.json();
    assert_eq!(version["uploaded_by"], "ada");
    let stored = super::Stored {
        name: "ranker".to_owned(),
        digest: version["digest"].as_str().unwrap().parse().unwrap(),
    };
    pass_gates(&app, &stored).await;
    let activate = app
        .request(Method::POST, &format!("{}/activate", stored.path()))
        .bearer_auth("k-bob")
        .json(&json!({ "slot": "reranker" }));
    let moved = Answer::to(activate).await.json();
    assert_eq!(moved["event"]["actor"], "bob");
}

#[tokio::test]
async fn without_operators_only_names_of_this_machine_are_answered() {
    let app = TestApp::start().await;
    let stored = reranker(&app, "a").await;
    let request = |host: &str| {
        app.request(Method::POST, &format!("{}/activate", stored.path()))
            .header("host", host)
            .json(&json!({ "slot": "reranker" }))
    };
    // A page whose name was made to resolve to this machine.
    let foreign = Answer::to(request("rebound.example")).await;
    assert!(foreign.problem().starts_with("403 /problems/not-local"));
    let port = app.address.port();
    let own = Answer::to(request(&format!("localhost:{port}"))).await;
    assert_eq!(own.status, 200, "{}", own.text);
}
