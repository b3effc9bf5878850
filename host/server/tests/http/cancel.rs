//! `DELETE /api/jobs/{job_id}`

use insta::assert_snapshot;
use phagen_domain::job::JobStatus;
use phagen_store::Renewal;

use crate::common::{LEASE, TestApp, finished::result};

#[tokio::test]
async fn a_queued_job_is_cancelled_at_once() {
    let app = TestApp::start().await;
    let id = app.submit("aspirin").await;
    let answer = app.delete(&format!("/api/jobs/{id}")).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert_eq!(app.status_of(id).await, JobStatus::Cancelled);
    assert_eq!(
        app.get(&format!("/api/jobs/{id}")).await.json()["status"],
        "cancelled"
    );
}

#[tokio::test]
async fn a_running_job_is_asked_to_stop() {
    let app = TestApp::start().await;
    let id = app.submit("aspirin").await;
    let claimed = app.claim().await;
    assert_snapshot!(app.delete(&format!("/api/jobs/{id}")).await.snapshot(), @r#"
    202
    {
      "cancel_requested": true,
      "job_id": "[id]",
      "status": "running"
    }
    "#);
    assert_eq!(
        app.get(&format!("/api/jobs/{id}")).await.json()["cancel_requested"],
        true
    );
    let renewed = app
        .store
        .renew(std::slice::from_ref(&claimed.lease), LEASE)
        .await
        .unwrap();
    assert!(
        matches!(
            renewed[..],
            [Renewal::Extended {
                cancel_requested: true,
                ..
            }]
        ),
        "{renewed:?}"
    );
}

#[tokio::test]
async fn a_finished_job_cannot_be_cancelled() {
    let app = TestApp::start().await;
    let id = app.finished(&result("aspirin", &[])).await;
    assert_snapshot!(app.delete(&format!("/api/jobs/{id}")).await.problem(), @"409 /problems/job-finished job `[id]` is already succeeded");
    assert_eq!(app.status_of(id).await, JobStatus::Succeeded);
}
