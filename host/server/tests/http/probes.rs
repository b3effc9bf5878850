//! `/health`, `/ready` and `/api/plugins`, and the operations port: what operators read.

use std::time::Duration;

use insta::assert_snapshot;
use phagen_server::http::{CheckStatus, HttpLimits};
use serde_json::{Value, json};

use crate::common::{TestApp, broken::How, finished::result, quick_limits};

#[tokio::test]
async fn health_asks_nothing_of_the_database() {
    for how in [How::Fails, How::Panics, How::Hangs] {
        let app = TestApp::broken(how, quick_limits()).await;
        let answer = app.get("/health").await;
        assert_eq!(answer.status, 200, "{how:?}");
        assert_eq!(
            answer.json(),
            json!({ "status": "ok", "version": "0.0.0-test", "reasons": [] })
        );
    }
}

#[tokio::test]
async fn ready_lists_what_it_checked() {
    let app = TestApp::start().await;
    let answer = app.get("/ready").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    assert_eq!(body["status"], "ok");
    assert!(body["schema_version"].as_i64().unwrap() > 0);
    let names: Vec<&String> = body["checks"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["database", "guests"]);
    assert!(body["checks"]["database"]["latency_ms"].as_f64().unwrap() > 0.0);
    assert!(body["checks"]["database"]["since"].is_string());
}

#[tokio::test]
async fn a_degraded_part_leaves_it_ready_and_a_failed_one_does_not() {
    let app = TestApp::start().await;
    let report = |status, detail: &str| {
        app.health
            .report("guests", status, Duration::ZERO, Some(detail.to_owned()));
    };
    report(CheckStatus::Degraded, "2 of 3 compiled");
    let degraded = app.get("/ready").await;
    assert_eq!(
        (degraded.status, &degraded.json()["status"]),
        (200, &json!("degraded"))
    );
    assert_eq!(
        degraded.json()["reasons"],
        json!(["`guests`: 2 of 3 compiled"])
    );
    report(CheckStatus::Failed, "none compiled");
    let failed = app.get("/ready").await;
    assert_eq!(
        (failed.status, &failed.json()["status"]),
        (503, &json!("failed"))
    );
    assert_eq!(failed.json()["reasons"], json!(["`guests`: none compiled"]));
}

#[tokio::test]
async fn without_a_database_it_is_not_ready_and_says_so() {
    let limits = HttpLimits {
        check_timeout: Duration::from_millis(50),
        ..quick_limits()
    };
    for (how, reason) in [
        (How::Fails, "`database`: does not answer"),
        (
            How::Hangs,
            "`database`: does not answer within 0.05 seconds",
        ),
    ] {
        let app = TestApp::broken(how, limits).await;
        let answer = app.get("/ready").await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.json()["reasons"], json!([reason]));
        assert_eq!(answer.json()["schema_version"], Value::Null);
    }
}

#[tokio::test]
async fn metrics_tell_requests_by_route_template_and_the_queue() {
    let app = TestApp::start().await;
    let id = app.finished(&result("aspirin", &[])).await;
    app.submit("metformin").await;
    app.get(&format!("/api/jobs/{id}")).await;
    app.get("/nowhere/at/all").await;
    let metrics = app.watch("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    let has = |parts: &[&str]| {
        metrics
            .text
            .lines()
            .any(|line| parts.iter().all(|part| line.contains(part)))
    };
    for parts in [
        &[
            "http_server_request_duration_seconds_bucket",
            "route=\"/api/jobs/{job_id}\"",
            "method=\"GET\"",
            "status=\"200\"",
            "le=",
        ][..],
        &[
            "http_server_request_duration_seconds_count",
            "route=\"unmatched\"",
            "status=\"404\"",
        ],
        &["http_server_requests_in_flight"],
        &["phagen_queue_jobs", "state=\"queued\""],
        &["phagen_queue_oldest_due_seconds"],
        &["phagen_build_info", "version=\"0.0.0-test\""],
    ] {
        assert!(has(parts), "{parts:?} in\n{}", metrics.text);
    }
    assert!(!metrics.text.contains(&id.to_string()));
    assert!(!metrics.text.contains("/nowhere"));
}

#[tokio::test]
async fn metrics_are_served_without_a_database() {
    let app = TestApp::broken(How::Fails, quick_limits()).await;
    let metrics = app.watch("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.text.contains("phagen_queue_stats_failures_total"));
}

#[tokio::test]
async fn the_operations_port_has_the_probes_and_the_api_has_no_metrics() {
    let app = TestApp::start().await;
    for path in ["/health", "/ready"] {
        let (watched, asked) = (app.watch(path).await, app.get(path).await);
        assert_eq!((watched.status, asked.status), (200, 200), "{path}");
        assert_eq!(watched.json()["version"], asked.json()["version"]);
    }
    assert_eq!(app.get("/metrics").await.status, 404);
    assert_eq!(app.watch("/api/jobs").await.status, 404);
    app.health
        .report("guests", CheckStatus::Failed, Duration::ZERO, None);
    assert_eq!(app.watch("/ready").await.status, 503);
    assert_eq!(app.watch("/health").await.status, 200);
    let metrics = app.watch("/metrics").await.text;
    for line in [
        "phagen_check_status{check=\"guests\"} 0",
        "phagen_check_status{check=\"database\"} 1",
        "phagen_database_connections_max{pool=\"writer\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn an_older_schema_is_not_ready_and_a_newer_one_is_on_its_way_out() {
    for (schema, status, reason) in [
        (
            0,
            503,
            "`database`: its schema is 0, and this binary needs 1: run `phagen migrate`",
        ),
        (
            2,
            200,
            "`database`: its schema is 2, and this binary knows 1: upgrade this process",
        ),
    ] {
        let app = TestApp::broken(How::HasSchema(schema), quick_limits()).await;
        let ready = app.get("/ready").await;
        assert_eq!(ready.status, status, "{}", ready.text);
        assert_eq!(ready.json()["reasons"], json!([reason]));
        assert_eq!(ready.json()["schema_version"], schema);
    }
}

#[tokio::test]
async fn plugins_tell_what_serves_where() {
    let app = TestApp::start().await;
    let body = app.get("/api/plugins").await.json();
    let items = body["items"].as_array().unwrap();
    let names: Vec<&str> = items
        .iter()
        .map(|slot| slot["slot"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "clinical",
            "literature",
            "market",
            "patent",
            "regulatory",
            "mapper",
            "reranker"
        ]
    );
    let shown = serde_json::to_string_pretty(&items[6]).unwrap();
    assert_snapshot!(shown, @r#"
    {
      "artifact_digest": "3edc5c4a5df8c79ef4f8dbdc373cd21ca041ccf39fe5693250d004092094dc4a",
      "candidate": null,
      "config": [],
      "generation": 1,
      "grants": {
        "artifact": true,
        "corpus": false,
        "http": []
      },
      "place": 0,
      "plugin": "evidence-reranker",
      "plugin_digest": "9297d15041d1c40aa514af0014d49a26c2778cc2569970020f9add2efbbfde60",
      "previous": null,
      "slot": "reranker",
      "world": "reranker"
    }
    "#);
    assert_eq!(
        items[0]["config"],
        json!([{ "key": "kind", "value": "clinical" }])
    );
    assert_eq!(
        items[0]["grants"],
        json!({ "corpus": true, "artifact": false, "http": [] })
    );
}
