//! Which job goes first, whose it is, and how many of one key may wait.

use phagen_domain::job::Priority;
use phagen_server::{config::Operators, http::HttpLimits};
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Answer, Rules, TestApp, quick_limits};

async fn with_two_keys(limits: HttpLimits) -> TestApp {
    TestApp::with(Rules {
        limits,
        operators: Operators::default()
            .with("ada", "k-ada")
            .with("bob", "k-bob"),
        ..Rules::default()
    })
    .await
}

async fn submitted(app: &TestApp, key: Option<&str>, body: &Value) -> Answer {
    let mut request = app.request(Method::POST, "/api/jobs").json(body);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    Answer::to(request).await
}

#[tokio::test]
async fn a_job_has_the_priority_that_was_asked_for() {
    let app = TestApp::start().await;
    let bulk = json!({ "molecule": "aspirin", "priority": 4 });
    let bulk = app.post("/api/jobs", &bulk).await.job_id();
    let urgent = json!({ "molecule": "aspirin", "priority": 1 });
    let urgent = app.post("/api/jobs", &urgent).await.job_id();
    let usual = json!({ "molecule": "aspirin", "priority": null });
    let usual = app.post("/api/jobs", &usual).await.job_id();
    for (id, priority) in [(bulk, 4), (urgent, 1), (usual, 2)] {
        let job = app.get(&format!("/api/jobs/{id}")).await.json();
        assert_eq!(job["priority"], priority, "{job}");
    }
    let page = app.get("/api/jobs").await.json();
    let listed = page["items"].as_array().unwrap().iter();
    let listed: Vec<&Value> = listed.map(|job| &job["priority"]).collect();
    assert_eq!(listed, [2, 1, 4]);
    for expected in [urgent, usual, bulk] {
        assert_eq!(app.claim().await.job.id, expected);
    }
}

#[tokio::test]
async fn a_priority_that_is_none_is_refused_with_whatever_else_is_wrong() {
    let app = TestApp::start().await;
    for wrong in [0, 5, 4_000_000_000_u32] {
        let body = json!({ "molecule": " ", "priority": wrong });
        let problem = app.post("/api/jobs", &body).await.problem();
        assert!(
            problem.starts_with("422 /problems/invalid-field"),
            "{problem}"
        );
        assert!(problem.contains("molecule"), "{problem}");
        let expected = format!("is {wrong}: expected 1 (urgent) to 4 (bulk)");
        assert!(
            problem.contains("priority") && problem.contains(&expected),
            "{problem}"
        );
    }
    for malformed in [json!("urgent"), json!(-1), json!(1.5)] {
        let body = json!({ "molecule": "aspirin", "priority": malformed });
        let status = app.post("/api/jobs", &body).await.status;
        assert!((400..500).contains(&status), "{status}");
    }
    assert_eq!(app.get("/api/jobs").await.json()["items"], json!([]));
}

#[tokio::test]
async fn another_priority_is_another_request() {
    let app = TestApp::start().await;
    let submit = async |priority: Value| {
        let body = json!({ "molecule": "aspirin", "priority": priority });
        let request = app.request(Method::POST, "/api/jobs").json(&body);
        Answer::to(request.header("idempotency-key", "k-1")).await
    };
    let first = submit(Value::Null).await;
    // The usual priority is the same, named or not.
    assert_eq!(submit(json!(2)).await.job_id(), first.job_id());
    let problem = submit(json!(1)).await.problem();
    assert!(
        problem.starts_with("422 /problems/idempotency-key-reused"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_job_belongs_to_the_key_that_submitted_it() {
    let app = with_two_keys(quick_limits()).await;
    let body = json!({ "molecule": "aspirin" });
    for (key, tenant) in [(Some("k-ada"), Some("ada")), (None, None)] {
        let id = submitted(&app, key, &body).await.job_id();
        let job = app.store.find_job(id).await.unwrap().unwrap();
        assert_eq!(job.tenant.as_deref(), tenant);
        assert_eq!(job.priority, Priority::NORMAL);
    }
}

#[tokio::test]
async fn a_key_with_a_full_queue_is_told_when_to_come_back() {
    let app = with_two_keys(HttpLimits {
        max_queued: Some(2),
        ..quick_limits()
    })
    .await;
    let body = json!({ "molecule": "aspirin" });
    for _ in 0..2 {
        assert_eq!(submitted(&app, Some("k-ada"), &body).await.status, 202);
    }
    let refused = submitted(&app, Some("k-ada"), &body).await;
    let problem = refused.problem();
    assert!(problem.starts_with("429 /problems/queue-full"), "{problem}");
    assert!(
        problem.contains("2 jobs of key `ada` are queued"),
        "{problem}"
    );
    assert_eq!(refused.header("retry-after"), Some("10"));
    // Others have queues of their own, and whoever shows no key has none to fill.
    assert_eq!(submitted(&app, Some("k-bob"), &body).await.status, 202);
    for _ in 0..3 {
        assert_eq!(submitted(&app, None, &body).await.status, 202);
    }
    // One has begun: there is room for one.
    app.claim().await;
    assert_eq!(submitted(&app, Some("k-ada"), &body).await.status, 202);
    assert_eq!(submitted(&app, Some("k-ada"), &body).await.status, 429);
}
