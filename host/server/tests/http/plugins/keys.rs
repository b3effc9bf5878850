//! Keys whose signatures count.

use serde_json::json;

use crate::common::TestApp;

const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

#[tokio::test]
async fn a_key_is_added_listed_and_revoked() {
    let app = TestApp::start().await;
    let body = json!({ "name": "ada", "public_key": KEY, "expires_at": "2099-01-01T00:00:00Z" });
    let added = app.post("/api/publisher-keys", &body).await;
    assert_eq!(added.status, 201, "{}", added.text);
    assert_eq!(added.json()["added_by"], "local");
    assert_eq!(added.json()["public_key"], KEY);
    assert_eq!(added.json()["key_id"].as_str().unwrap().len(), 16);
    let listed = app.get("/api/publisher-keys").await.json();
    assert_eq!(listed["items"], json!([added.json()]));
    let revoked = app.post("/api/publisher-keys/ada/revoke", &json!({})).await;
    assert_eq!(revoked.status, 200);
    assert!(revoked.json()["revoked_at"].is_string());
    let again = app.post("/api/publisher-keys/ada/revoke", &json!({})).await;
    assert_eq!(again.json()["revoked_at"], revoked.json()["revoked_at"]);
    let unknown = app.post("/api/publisher-keys/bob/revoke", &json!({})).await;
    assert!(
        unknown
            .problem()
            .starts_with("404 /problems/publisher-key-not-found")
    );
}

#[tokio::test]
async fn a_whole_key_file_is_taken_too() {
    let app = TestApp::start().await;
    let file = format!("untrusted comment: minisign public key\n{KEY}\n");
    let body = json!({ "name": "ada", "public_key": file });
    let added = app.post("/api/publisher-keys", &body).await;
    assert_eq!(added.json()["public_key"], KEY, "{}", added.text);
}

#[tokio::test]
async fn what_is_no_key_is_refused_by_its_field() {
    let app = TestApp::start().await;
    for (body, field) in [
        (json!({ "name": "ada", "public_key": "RWQ" }), "public_key"),
        (json!({ "name": "ada", "public_key": "" }), "public_key"),
        (json!({ "name": " ", "public_key": KEY }), "name"),
        (json!({ "name": "a/b", "public_key": KEY }), "name"),
        (json!({ "name": "a".repeat(65), "public_key": KEY }), "name"),
        (
            json!({ "name": "ada", "public_key": KEY, "expires_at": "2020-01-01T00:00:00Z" }),
            "expires_at",
        ),
    ] {
        let problem = app.post("/api/publisher-keys", &body).await.problem();
        let expected = format!("422 /problems/invalid-field {field}:");
        assert!(problem.starts_with(&expected), "{body}: {problem}");
    }
}
