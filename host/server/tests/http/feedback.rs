//! `/api/feedback`

use insta::assert_snapshot;
use phagen_domain::{digest::Digest, feedback::Vote, job::JobId};
use serde_json::{Value, json};

use crate::common::{
    Answer, TestApp,
    finished::{ABSTRACT, TRIAL, result},
    noon,
};

fn ballot(job: JobId, evidence_id: &str, evidence_type: &str, feedback_type: &str) -> Value {
    json!({
        "job_id": job,
        "evidence_id": evidence_id,
        "evidence_type": evidence_type,
        "feedback_type": feedback_type
    })
}

async fn vote(app: &TestApp, ballot: &Value) -> Answer {
    app.post("/api/feedback", ballot).await
}

#[tokio::test]
async fn a_vote_keeps_what_the_voter_saw() {
    let app = TestApp::start().await;
    let shown = result("aspirin", &[]);
    let job = app.finished(&shown).await;
    let mut body = ballot(job, "pmid:07605421", "literature", "downvote");
    body["comment"] = json!("  about rats ");
    assert_snapshot!(vote(&app, &body).await.snapshot(), @r#"
    201
    {
      "artifact_digest": "3edc5c4a5df8c79ef4f8dbdc373cd21ca041ccf39fe5693250d004092094dc4a",
      "comment": "about rats",
      "created_at": "[time]",
      "evidence_id": "PMID:7605421",
      "evidence_type": "literature",
      "features": {
        "bm25_body": 0.125,
        "bm25_title": 0.25
      },
      "feedback_type": "downvote",
      "job_id": "[id]",
      "molecule": "aspirin",
      "rank": 1,
      "reranker_digest": "9297d15041d1c40aa514af0014d49a26c2778cc2569970020f9add2efbbfde60",
      "text_digest": "f83a60ffefad7d1022c1cbe7ff543e84663d4f5e9bd1f6b6958e73952e538f4f",
      "voter": "anonymous"
    }
    "#);
    let stored = app.store.list_job_feedback(job).await.unwrap().remove(0);
    let evidence = shown.find_evidence(&ABSTRACT.parse().unwrap()).unwrap();
    assert_eq!(stored.evidence_id.as_str(), ABSTRACT);
    assert_eq!(stored.vote, Vote::Downvote);
    assert_eq!(stored.comment.as_deref(), Some("about rats"));
    assert_eq!((stored.voter.as_str(), stored.rank), ("anonymous", 1));
    assert_eq!(stored.reranker_digest, Digest::of(b"evidence-reranker"));
    assert_eq!(stored.artifact_digest, Some(Digest::of(b"weights")));
    assert_eq!(stored.feature_names, ["bm25_title", "bm25_body"]);
    assert_eq!(stored.features, evidence.features);
    assert_eq!(stored.text_digest, evidence.text_digest);
    assert_eq!(stored.created_at, noon());
}

#[tokio::test]
async fn the_last_vote_of_a_voter_counts() {
    let app = TestApp::start().await;
    let job = app.finished(&result("aspirin", &[])).await;
    for kind in ["upvote", "flag", "downvote"] {
        assert_eq!(
            vote(&app, &ballot(job, TRIAL, "clinical", kind))
                .await
                .status,
            201
        );
    }
    let votes = app.get(&format!("/api/feedback/job/{job}")).await.json();
    assert_eq!(votes["items"].as_array().unwrap().len(), 1);
    assert_eq!(votes["items"][0]["feedback_type"], "downvote");
}

#[tokio::test]
async fn votes_add_up_across_jobs() {
    let app = TestApp::start().await;
    let first = app.finished(&result("aspirin", &[])).await;
    let second = app.finished(&result("aspirin", &[])).await;
    vote(&app, &ballot(first, ABSTRACT, "literature", "upvote")).await;
    vote(&app, &ballot(second, ABSTRACT, "literature", "upvote")).await;
    vote(&app, &ballot(second, TRIAL, "clinical", "flag")).await;
    assert_snapshot!(app.get("/api/feedback/stats").await.snapshot(), @r#"
    200
    {
      "by_evidence": {
        "NCT00224679": {
          "downvotes": 0,
          "flags": 1,
          "upvotes": 0
        },
        "PMID:7605421": {
          "downvotes": 0,
          "flags": 0,
          "upvotes": 2
        }
      },
      "by_kind": {
        "clinical": {
          "downvotes": 0,
          "flags": 1,
          "upvotes": 0
        },
        "literature": {
          "downvotes": 0,
          "flags": 0,
          "upvotes": 2
        }
      },
      "n_evidence": 2,
      "total": {
        "downvotes": 0,
        "flags": 1,
        "upvotes": 2
      }
    }
    "#);
}

#[tokio::test]
async fn a_job_without_votes_lists_none() {
    let app = TestApp::start().await;
    let job = app.submit("aspirin").await;
    let answer = app.get(&format!("/api/feedback/job/{job}")).await;
    assert_eq!(answer.json(), json!({ "items": [] }));
}

#[tokio::test]
async fn evidence_must_be_in_the_job() {
    let app = TestApp::start().await;
    let job = app.finished(&result("aspirin", &[])).await;
    assert_snapshot!(vote(&app, &ballot(job, "PMID:1", "literature", "upvote")).await.problem(), @"422 /problems/invalid-field evidence_id: `PMID:1` is not in the result of job `[id]`");
    assert_snapshot!(vote(&app, &ballot(job, ABSTRACT, "clinical", "upvote")).await.problem(), @"422 /problems/invalid-field evidence_type: `PMID:7605421` is `literature`, not `clinical`");
    assert!(app.store.list_feedback().await.unwrap().is_empty());
}

#[tokio::test]
async fn only_a_job_that_succeeded_can_be_voted_on() {
    let app = TestApp::start().await;
    let queued = app.submit("aspirin").await;
    assert_snapshot!(vote(&app, &ballot(queued, ABSTRACT, "literature", "upvote")).await.problem(), @"409 /problems/job-not-succeeded job `[id]` is queued: there is no evidence to vote on");
    let unknown = JobId::new();
    assert_snapshot!(vote(&app, &ballot(unknown, ABSTRACT, "literature", "upvote")).await.problem(), @"404 /problems/job-not-found job `[id]` does not exist");
}

#[tokio::test]
async fn a_wrong_field_is_named() {
    let app = TestApp::start().await;
    let job = app.finished(&result("aspirin", &[])).await;
    let refused = async |field: &str, value: Value| {
        let mut body = ballot(job, ABSTRACT, "literature", "upvote");
        body[field] = value;
        vote(&app, &body).await.problem()
    };
    assert_snapshot!(refused("job_id", json!("42")).await, @"422 /problems/invalid-field job_id: UUID parsing failed: invalid length: found 2");
    assert_snapshot!(refused("evidence_id", json!("a b")).await, @"422 /problems/invalid-field evidence_id: `a b` is not an evidence id: expected 1 to 200 printable ASCII characters without spaces or `#`, such as `PMID:123`");
    assert_snapshot!(refused("evidence_type", json!("genomic")).await, @"422 /problems/invalid-field evidence_type: unknown variant `genomic`, expected one of `clinical`, `literature`, `regulatory`, `patent`, `market`, `other`");
    assert_snapshot!(refused("feedback_type", json!("like")).await, @"422 /problems/invalid-field feedback_type: unknown variant `like`, expected one of `upvote`, `downvote`, `flag`");
    assert_snapshot!(refused("comment", json!("x".repeat(2_001))).await, @"422 /problems/invalid-field comment: must have at most 2000 characters");
    assert_snapshot!(refused("comment", json!("a\u{0}b")).await, @"422 /problems/invalid-field comment: must hold no control characters but line breaks and tabs");
    assert_snapshot!(refused("stars", json!(5)).await, @"422 /problems/invalid-field stars: unknown field `stars`, expected one of `job_id`, `evidence_id`, `evidence_type`, `feedback_type`, `comment`");
    assert_snapshot!(vote(&app, &json!({})).await.problem(), @"422 /problems/invalid-field job_id: missing field `job_id`");
    let truncated = app.post_bytes("/api/feedback", r#"{"job_id":"#).await;
    assert!(
        truncated
            .problem()
            .starts_with("400 /problems/malformed-body")
    );
}
