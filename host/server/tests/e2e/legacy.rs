//! The three requests of the older system, as its clients send them.

use serde_json::json;

use crate::{data_dir::DataDir, server::Server};

#[tokio::test]
async fn requests_of_the_older_system_work_as_they_stand() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    let body = json!({ "molecule": "aspirin", "smiles": "CC(=O)Oc1ccccc1C(=O)O" });
    let accepted = server.post("/api/jobs?use_celery=true", &body).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    assert!(accepted.header("deprecation").is_some());
    let id = accepted.job_id();
    let job = server.job_when(id, &["succeeded", "failed"]).await;
    assert_eq!(job["status"], "succeeded");
    let evidence_id = &job["result"]["evidence"]["literature"][0]["evidence_id"];

    let feedback = json!({
        "job_id": id,
        "evidence_id": evidence_id,
        "evidence_type": "literature",
        "feedback_type": "upvote",
        "comment": "Very relevant"
    });
    let vote = server.post("/api/feedback", &feedback).await;
    assert_eq!(vote.status, 201, "{}", vote.text);
    assert_eq!(vote.json()["comment"], "Very relevant");
    assert_eq!(vote.json()["rank"], 1);

    let stats = server.get("/api/feedback/stats").await;
    assert_eq!(stats.status, 200);
    let one = json!({ "upvotes": 1, "downvotes": 0, "flags": 0 });
    assert_eq!(stats.json()["total"], one);
    assert_eq!(stats.json()["by_kind"], json!({ "literature": one }));
    let by_evidence = &stats.json()["by_evidence"];
    assert_eq!(by_evidence[evidence_id.as_str().unwrap()], one);
}
