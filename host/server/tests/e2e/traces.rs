//! One trace from a request through the job's row to the worker and into its plugins, as a collector
//! gets it; and what happens where there is none.

use std::fmt::Write as _;

use phagen_domain::job::JobId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    collector::{Collector, Received},
    data_dir::DataDir,
    process::PATIENCE,
    server::Server,
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
const SECRET: &str = "s3cret-of-the-collector";
const JSON: (&str, &str) = ("PHAGEN_LOG__FORMAT", "json");
const QUICK: (&str, &str) = ("OTEL_BSP_SCHEDULE_DELAY", "50");

/// Asks with a trace of the caller's.
async fn submit_traced(server: &Server) -> JobId {
    let request = server
        .request(Method::POST, "/api/jobs")
        .header("traceparent", format!("00-{TRACE}-{CALLER}-01"))
        .json(&json!({ "molecule": "cisplatin" }));
    let answer = Answer::to(request).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.job_id()
}

fn hex(bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in bytes {
        write!(digits, "{byte:02x}").expect("text grows");
    }
    digits
}

/// Request, attempt and calls of the caller's trace, each part of the one before.
#[track_caller]
fn assert_is_one_trace(received: &[Received], api: &str, worker: &str) {
    let ours: Vec<&Received> = received
        .iter()
        .filter(|received| hex(&received.span.trace_id) == TRACE)
        .collect();
    let named = |name: &str| {
        let spans = ours.iter().filter(|received| received.span.name == name);
        spans.copied().collect::<Vec<_>>()
    };
    let [request] = named("POST /api/jobs")[..] else {
        panic!("not one request in {received:?}")
    };
    assert_eq!(hex(&request.span.parent_span_id), CALLER);
    assert_eq!(request.service, api);
    assert_eq!(request.span.kind, 2, "a server's");
    assert_eq!(request.attribute("http.response.status_code"), "202");
    let [job] = named("job")[..] else {
        panic!("not one attempt in {received:?}")
    };
    assert_eq!(job.span.parent_span_id, request.span.span_id);
    assert_eq!(job.service, worker);
    assert_eq!(job.attribute("outcome"), "succeeded");
    let calls = named("plugin_call");
    for (slot, plugin, call) in [
        ("clinical", "corpus-source", "search"),
        ("literature", "corpus-source", "search"),
        ("mapper", "mesh-mapper", "find"),
        ("reranker", "evidence-reranker", "rerank"),
    ] {
        let made: Vec<_> = calls
            .iter()
            .filter(|received| received.attribute("slot") == slot)
            .collect();
        assert!(!made.is_empty(), "no call of {slot} in {calls:?}");
        for received in made {
            assert_eq!(received.span.parent_span_id, job.span.span_id, "{slot}");
            assert_eq!(received.attribute("plugin"), plugin);
            assert_eq!(received.attribute("call"), call);
            assert_eq!(received.attribute("outcome"), "ok");
            assert!(!received.attribute("version").is_empty());
            assert!(received.attribute("digest").len() >= 8);
        }
    }
    let n_others = ours.len() - calls.len() - 2;
    assert_eq!(n_others, 0, "{ours:?}");
}

/// The log, line by line, each an object.
fn lines(log: &str) -> Vec<Value> {
    log.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Whether a line that says `words` names the caller's trace.
fn is_traced(log: &str, words: &str) -> bool {
    let lines = lines(log);
    let mut said = lines.iter().filter(|line| {
        let message = line["fields"]["message"].as_str().unwrap_or_default();
        message.contains(words)
    });
    said.any(|line| line["span"]["trace_id"] == TRACE)
}

// The collector answers while this thread waits for a process to end.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_part_of_the_trace_of_its_request() {
    let collector = Collector::start().await;
    let dir = DataDir::ready();
    let endpoint = collector.endpoint();
    let headers = format!("authorization=Bearer%20{SECRET}");
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", headers.as_str()),
        // What the log shows and what is traced are two things.
        ("PHAGEN_LOG__FILTER", "warn,phagen_server=info"),
        JSON,
        QUICK,
    ];
    let server = Server::start_with(&dir, &[], &settings);
    let id = submit_traced(&server).await;
    server.result_of(id).await;
    server.get("/health").await;
    let scraped = server.watch("/metrics").await.text;
    let ended = server.end_by("TERM", PATIENCE);
    assert_eq!(ended.code, Some(0), "{ended:?}");

    let received = collector.received();
    assert_is_one_trace(&received, "phagen", "phagen");
    for received in &received {
        assert_eq!(received.authorization, format!("Bearer {SECRET}"));
        let route = received.attribute("route");
        assert_ne!(route, "/health", "probes are not traced");
    }
    assert!(
        is_traced(&ended.stderr, "POST /api/jobs answered 202"),
        "{ended:?}"
    );
    assert!(is_traced(&ended.stderr, "succeeded"), "{ended:?}");
    let spans: Vec<_> = received.iter().map(|received| &received.span).collect();
    for text in [
        &ended.stdout,
        &ended.stderr,
        &scraped,
        &format!("{spans:?}"),
    ] {
        assert!(!text.contains(SECRET), "{text}");
    }
}

// The collector answers while this thread waits for a process to end.
#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_on_in_another_process() {
    let collector = Collector::start().await;
    let dir = DataDir::ready();
    let endpoint = format!("{}/v1/traces", collector.endpoint());
    let settings = |service| {
        [
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint.as_str()),
            ("OTEL_SERVICE_NAME", service),
            QUICK,
        ]
    };
    let server = Server::start_with(&dir, &["--workers", "0"], &settings("phagen-api"));
    let worker = dir.spawn(&["worker"], &settings("phagen-worker"));
    let id = submit_traced(&server).await;
    server.result_of(id).await;
    worker.signal("TERM");
    worker.wait(PATIENCE).expect_success();
    server.end_by("TERM", PATIENCE).expect_success();
    assert_is_one_trace(&collector.received(), "phagen-api", "phagen-worker");
}

// The collector answers while this thread waits for a process to end.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_down_costs_one_warning() {
    // Taken, and nobody listens there.
    let taken = tokio::net::TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let endpoint = format!("http://ada:{SECRET}@{}", taken.local_addr().unwrap());
    let dir = DataDir::ready();
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), QUICK];
    let server = Server::start_with(&dir, &[], &settings);
    for _ in 0..3 {
        server.analyse("cisplatin").await;
    }
    let ended = server.end_by("TERM", PATIENCE);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let warnings = ended.stderr.matches("traces do not reach the collector");
    assert_eq!(warnings.count(), 1, "{ended:?}");
    assert!(!ended.stderr.contains(SECRET), "{ended:?}");
}

// The collector answers while this thread waits for a process to end.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_collector_logs_still_tell_the_callers_trace() {
    let collector = Collector::start().await;
    let dir = DataDir::ready();
    let endpoint = collector.endpoint();
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_SDK_DISABLED", "true"),
        JSON,
    ];
    let server = Server::start_with(&dir, &[], &settings);
    let id = submit_traced(&server).await;
    server.result_of(id).await;
    let ended = server.end_by("TERM", PATIENCE);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        is_traced(&ended.stderr, "POST /api/jobs answered 202"),
        "{ended:?}"
    );
    assert!(is_traced(&ended.stderr, "succeeded"), "{ended:?}");
    assert!(collector.received().is_empty());
}
