//! `POST /api/jobs/{job_id}/retry`

use insta::assert_snapshot;
use phagen_domain::job::JobStatus;
use serde_json::json;

use crate::common::{TestApp, finished::result};

#[tokio::test]
async fn a_job_that_came_to_nothing_is_taken_up_again() {
    let app = TestApp::start().await;
    let id = app.submit("aspirin").await;
    app.delete(&format!("/api/jobs/{id}")).await;
    let path = format!("/api/jobs/{id}/retry");
    assert_snapshot!(app.post(&path, &json!({})).await.snapshot(), @r#"
    202
    {
      "job_id": "[id]",
      "status": "queued"
    }
    "#);
    assert_eq!(app.claim().await.job.id, id);
    let job = app.get(&format!("/api/jobs/{id}")).await.json();
    assert_eq!(job["status"], "running", "{job}");
}

#[tokio::test]
async fn a_job_that_has_a_result_or_none_yet_is_not_taken_up_again() {
    let app = TestApp::start().await;
    let done = app.finished(&result("aspirin", &[])).await;
    let path = format!("/api/jobs/{done}/retry");
    assert_snapshot!(app.post(&path, &json!({})).await.problem(), @"409 /problems/job-not-retryable job `[id]` is succeeded: only one that failed or was cancelled is tried again");
    assert_eq!(app.status_of(done).await, JobStatus::Succeeded);
    let waiting = app.submit("metformin").await;
    let path = format!("/api/jobs/{waiting}/retry");
    assert_eq!(app.post(&path, &json!({})).await.status, 409);
    let nobody = "/api/jobs/0193a1b2-7c00-7000-8000-000000000000/retry";
    assert_eq!(app.post(nobody, &json!({})).await.status, 404);
}
