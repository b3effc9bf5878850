//! A recorded job runs again to the bit.

use phagen_domain::job::JobId;
use serde_json::json;

use crate::{data_dir::DataDir, server::Server};

async fn recorded(server: &Server) -> JobId {
    let answer = server
        .post(
            "/api/jobs",
            &json!({ "molecule": "metformin", "record": true }),
        )
        .await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.job_id()
}

#[tokio::test]
async fn a_recorded_job_replays_to_the_same_bits() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    // Also when every answer is in the cache: a recorded job makes its calls.
    server.analyse("metformin").await;
    let job = recorded(&server).await;
    assert!(server.result_of(job).await.recording.is_some());
    let told = dir.run(&["replay", &job.to_string()]).expect_success();
    assert!(told.contains("7 calls replayed, 0 different"), "{told}");
}

#[tokio::test]
async fn a_job_that_was_not_recorded_says_how_to_record_it() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    let job = server.submit("metformin").await;
    server.result_of(job).await;
    let told = dir.run(&["replay", &job.to_string()]).expect_failure();
    assert!(told.contains("was not recorded"), "{told}");
}
