//! `POST /api/jobs`

use std::time::Duration;

use insta::assert_snapshot;
use phagen_domain::job::{JobRequest, JobState};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::common::{Answer, TestApp, quick_limits};

async fn submit_with_key(app: &TestApp, key: &str, body: &Value) -> Answer {
    let request = app
        .request(Method::POST, "/api/jobs")
        .header("idempotency-key", key);
    Answer::to(request.json(body)).await
}

#[tokio::test]
async fn a_molecule_becomes_a_queued_job_with_an_address() {
    let app = TestApp::start().await;
    let answer = app
        .post("/api/jobs", &json!({ "molecule": "metformin" }))
        .await;
    assert_snapshot!(answer.snapshot(), @r#"
    202
    {
      "job_id": "[id]",
      "links": {
        "events": "/api/jobs/[id]/events",
        "self": "/api/jobs/[id]"
      },
      "molecule": "metformin",
      "status": "queued"
    }
    "#);
    let location = format!("/api/jobs/{}", answer.job_id());
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("deprecation"), None);
    assert_eq!(app.get(&location).await.status, 200);
}

#[tokio::test]
async fn the_request_is_stored_as_it_was_understood() {
    let limits = phagen_server::http::HttpLimits {
        max_attempts: 7,
        ..quick_limits()
    };
    let app = TestApp::with_limits(limits).await;
    let body = json!({
        "molecule": "  aspirin ",
        "smiles": "CC(=O)OC1=CC=CC=C1C(=O)O",
        "synonyms": ["acetylsalicylic acid", " ASA"],
        "sources": ["literature", "clinical", "literature"],
        "limit": 100
    });
    let id = app.post("/api/jobs", &body).await.job_id();
    let job = app.store.find_job(id).await.unwrap().unwrap();
    let slots = ["literature", "clinical"].map(|name| name.parse().unwrap());
    let understood = JobRequest {
        molecule: "aspirin".into(),
        smiles: Some("CC(=O)OC1=CC=CC=C1C(=O)O".into()),
        synonyms: vec!["acetylsalicylic acid".into(), "ASA".into()],
        sources: Some(slots.to_vec()),
        limit: 100,
        record: false,
    };
    assert_eq!(job.request, understood);
    assert_eq!(job.max_attempts, 7);
    assert!(matches!(job.state, JobState::Queued { .. }));
}

#[tokio::test]
async fn null_means_left_out() {
    let app = TestApp::start().await;
    let body = json!({ "molecule": "aspirin", "smiles": null, "synonyms": null, "sources": null, "limit": null });
    let id = app.post("/api/jobs", &body).await.job_id();
    let request = app.store.find_job(id).await.unwrap().unwrap().request;
    assert_eq!(
        (request.limit, request.sources),
        (JobRequest::DEFAULT_LIMIT, None)
    );
}

#[tokio::test]
async fn a_worker_is_woken_by_a_new_job() {
    let app = TestApp::start().await;
    app.submit("aspirin").await;
    let woken = timeout(Duration::from_secs(5), app.wake.notified()).await;
    assert!(woken.is_ok());
}

#[tokio::test]
async fn a_repeated_key_answers_the_same_job() {
    let app = TestApp::start().await;
    let first = submit_with_key(&app, "k-1", &json!({ "molecule": "aspirin" })).await;
    assert_eq!(first.header("idempotent-replayed"), None);
    app.claim().await;
    // Another spelling of the same request.
    let again = submit_with_key(&app, "k-1", &json!({ "limit": 20, "molecule": "aspirin " })).await;
    assert_eq!(again.status, 202);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.job_id(), first.job_id());
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.json()["status"], "running");
    let other = submit_with_key(&app, "k-2", &json!({ "molecule": "aspirin" })).await;
    assert_ne!(other.job_id(), first.job_id());
}

#[tokio::test]
async fn many_requests_with_one_key_make_one_job() {
    let app = TestApp::start().await;
    let body = json!({ "molecule": "aspirin" });
    let answers =
        futures::future::join_all((0..16).map(|_| submit_with_key(&app, "race", &body))).await;
    let n_new = answers
        .iter()
        .filter(|answer| answer.header("idempotent-replayed").is_none())
        .count();
    assert_eq!(n_new, 1);
    assert!(
        answers
            .iter()
            .all(|answer| answer.job_id() == answers[0].job_id())
    );
    let items = app.get("/api/jobs").await.json()["items"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(items, 1);
}

#[tokio::test]
async fn a_key_stands_for_one_request_only() {
    let app = TestApp::start().await;
    submit_with_key(&app, "k-1", &json!({ "molecule": "aspirin" })).await;
    let other = submit_with_key(&app, "k-1", &json!({ "molecule": "metformin" })).await;
    assert_snapshot!(other.problem(), @"422 /problems/idempotency-key-reused the key was used with another body; use a new key for a new request");
}

#[tokio::test]
async fn a_key_has_1_to_255_visible_characters() {
    let app = TestApp::start().await;
    let body = json!({ "molecule": "aspirin" });
    assert_eq!(
        submit_with_key(&app, &"k".repeat(255), &body).await.status,
        202
    );
    for key in ["", "two words", &"k".repeat(256)] {
        let refused = submit_with_key(&app, key, &body).await;
        assert_eq!(
            refused.problem(),
            "400 /problems/invalid-header Idempotency-Key: must have 1 to 255 visible ASCII characters",
            "{key}"
        );
    }
    let twice = app
        .request(Method::POST, "/api/jobs")
        .header("idempotency-key", "a")
        .header("idempotency-key", "b")
        .json(&body);
    assert_eq!(
        Answer::to(twice).await.problem(),
        "400 /problems/invalid-header Idempotency-Key: is given more than once"
    );
}
