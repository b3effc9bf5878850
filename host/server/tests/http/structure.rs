//! `GET /api/jobs/{job_id}/structure.svg`

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;

use crate::common::{
    Answer, TestApp,
    finished::{ASPIRIN_SMILES, drawn, result},
};

#[tokio::test]
async fn the_structure_of_the_result_is_drawn() {
    let app = TestApp::start().await;
    let id = app.finished(&drawn("aspirin", ASPIRIN_SMILES)).await;
    let path = format!("/api/jobs/{id}/structure.svg");
    let svg = app.get(&path).await;
    assert_eq!(svg.status, 200);
    assert_eq!(svg.header("content-type"), Some("image/svg+xml"));
    assert!(
        svg.text.contains("<svg") && svg.text.trim_end().ends_with("</svg>"),
        "{}",
        svg.text
    );
    assert!(
        svg.header("content-security-policy")
            .unwrap()
            .starts_with("default-src 'none'")
    );
    let tag = svg.header("etag").expect("a drawing has a tag");
    let again = Answer::to(app.request(Method::GET, &path).header("if-none-match", tag)).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
}

#[tokio::test]
async fn a_structure_of_the_request_is_drawn_before_there_is_a_result() {
    let app = TestApp::start().await;
    let body = json!({ "molecule": "aspirin", "smiles": ASPIRIN_SMILES });
    let id = app.post("/api/jobs", &body).await.job_id();
    assert_eq!(
        app.get(&format!("/api/jobs/{id}/structure.svg"))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_molecule_without_a_structure_is_not_drawn() {
    let app = TestApp::start().await;
    let known = app.finished(&result("insulin", &[])).await;
    let problem = async |id| {
        app.get(&format!("/api/jobs/{id}/structure.svg"))
            .await
            .problem()
    };
    assert_snapshot!(problem(known).await, @"404 /problems/no-structure job `[id]` is succeeded: no structure of its molecule is known");
    let queued = app.submit("insulin").await;
    assert_snapshot!(problem(queued).await, @"404 /problems/no-structure job `[id]` is queued: its request gave no `smiles`");
}

#[tokio::test]
async fn the_largest_structure_that_is_accepted_is_drawn() {
    let app = TestApp::start().await;
    let body = json!({ "molecule": "polyethylene", "smiles": "C".repeat(1_000) });
    let id = app.post("/api/jobs", &body).await.job_id();
    assert_eq!(
        app.get(&format!("/api/jobs/{id}/structure.svg"))
            .await
            .status,
        200
    );
}
