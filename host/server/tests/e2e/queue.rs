//! A server without workers stores jobs; one with workers, started later, runs them.

use phagen_domain::job::JobId;
use serde_json::json;

use crate::{
    data_dir::DataDir,
    process::PATIENCE,
    server::{Server, evidence},
};

async fn status_after_cancel(server: &Server, id: JobId) -> (u16, String) {
    let answer = server.delete(&format!("/api/jobs/{id}")).await;
    let status = server.job(id).await["status"].clone();
    (answer.status, status.as_str().expect("a status").to_owned())
}

#[tokio::test]
async fn a_queued_job_is_cancelled_and_another_survives_the_restart() {
    let dir = DataDir::ready();
    let server = Server::start_with(&dir, &["--workers", "0"], &[]);
    let cancelled = server.submit("aspirin").await;
    let kept = server.submit("metformin").await;
    assert_eq!(
        status_after_cancel(&server, cancelled).await,
        (204, "cancelled".to_owned())
    );
    assert_eq!(server.job(kept).await["status"], "queued");
    let ended = server.end_by("TERM", PATIENCE);
    ended.expect_success();

    let server = Server::start(&dir);
    assert!(evidence(&server.result_of(kept).await).count() > 0);
    let job = server.job(cancelled).await;
    assert_eq!(
        (job["status"].as_str(), job["attempt"].as_u64()),
        (Some("cancelled"), Some(0))
    );
    let too_late = server.delete(&format!("/api/jobs/{kept}")).await;
    assert!(
        too_late.problem().starts_with("409 /problems/job-finished"),
        "{}",
        too_late.text
    );
}

#[tokio::test]
async fn the_shell_lists_jobs_with_their_priority() {
    let dir = DataDir::ready();
    let server = Server::start_with(&dir, &["--workers", "0"], &[]);
    let urgent = json!({ "molecule": "aspirin", "priority": 1 });
    let urgent = server.post("/api/jobs", &urgent).await.job_id();
    let list = dir.run(&["job", "list", "--host", server.address()]);
    let list = list.expect_success();
    let line = list.lines().find(|line| line.contains(&urgent.to_string()));
    assert!(
        line.is_some_and(|line| line.contains("queued    priority 1 attempt 0 aspirin")),
        "{list}"
    );
    for wrong in ["0", "5", "urgent"] {
        let refused = dir.run(&["analyze", "aspirin", "--priority", wrong]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("expected 1"), "{refused:?}");
    }
}
