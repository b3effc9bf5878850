//! `GET /api/jobs/{job_id}/events`

use std::time::Duration;

use futures::StreamExt as _;
use phagen_domain::job::{JobId, Progress, Stage};
use phagen_server::http::HttpLimits;
use reqwest::{Method, Response};
use tokio::time::timeout;

use crate::common::{Answer, TestApp, finished::result, quick_limits};

const PATIENCE: Duration = Duration::from_secs(10);

async fn watch(app: &TestApp, id: JobId, last_event_id: Option<u64>) -> Response {
    let request = app.request(Method::GET, &format!("/api/jobs/{id}/events"));
    let request = match last_event_id {
        Some(seq) => request.header("last-event-id", seq),
        None => request,
    };
    request.send().await.expect("the server answers")
}

/// Reads until `wanted` has come, or to the end.
async fn read_until(response: Response, wanted: &str) -> String {
    let mut stream = response.bytes_stream();
    let mut text = String::new();
    let read = async {
        while let Some(part) = stream.next().await {
            text.push_str(std::str::from_utf8(&part.expect("the stream goes on")).expect("text"));
            if !wanted.is_empty() && text.contains(wanted) {
                break;
            }
        }
    };
    timeout(PATIENCE, read)
        .await
        .unwrap_or_else(|_| panic!("`{wanted}` never came"));
    text
}

/// `id event` of every event, in order.
fn heads(text: &str) -> Vec<String> {
    text.split("\n\n")
        .filter_map(|event| {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
            Some(format!("{} {}", field("id: ")?, field("event: ")?))
        })
        .collect()
}

async fn report(app: &TestApp, lease: &phagen_domain::job::Lease, stage: Stage) {
    let progress = Progress {
        stage,
        detail: "so far so good".into(),
    };
    app.store
        .report_progress(lease, &progress)
        .await
        .expect("the lease is held");
}

#[tokio::test]
async fn a_job_is_followed_from_queue_to_end() {
    let app = TestApp::start().await;
    let id = app.submit("aspirin").await;
    let response = watch(&app, id, None).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let work = async {
        let claimed = app.claim().await;
        report(&app, &claimed.lease, Stage::Gather).await;
        app.store
            .finish(&claimed.lease, &result("aspirin", &[]))
            .await
            .expect("the lease is held");
    };
    let (text, ()) = tokio::join!(read_until(response, ""), work);
    assert_eq!(
        heads(&text),
        ["1 queued", "2 running", "3 progress", "4 succeeded"]
    );
    let data = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .nth(2)
        .unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["job_id"], id.to_string());
    assert_eq!(data["data"]["stage"], "gather");
    assert_eq!(data["data"]["detail"], "so far so good");
    assert!(data["at"].is_string());
}

#[tokio::test]
async fn who_comes_back_misses_nothing_and_hears_nothing_twice() {
    let app = TestApp::start().await;
    let id = app.submit("aspirin").await;
    let first = read_until(watch(&app, id, None).await, "event: queued").await;
    assert_eq!(heads(&first), ["1 queued"]);
    let claimed = app.claim().await;
    report(&app, &claimed.lease, Stage::Resolve).await;
    app.store
        .finish(&claimed.lease, &result("aspirin", &[]))
        .await
        .unwrap();
    let rest = read_until(watch(&app, id, Some(1)).await, "").await;
    assert_eq!(heads(&rest), ["2 running", "3 progress", "4 succeeded"]);
}

#[tokio::test]
async fn who_waits_at_the_newest_event_gets_only_what_follows() {
    let app = TestApp::start().await;
    let id = app.submit("aspirin").await;
    let response = watch(&app, id, Some(1)).await;
    app.delete(&format!("/api/jobs/{id}")).await;
    assert_eq!(heads(&read_until(response, "").await), ["2 cancelled"]);
}

#[tokio::test]
async fn who_has_heard_the_end_is_told_to_stop_asking() {
    let app = TestApp::start().await;
    let id = app.finished(&result("aspirin", &[])).await;
    assert_eq!(watch(&app, id, Some(3)).await.status(), 204);
    assert_eq!(watch(&app, id, Some(u64::MAX)).await.status(), 204);
}

#[tokio::test]
async fn a_last_event_id_is_a_number() {
    let app = TestApp::start().await;
    let id = app.submit("aspirin").await;
    let path = format!("/api/jobs/{id}/events");
    for wrong in ["x", "-1", "1.5", "99999999999999999999999"] {
        let request = app
            .request(Method::GET, &path)
            .header("last-event-id", wrong);
        assert_eq!(
            Answer::to(request).await.problem(),
            "400 /problems/invalid-header Last-Event-ID: must be the number of an event of this job",
        );
    }
}

#[tokio::test]
async fn a_silent_stream_is_kept_open_by_comments() {
    let limits = HttpLimits {
        event_heartbeat: Duration::from_millis(50),
        ..quick_limits()
    };
    let app = TestApp::with_limits(limits).await;
    let id = app.submit("aspirin").await;
    let text = read_until(watch(&app, id, Some(1)).await, ": heartbeat\n\n: heartbeat").await;
    assert_eq!(heads(&text), [""; 0]);
}

#[tokio::test]
async fn the_heartbeat_comes_every_15_seconds_unless_told_otherwise() {
    let limits = HttpLimits::default();
    assert_eq!(limits.event_heartbeat, Duration::from_secs(15));
    assert_eq!(limits.event_poll, Duration::from_millis(250));
}

#[tokio::test]
async fn streams_are_limited_and_give_their_place_back() {
    let limits = HttpLimits {
        n_event_streams: 1,
        ..quick_limits()
    };
    let app = TestApp::with_limits(limits).await;
    let id = app.submit("aspirin").await;
    let first = watch(&app, id, None).await;
    let refused = app.get(&format!("/api/jobs/{id}/events")).await;
    assert!(
        refused
            .problem()
            .starts_with("503 /problems/too-many-streams 1 event streams are open")
    );
    assert_eq!(refused.header("retry-after"), Some("2"));
    app.delete(&format!("/api/jobs/{id}")).await;
    read_until(first, "").await;
    // The place is given back when the server drops the stream, a moment after the client sees the end.
    let freed = async {
        while app.get(&format!("/api/jobs/{id}/events")).await.status == 503 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, freed)
        .await
        .expect("the place is given back");
}

#[tokio::test]
async fn shutdown_ends_streams() {
    let app = TestApp::start().await;
    let id = app.submit("aspirin").await;
    let response = watch(&app, id, None).await;
    app.shutdown.cancel();
    assert_eq!(heads(&read_until(response, "").await), ["1 queued"]);
    app.stop().await;
}
