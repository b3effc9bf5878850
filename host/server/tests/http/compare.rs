//! `GET /api/jobs/compare`

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::common::{TestApp, finished::result};

#[tokio::test]
async fn suggestions_are_aligned_by_descriptor() {
    let app = TestApp::start().await;
    let colon = ("D003110", "Colonic Neoplasms", 0.25);
    let breast = ("D001943", "Breast Neoplasms", 0.75);
    let diabetes = ("D003924", "Diabetes Mellitus, Type 2", 0.5);
    let a = app.finished(&result("aspirin", &[breast, colon])).await;
    let b = app.finished(&result("metformin", &[diabetes, colon])).await;
    let comparison = app
        .get(&format!("/api/jobs/compare?job_ids={a}&job_ids={b}"))
        .await
        .json();
    let names: Vec<&str> = comparison["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["molecule"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["aspirin", "metformin"]);
    assert_eq!(
        comparison["jobs"][0]["n_evidence"],
        json!({ "clinical": 1, "literature": 1 })
    );
    let row = |index: usize| {
        let row = &comparison["rows"][index];
        let rank = |cell: &Value| cell["rank"].as_u64();
        (
            row["mesh_id"].as_str().unwrap(),
            rank(&row["cells"][0]),
            rank(&row["cells"][1]),
        )
    };
    // Shared first, then by best score.
    assert_eq!(row(0), ("D003110", Some(2), Some(2)));
    assert_eq!(row(1), ("D001943", Some(1), None));
    assert_eq!(row(2), ("D003924", None, Some(1)));
    assert_eq!(comparison["rows"][1]["cells"][1], Value::Null);
    assert_eq!(comparison["rows"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn five_jobs_are_compared_and_six_are_not() {
    let app = TestApp::start().await;
    let mut ids = Vec::new();
    for n in 0..6 {
        ids.push(format!(
            "job_ids={}",
            app.finished(&result(&format!("molecule {n}"), &[])).await
        ));
    }
    assert_eq!(
        app.get(&format!("/api/jobs/compare?{}", ids[..5].join("&")))
            .await
            .status,
        200
    );
    let refused = async |ids: &[String]| {
        app.get(&format!("/api/jobs/compare?{}", ids.join("&")))
            .await
            .problem()
    };
    let expected = "400 /problems/invalid-parameter job_ids: give 2 to 5 of them";
    assert_eq!(refused(&ids).await, expected);
    assert_eq!(refused(&ids[..1]).await, expected);
    assert_eq!(app.get("/api/jobs/compare").await.problem(), expected);
    let twice = [ids[0].clone(), ids[0].clone()];
    assert_snapshot!(refused(&twice).await, @"400 /problems/invalid-parameter job_ids: `[id]` is given more than once");
    assert_snapshot!(refused(&[ids[0].clone(), "job_ids=x".to_owned()]).await, @"400 /problems/invalid-parameter job_ids: `x` is not a job id: expected a UUID");
}

#[tokio::test]
async fn every_missing_job_is_named() {
    let app = TestApp::start().await;
    let here = app.finished(&result("aspirin", &[])).await;
    let (gone, lost) = (
        "0193a1b2-7c00-7000-8000-000000000001",
        "0193a1b2-7c00-7000-8000-000000000002",
    );
    let answer = app
        .get(&format!(
            "/api/jobs/compare?job_ids={gone}&job_ids={here}&job_ids={lost}"
        ))
        .await;
    assert_snapshot!(answer.problem(), @"404 /problems/job-not-found job_ids: job `[id]` does not exist; job_ids: job `[id]` does not exist");
    assert!(answer.text.contains(gone) && answer.text.contains(lost));
    assert!(!answer.text.contains(&here.to_string()));
}

#[tokio::test]
async fn every_job_without_a_result_is_named() {
    let app = TestApp::start().await;
    let done = app.finished(&result("aspirin", &[])).await;
    let queued = app.submit("metformin").await;
    let cancelled = app.submit("cisplatin").await;
    app.delete(&format!("/api/jobs/{cancelled}")).await;
    let path = format!("/api/jobs/compare?job_ids={done}&job_ids={queued}&job_ids={cancelled}");
    assert_snapshot!(app.get(&path).await.problem(), @"409 /problems/job-not-succeeded job_ids: job `[id]` is queued: it has no result; job_ids: job `[id]` is cancelled: it has no result");
}
