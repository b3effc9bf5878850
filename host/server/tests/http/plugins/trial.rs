//! Shadow, canary, the report, and promotion by it.

use insta::assert_snapshot;
use phagen_domain::{
    digest::Digest,
    job::JobId,
    plugin::{Compared, Comparison, ComparisonOutcome, VersionState},
};
use serde_json::json;

use super::{Stored, activate, post, reranker, serving, slot, state_of};
use crate::common::{TestApp, noon};

/// Jobs on which both answered alike.
async fn agree(app: &TestApp, stored: &Stored, n_jobs: usize) {
    let ranking: Vec<String> = (1..=10).map(|n| format!("PMID:{n}")).collect();
    for _ in 0..n_jobs {
        let comparison = Comparison {
            job: JobId::new(),
            slot: "reranker".parse().expect("a slot name"),
            serving: serving(app, "reranker").await,
            candidate: stored.digest,
            at: noon(),
            outcome: ComparisonOutcome::Compared(Compared {
                kendall_tau: 1.0,
                overlap_at_10: 1.0,
                max_score_change: 0.0,
                serving_milliseconds: 2.0,
                candidate_milliseconds: 1.0,
                serving_ranking: ranking.clone(),
                candidate_ranking: ranking.clone(),
            }),
        };
        app.store
            .record_comparison(&comparison)
            .await
            .expect("it is recorded");
    }
}

#[tokio::test]
async fn a_trial_begins_beside_what_serves() {
    let app = TestApp::start().await;
    let stored = reranker(&app, "a").await;
    let before = serving(&app, "reranker").await;
    let answer = post(&app, &stored, "shadow", json!({ "slot": "reranker" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let candidate = &answer.json()["slot"]["candidate"];
    assert_eq!(candidate["plugin_digest"], stored.digest.to_string());
    assert_eq!(candidate["mode"], "shadow");
    assert_eq!(candidate["share"], 0.1);
    assert_eq!(serving(&app, "reranker").await, before);
    assert_eq!(state_of(&app, &stored).await, VersionState::Shadow);
    let body = json!({ "slot": "reranker", "share": 0.05 });
    let answer = post(&app, &stored, "canary", body).await;
    assert_eq!(answer.json()["slot"]["candidate"]["share"], 0.05);
    assert_eq!(answer.json()["event"]["verb"], "canary");
    assert_eq!(state_of(&app, &stored).await, VersionState::Canary);
}

#[tokio::test]
async fn what_serves_is_not_tried_against_itself() {
    let app = TestApp::start().await;
    let stored = reranker(&app, "a").await;
    activate(&app, &stored, "reranker").await;
    let answer = post(&app, &stored, "canary", json!({ "slot": "reranker" })).await;
    let problem = answer.problem();
    assert!(
        problem.starts_with("409 /problems/move-refused"),
        "{problem}"
    );
    // With other weights it is another ranking.
    let body = json!({ "slot": "reranker", "artifact_digest": Digest::of(b"others") });
    assert_eq!(post(&app, &stored, "canary", body).await.status, 200);
}

#[tokio::test]
async fn a_trial_is_reported_on() {
    let app = TestApp::start().await;
    let stored = reranker(&app, "a").await;
    let path = format!("{}/trial", stored.path());
    let none = app.get(&path).await.problem();
    assert!(none.starts_with("404 /problems/trial-not-found"), "{none}");
    post(&app, &stored, "shadow", json!({ "slot": "reranker" })).await;
    agree(&app, &stored, 3).await;
    let report = app.get(&path).await.json();
    assert_eq!(
        (&report["n_compared"], &report["n_failed"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(report["passes"], false);
    assert!(!report["shortfalls"].as_array().unwrap().is_empty());
    let named = app.get(&format!("{path}?slot=reranker")).await;
    assert_eq!(named.json(), report);
    assert_eq!(app.get(&format!("{path}?slot=mapper")).await.status, 404);
    let misspelt = app.get(&format!("{path}?slots=mapper")).await;
    assert!(
        misspelt
            .problem()
            .starts_with("400 /problems/invalid-parameter slots:")
    );
}

#[tokio::test]
async fn a_trial_in_two_slots_is_asked_for_by_its_slot() {
    let app = TestApp::start().await;
    let (tried, other) = (reranker(&app, "a").await, reranker(&app, "b").await);
    activate(&app, &other, "second").await;
    for slot in ["reranker", "second"] {
        post(&app, &tried, "shadow", json!({ "slot": slot })).await;
    }
    let problem = app.get(&format!("{}/trial", tried.path())).await.problem();
    assert_snapshot!(problem, @"400 /problems/invalid-parameter slot: is needed: the version is on trial in `reranker`, `second`");
    let one = app
        .get(&format!("{}/trial?slot=second", tried.path()))
        .await;
    assert_eq!(one.json()["slot"], "second");
}

#[tokio::test]
async fn promotion_below_the_thresholds_needs_force_and_a_reason() {
    let app = TestApp::start().await;
    let stored = reranker(&app, "a").await;
    let before = serving(&app, "reranker").await;
    let body = json!({ "slot": "reranker" });
    let untried = post(&app, &stored, "promote", body.clone()).await.problem();
    assert!(
        untried.contains("is not on trial in slot `reranker`: nothing is"),
        "{untried}"
    );
    post(&app, &stored, "canary", body.clone()).await;
    agree(&app, &stored, 2).await;
    let short = post(&app, &stored, "promote", body.clone()).await.problem();
    assert!(short.starts_with("409 /problems/trial-short"), "{short}");
    assert!(short.contains('2') && short.contains("20"), "{short}");
    assert_eq!(serving(&app, "reranker").await, before);
    let silent = json!({ "slot": "reranker", "force": true });
    assert_eq!(post(&app, &stored, "promote", silent).await.status, 422);
    let forced = json!({ "slot": "reranker", "force": true, "reason": "the old one is on fire" });
    let answer = post(&app, &stored, "promote", forced).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["event"]["reason"], "the old one is on fire");
    assert_eq!(serving(&app, "reranker").await, stored.digest);
    let now = slot(&app, "reranker").await.unwrap();
    assert_eq!(now.candidate, None);
    assert_eq!(now.previous.unwrap().plugin_digest, before);
}

#[tokio::test]
async fn a_trial_that_passes_is_promoted() {
    let app = TestApp::start().await;
    let stored = reranker(&app, "a").await;
    let body = json!({ "slot": "reranker" });
    post(&app, &stored, "shadow", body.clone()).await;
    agree(&app, &stored, 30).await;
    let report = app.get(&format!("{}/trial", stored.path())).await.json();
    assert_eq!(report["passes"], true, "{report}");
    let answer = post(&app, &stored, "promote", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(state_of(&app, &stored).await, VersionState::Active);
}
