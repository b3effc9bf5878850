//! A start with other settings than before is told to the record of changes, and no secret with it.

use serde_json::Value;

use crate::{data_dir::DataDir, process::PATIENCE, server::Server};

const TOKEN: &str = "PHAGEN_SECRET__TOKEN";

/// Starts and ends a server, and gives what the record says of settings then.
async fn rows_after(dir: &DataDir, settings: &[(&str, &str)]) -> Vec<Value> {
    let server = Server::start_with(dir, &["--workers", "0"], settings);
    let page = server.get("/api/audit?limit=1000").await.json();
    server.end_by("TERM", PATIENCE).expect_success();
    let items = page["items"].as_array().expect("rows");
    items
        .iter()
        .filter(|row| row["action"] == "setting.change")
        .cloned()
        .collect()
}

/// What the last of the rows tells of.
fn changed(rows: &[Value]) -> Value {
    let last = rows.last().expect("a row");
    let detail = last["detail"].as_str().expect("what changed");
    let mut detail: Value = serde_json::from_str(detail).expect("JSON");
    detail["changed"].take()
}

#[tokio::test]
async fn a_start_with_other_settings_is_recorded_without_their_secrets() {
    let dir = DataDir::ready();
    let first = [("PHAGEN_RETENTION__FAILED_DAYS", "3"), (TOKEN, "s3cret-1")];
    let rows = rows_after(&dir, &first).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["actor"], "host");
    let subject = rows[0]["subject"].as_str().expect("whose");
    assert!(subject.starts_with("serve on "), "{subject}");
    assert_eq!(changed(&rows)["retention.failed_days"]["to"], 3);

    assert_eq!(rows_after(&dir, &first).await.len(), 1, "nothing changed");

    let next = [("PHAGEN_RETENTION__FAILED_DAYS", "4"), (TOKEN, "s3cret-2")];
    let rows = rows_after(&dir, &next).await;
    assert_eq!(rows.len(), 2);
    let changed = changed(&rows);
    let days = serde_json::json!({ "from": 3, "to": 4 });
    assert_eq!(changed["retention.failed_days"], days);
    let names: Vec<&String> = changed.as_object().expect("names").keys().collect();
    assert_eq!(names, ["retention.failed_days", "secret.token"]);
    assert_ne!(
        changed["secret.token"]["from"],
        changed["secret.token"]["to"]
    );
    assert!(!format!("{rows:?}").contains("s3cret"));
    dir.run(&["audit", "verify"]).expect_success();
}
