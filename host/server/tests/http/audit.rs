//! The record of changes, as operators read it.

use serde_json::json;

use crate::common::TestApp;

const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

#[tokio::test]
async fn changes_are_listed_in_order_and_in_pages() {
    let app = TestApp::start().await;
    let seeded = app.get("/api/audit").await.json();
    let n_seeded = seeded["items"].as_array().unwrap().len();
    assert_eq!(n_seeded, 7, "the slots of the tests");
    let body = json!({ "name": "ada", "public_key": KEY });
    assert_eq!(app.post("/api/publisher-keys", &body).await.status, 201);
    let revoke = app.post("/api/publisher-keys/ada/revoke", &json!({})).await;
    assert_eq!(revoke.status, 200);
    let first = app.get("/api/audit?after=7&limit=1").await.json();
    assert_eq!(first["next_after"], 8);
    let second = app.get("/api/audit?after=8&limit=1").await.json();
    assert_eq!(second["next_after"], json!(null));
    let [first, second] = [&first["items"][0], &second["items"][0]];
    assert_eq!(
        [&first["action"], &first["subject"], &first["actor"]],
        [&json!("publisher.add"), &json!("ada"), &json!("local")]
    );
    assert_eq!(second["action"], "publisher.revoke");
    assert_eq!(second["previous"], first["hash"]);
    for (query, field) in [
        ("limit=0", "limit"),
        ("after=x", "after"),
        ("slot=a", "slot"),
    ] {
        let problem = app.get(&format!("/api/audit?{query}")).await.problem();
        let expected = format!("400 /problems/invalid-parameter {field}:");
        assert!(problem.starts_with(&expected), "{problem}");
    }
}
