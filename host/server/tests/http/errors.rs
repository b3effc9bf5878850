//! What every answer has, and every way to fail.

use std::time::Duration;

use insta::assert_snapshot;
use phagen_server::http::HttpLimits;
use reqwest::Method;
use serde_json::json;

use crate::common::{
    Answer, TestApp,
    broken::{How, SECRET},
    quick_limits,
};

#[tokio::test]
async fn an_unknown_route_is_a_problem() {
    let app = TestApp::start().await;
    assert_snapshot!(app.get("/api/job").await.problem(), @"404 /problems/route-not-found nothing is served at `/api/job`; `/api/openapi.json` lists what is");
    assert_snapshot!(app.post("/", &json!({})).await.problem(), @"404 /problems/route-not-found nothing is served at `/`; `/api/openapi.json` lists what is");
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_that_names_the_right_ones() {
    let app = TestApp::start().await;
    let answer = Answer::to(app.request(Method::PUT, "/api/jobs")).await;
    assert_snapshot!(answer.problem(), @"405 /problems/method-not-allowed `/api/jobs` does not answer PUT; the `Allow` header lists what it does");
    let mut allowed: Vec<&str> = answer
        .header("allow")
        .unwrap()
        .split(',')
        .map(str::trim)
        .collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
}

#[tokio::test]
async fn a_request_id_is_echoed_or_made() {
    let app = TestApp::start().await;
    let with = async |id: &str| {
        let request = app
            .request(Method::GET, "/api/jobs")
            .header("x-request-id", id);
        Answer::to(request)
            .await
            .header("x-request-id")
            .unwrap()
            .to_owned()
    };
    assert_eq!(with("trace-42").await, "trace-42");
    assert_ne!(with("{evil}").await, "{evil}");
    let (one, other) = (app.get("/health").await, app.get("/health").await);
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
    let problem = Answer::to(
        app.request(Method::GET, "/nowhere")
            .header("x-request-id", "trace-43"),
    )
    .await;
    assert_eq!(problem.json()["request_id"], "trace-43");
}

#[tokio::test]
async fn every_answer_carries_the_modest_headers() {
    let app = TestApp::start().await;
    for path in ["/api/jobs", "/nowhere", "/health", "/api/openapi.json"] {
        let answer = app.get(path).await;
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(
            answer.header("referrer-policy"),
            Some("no-referrer"),
            "{path}"
        );
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
}

#[tokio::test]
async fn a_database_that_fails_is_503_and_keeps_its_words() {
    let app = TestApp::broken(How::Fails, quick_limits()).await;
    let id = "0193a1b2-7c00-7000-8000-000000000000";
    for path in [
        "/api/jobs",
        "/api/plugins",
        "/api/feedback/stats",
        &format!("/api/jobs/{id}/events"),
    ] {
        let answer = app.get(path).await;
        assert_eq!(
            answer.problem(),
            "503 /problems/unavailable the database did not answer; try again soon",
            "{path}"
        );
        assert_eq!(answer.header("retry-after"), Some("2"));
        assert!(!answer.text.contains(SECRET));
    }
}

#[tokio::test]
async fn a_panic_is_500_and_the_server_goes_on() {
    let app = TestApp::broken(How::Panics, quick_limits()).await;
    let answer = app.get("/api/jobs").await;
    assert_snapshot!(answer.problem(), @"500 /problems/internal the server failed; its log names the cause under this request id");
    assert!(!answer.text.contains(SECRET));
    assert_eq!(app.get("/health").await.status, 200);
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_given_up() {
    let limits = HttpLimits {
        request_timeout: Duration::from_millis(50),
        ..quick_limits()
    };
    let app = TestApp::broken(How::Hangs, limits).await;
    assert_snapshot!(app.get("/api/jobs").await.problem(), @"503 /problems/timeout no answer within 0.05 seconds; try again soon");
}

#[tokio::test]
async fn shutdown_ends_serving_and_readiness_first() {
    let app = TestApp::start().await;
    let id = app.submit("aspirin").await;
    let stream = app
        .request(Method::GET, &format!("/api/jobs/{id}/events"))
        .send()
        .await
        .unwrap();
    let address = app.address;
    app.stop().await;
    drop(stream);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
