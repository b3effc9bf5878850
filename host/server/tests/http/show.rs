//! `GET /api/jobs/{job_id}`

use std::time::Duration;

use insta::assert_snapshot;
use phagen_domain::job::{JobFailure, Progress, Stage};
use phagen_store::Retention;
use reqwest::Method;
use serde_json::json;

use crate::common::{
    Answer, TestApp,
    finished::{ABSTRACT, result},
};

#[tokio::test]
async fn a_queued_job_shows_what_was_asked() {
    let app = TestApp::start().await;
    let id = app.submit("metformin").await;
    let answer = app.get(&format!("/api/jobs/{id}")).await;
    assert_snapshot!(answer.snapshot(), @r#"
    200
    {
      "attempt": 0,
      "created_at": "[time]",
      "job_id": "[id]",
      "max_attempts": 3,
      "molecule": "metformin",
      "priority": 2,
      "progress": [
        {
          "stage": "resolve",
          "status": "waiting"
        },
        {
          "stage": "gather",
          "status": "waiting"
        },
        {
          "stage": "merge",
          "status": "waiting"
        },
        {
          "stage": "rerank",
          "status": "waiting"
        },
        {
          "stage": "map",
          "status": "waiting"
        },
        {
          "stage": "assess",
          "status": "waiting"
        },
        {
          "stage": "narrate",
          "status": "waiting"
        }
      ],
      "request": {
        "limit": 20,
        "molecule": "metformin",
        "smiles": null,
        "sources": null,
        "synonyms": []
      },
      "run_at": "[time]",
      "status": "queued"
    }
    "#);
    assert_eq!(answer.header("etag"), None);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_running_job_shows_its_stages() {
    let app = TestApp::start().await;
    let id = app.submit("metformin").await;
    let claimed = app.claim().await;
    let progress = Progress {
        stage: Stage::Merge,
        detail: "61 pieces of evidence".into(),
    };
    app.store
        .report_progress(&claimed.lease, &progress)
        .await
        .unwrap();
    let job = app.get(&format!("/api/jobs/{id}")).await.json();
    assert_eq!(job["status"], "running");
    assert_eq!(job["attempt"], 1);
    assert!(job["lease_until"].is_string());
    assert_eq!(
        job["progress"][1],
        json!({ "stage": "gather", "status": "done" })
    );
    assert_eq!(
        job["progress"][2],
        json!({ "stage": "merge", "status": "running", "detail": "61 pieces of evidence" })
    );
    assert_eq!(
        job["progress"][3],
        json!({ "stage": "rerank", "status": "waiting" })
    );
}

#[tokio::test]
async fn a_succeeded_job_shows_its_result() {
    let app = TestApp::start().await;
    let stored = result("aspirin", &[("D003110", "Colonic Neoplasms", 0.5)]);
    let id = app.finished(&stored).await;
    let job = app.get(&format!("/api/jobs/{id}")).await.json();
    assert_eq!(job["status"], "succeeded");
    assert_eq!(job["result"], serde_json::to_value(&stored).unwrap());
    assert_eq!(
        job["result"]["evidence"]["literature"][0]["evidence_id"],
        ABSTRACT
    );
    assert!(job["finished_at"].is_string());
    assert!(job.get("failure").is_none());
}

#[tokio::test]
async fn a_sentence_whose_quote_was_altered_is_struck() {
    let app = TestApp::start().await;
    let mut stored = result("aspirin", &[]);
    let ranked = stored.evidence.values_mut().flatten().last().unwrap();
    ranked.evidence.passages[0].text = ranked.evidence.passages[0].text.replace("less", "more");
    let id = app.finished(&stored).await;
    let job = app.get(&format!("/api/jobs/{id}")).await.json();
    let sentence = &job["result"]["innovation_story"][0];
    assert_eq!(
        (&sentence["struck"], &sentence["text"]),
        (&json!(true), &json!(""))
    );
}

#[tokio::test]
async fn a_failed_job_shows_why() {
    let app = TestApp::start().await;
    let id = app.submit("aspirin").await;
    let lease = app.claim().await.lease;
    let failure = JobFailure {
        message: "mapper `mesh-mapper` trapped".into(),
        retryable: false,
    };
    app.store
        .fail(&lease, &failure, Duration::ZERO)
        .await
        .unwrap();
    let job = app.get(&format!("/api/jobs/{id}")).await.json();
    assert_eq!(job["status"], "failed");
    assert_eq!(
        job["failure"],
        json!({ "message": "mapper `mesh-mapper` trapped", "retryable": false })
    );
    assert!(job.get("result").is_none());
}

#[tokio::test]
async fn a_finished_job_is_sent_once_to_who_keeps_it() {
    let app = TestApp::start().await;
    let id = app.finished(&result("aspirin", &[])).await;
    let path = format!("/api/jobs/{id}");
    let first = app.get(&path).await;
    let tag = first.header("etag").expect("a finished job has a tag");
    let again = Answer::to(app.request(Method::GET, &path).header("if-none-match", tag)).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    assert_eq!(again.header("etag"), Some(tag));
    let other = Answer::to(
        app.request(Method::GET, &path)
            .header("if-none-match", "\"other\""),
    )
    .await;
    assert_eq!((other.status, other.text), (200, first.text));
}

#[tokio::test]
async fn what_can_never_change_is_read_once_and_what_can_each_time() {
    let app = TestApp::start().await;
    let id = app.finished(&result("aspirin", &[])).await;
    let path = format!("/api/jobs/{id}");
    let first = app.get(&path).await;
    // Forgotten past the API, as by a worker whose turn it is.
    let at_once = Retention {
        succeeded: Some(Duration::ZERO),
        ..Retention::default()
    };
    app.store.prune_jobs(at_once, 10).await.expect("pruned");
    let again = app.get(&path).await;
    assert_eq!((again.status, again.text), (200, first.text));

    let id = app.submit("metformin").await;
    let path = format!("/api/jobs/{id}");
    assert_eq!(app.delete(&path).await.status, 204);
    assert_eq!(app.get(&path).await.json()["status"], "cancelled");
    let retried = app.post(&format!("{path}/retry"), &json!({})).await;
    assert_eq!(retried.status, 202, "{}", retried.text);
    assert_eq!(app.get(&path).await.json()["status"], "queued");
}
