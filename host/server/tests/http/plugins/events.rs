//! The record of moves, and what else is only read: hosts, worlds, guests' lines.

use insta::assert_snapshot;
use phagen_store::HostReport;
use serde_json::json;

use super::{activate, post, reranker};
use crate::common::{TestApp, noon};

#[tokio::test]
async fn the_record_says_who_moved_what_and_why() {
    let app = TestApp::start().await;
    let stored = reranker(&app, "a").await;
    activate(&app, &stored, "reranker").await;
    let body = json!({ "slot": "reranker", "reason": "too slow" });
    post(&app, &stored, "rollback", body).await;
    let path = format!("/api/activations?digest={}", stored.digest.short());
    let page = app.get(&path).await.json();
    let told: Vec<String> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            format!(
                "{} {} {} {} {}",
                event["actor"], event["verb"], event["state"], event["slot"], event["reason"]
            )
            .replace('"', "")
        })
        .collect();
    assert_snapshot!(told.join("\n"), @"
    local upload uploaded null null
    host verify verified null by hand
    host compile compiled null by hand
    host check checked null by hand
    local activate active reranker null
    local rollback draining reranker too slow
    ");
}

#[tokio::test]
async fn the_record_is_read_in_pages() {
    let app = TestApp::start().await;
    let stored = reranker(&app, "a").await;
    activate(&app, &stored, "reranker").await;
    let all = app.get("/api/activations").await.json();
    assert_eq!(all["next_after"], json!(null));
    let (mut read, mut after) = (Vec::new(), 0);
    loop {
        let page = app
            .get(&format!("/api/activations?limit=2&after={after}"))
            .await
            .json();
        read.extend(page["items"].as_array().unwrap().clone());
        match page["next_after"].as_u64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(json!(read), all["items"]);
    let of_slot = app.get("/api/activations?slot=mapper").await.json();
    assert_eq!(of_slot["items"].as_array().unwrap().len(), 1);
    assert_eq!(of_slot["items"][0]["verb"], "seed");
}

#[tokio::test]
async fn a_filter_that_cannot_be_right_is_refused() {
    let app = TestApp::start().await;
    for (query, problem) in [
        (
            "limit=0",
            "400 /problems/invalid-parameter limit: `0` is not a whole number from 1 to 1000",
        ),
        (
            "limit=1001",
            "400 /problems/invalid-parameter limit: `1001` is not a whole number from 1 to 1000",
        ),
        (
            "after=-1",
            "400 /problems/invalid-parameter after: `-1` is not the number of an event",
        ),
        (
            "slot=A",
            "400 /problems/invalid-parameter slot: `A` is not a slot name",
        ),
        (
            "digest=aaaaaaaa",
            "404 /problems/version-not-found no version `aaaaaaaa` is stored",
        ),
    ] {
        let answer = app.get(&format!("/api/activations?{query}")).await;
        assert_eq!(answer.problem(), problem);
    }
}

#[tokio::test]
async fn hosts_say_what_they_serve() {
    let app = TestApp::start().await;
    let stored = reranker(&app, "a").await;
    let seq = activate(&app, &stored, "reranker").await.json()["event"]["seq"].clone();
    let report = HostReport {
        host: "h-1".to_owned(),
        set_generation: seq.as_u64().unwrap(),
        draining: vec![stored.digest],
        seen_at: noon(),
    };
    app.store.report_host(&report).await.unwrap();
    let listed = app.get("/api/plugins").await.json();
    assert_eq!(listed["hosts"][0]["host"], "h-1");
    assert_eq!(
        listed["hosts"][0]["set_generation"],
        listed["set_generation"]
    );
    assert_eq!(listed["hosts"][0]["draining"][0], stored.digest.to_string());
}

#[tokio::test]
async fn the_worlds_of_the_host_are_told() {
    let app = TestApp::start().await;
    let worlds = app.get("/api/host/worlds").await.json();
    assert_eq!(worlds["wasmtime"], phagen_plugin::WASMTIME_VERSION);
    assert_eq!(worlds["contracts"], json!(phagen_plugin::CONTRACTS));
    let names: Vec<&str> = worlds["worlds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|world| world["world"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["source", "mapper", "reranker"]);
    let exports = worlds["worlds"][2]["exports"].to_string();
    assert!(
        exports.contains("phagen:plugin/reranking@0.1.0"),
        "{exports}"
    );
}

#[tokio::test]
async fn guests_lines_are_read_on_from_where_one_was() {
    let app = TestApp::start().await;
    let (old, new) = (reranker(&app, "a").await, reranker(&app, "b").await);
    for (seq, line) in [(1, "one"), (2, "two"), (3, "three")] {
        app.said.say(old.digest, seq, line);
    }
    app.said.say(new.digest, 1, "another's");
    activate(&app, &old, "reranker").await;
    // The one that serves, not the newest.
    let page = app.get("/api/plugins/ranker/logs?after=1").await.json();
    assert_eq!(page["digest"], old.digest.to_string());
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    assert_eq!(page["items"][0]["line"], "two");
    assert_eq!(page["next_after"], 3);
    let rest = app.get("/api/plugins/ranker/logs?after=3").await.json();
    assert_eq!(
        (&rest["items"], &rest["next_after"]),
        (&json!([]), &json!(3))
    );
    let path = format!("/api/plugins/ranker/logs?digest={}", new.digest.short());
    assert_eq!(app.get(&path).await.json()["items"][0]["line"], "another's");
    assert_eq!(app.get("/api/plugins/nobody/logs").await.status, 404);
}
