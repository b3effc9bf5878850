//! Three requests of the older system, as its clients send them.

use serde_json::json;

use crate::common::{
    TestApp,
    finished::{ABSTRACT, ASPIRIN_SMILES, result},
};

#[tokio::test]
async fn requests_of_the_older_system_work_as_they_stand() {
    let app = TestApp::start().await;
    let body = json!({ "molecule": "aspirin", "smiles": ASPIRIN_SMILES });
    let submitted = app.post("/api/jobs?use_celery=true", &body).await;
    assert_eq!(submitted.status, 202);
    assert_eq!(submitted.json()["status"], "queued");
    assert_eq!(submitted.header("deprecation"), Some("@1795305600"));
    let job = submitted.job_id();

    let claimed = app.claim().await;
    assert_eq!(claimed.job.id, job);
    app.store
        .finish(&claimed.lease, &result("aspirin", &[]))
        .await
        .unwrap();
    let feedback = json!({
        "job_id": job,
        "evidence_id": ABSTRACT,
        "evidence_type": "literature",
        "feedback_type": "upvote",
        "comment": "Very relevant"
    });
    assert_eq!(app.post("/api/feedback", &feedback).await.status, 201);

    let stats = app.get("/api/feedback/stats").await;
    assert_eq!(stats.status, 200);
    assert_eq!(
        stats.json()["total"],
        json!({ "upvotes": 1, "downvotes": 0, "flags": 0 })
    );
}

#[tokio::test]
async fn the_deprecated_parameter_changes_nothing_whatever_it_says() {
    let app = TestApp::start().await;
    for path in [
        "/api/jobs?use_celery=false",
        "/api/jobs?use_celery",
        "/api/jobs?use_celery=1&use_celery=2",
    ] {
        let answer = app.post(path, &json!({ "molecule": "aspirin" })).await;
        assert_eq!(
            (answer.status, answer.json()["status"].as_str()),
            (202, Some("queued")),
            "{path}"
        );
        assert!(answer.header("deprecation").is_some() && answer.header("link").is_some());
    }
}
