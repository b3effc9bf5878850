//! Quarantine and retirement.

use insta::assert_snapshot;
use phagen_domain::plugin::VersionState;
use reqwest::Method;
use serde_json::json;

use super::{
    Stored, activate, guest, pass_gates, post, reranker, serving, slot, source, state_of, uploaded,
};
use crate::common::{Answer, TestApp};

async fn quarantine(app: &TestApp, stored: &Stored) -> Answer {
    let body = json!({ "reason": "it ranks withdrawn studies first" });
    let answer = post(app, stored, "quarantine", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer
}

#[tokio::test]
async fn a_quarantine_takes_a_version_out_of_every_slot() {
    let app = TestApp::start().await;
    let (bad, good) = (reranker(&app, "bad").await, reranker(&app, "good").await);
    let own = serving(&app, "reranker").await;
    activate(&app, &bad, "reranker").await;
    activate(&app, &good, "second").await;
    activate(&app, &bad, "second").await;
    activate(&app, &bad, "third").await;
    activate(&app, &good, "fourth").await;
    post(&app, &bad, "shadow", json!({ "slot": "fourth" })).await;
    activate(&app, &bad, "fifth").await;
    activate(&app, &good, "fifth").await;
    let answer = quarantine(&app, &bad).await.json();
    assert_eq!(answer["version"]["state"], "quarantined");
    assert_eq!(
        answer["version"]["reason"],
        "it ranks withdrawn studies first"
    );
    assert_eq!(
        answer["removed"],
        json!(["third"]),
        "nothing served there before"
    );
    assert_eq!(answer["events"].as_array().unwrap().len(), 5);
    assert_eq!(serving(&app, "reranker").await, own);
    for name in ["second", "fourth", "fifth"] {
        let now = slot(&app, name).await.unwrap();
        assert_eq!(now.serving.plugin_digest, good.digest, "{name}");
        assert!(
            !now.plugin_digests().any(|named| named == bad.digest),
            "{name}"
        );
    }
    assert_eq!(state_of(&app, &bad).await, VersionState::Quarantined);
    // Again changes nothing.
    let again = quarantine(&app, &bad).await.json();
    assert_eq!(again["events"], json!([]));
    assert_eq!(again["version"]["state"], "quarantined");
}

#[tokio::test]
async fn a_version_in_no_slot_is_quarantined_too() {
    let app = TestApp::start().await;
    let stored = reranker(&app, "a").await;
    quarantine(&app, &stored).await;
    let answer = post(&app, &stored, "activate", json!({ "slot": "reranker" })).await;
    let problem = answer.problem();
    assert!(
        problem.starts_with("409 /problems/version-refused"),
        "{problem}"
    );
    assert!(
        problem.contains("it ranks withdrawn studies first"),
        "{problem}"
    );
    let body = json!({ "slot": "reranker", "force": true, "reason": "they were not withdrawn" });
    assert_eq!(post(&app, &stored, "activate", body).await.status, 200);
    assert_eq!(state_of(&app, &stored).await, VersionState::Active);
}

#[tokio::test]
async fn what_never_passed_its_gates_is_not_forced_out_of_quarantine() {
    let app = TestApp::start().await;
    let stored = uploaded(&app, "ranker", guest("unruly_reranker")).await;
    quarantine(&app, &stored).await;
    let body = json!({ "slot": "reranker", "force": true, "reason": "in a hurry" });
    let problem = post(&app, &stored, "activate", body).await.problem();
    assert!(problem.contains("never passed its gates"), "{problem}");
}

#[tokio::test]
async fn nobody_rolls_back_to_what_was_taken_out_unless_forced() {
    let app = TestApp::start().await;
    let (old, new) = (reranker(&app, "old").await, reranker(&app, "new").await);
    activate(&app, &old, "reranker").await;
    activate(&app, &new, "reranker").await;
    // By the database alone, as if it had happened between two reads.
    let change = phagen_store::VersionMove {
        digest: old.digest,
        from: state_of(&app, &old).await,
        to: VersionState::Quarantined,
        gate: None,
        signature: None,
        cause: phagen_domain::plugin::Cause::host(
            phagen_domain::plugin::Verb::Quarantine,
            "by hand",
        ),
    };
    app.store.move_version(&change).await.unwrap();
    let body = json!({ "slot": "reranker" });
    let refused = post(&app, &new, "rollback", body).await.problem();
    assert!(
        refused.starts_with("409 /problems/version-refused"),
        "{refused}"
    );
    let forced = json!({ "slot": "reranker", "force": true, "reason": "the new one is worse" });
    assert_eq!(post(&app, &new, "rollback", forced).await.status, 200);
    assert_eq!(serving(&app, "reranker").await, old.digest);
}

#[tokio::test]
async fn the_last_of_a_chain_stays_until_there_is_another() {
    let app = TestApp::start().await;
    let stored = uploaded(&app, "names", guest("unruly_mapper")).await;
    pass_gates(&app, &stored).await;
    activate(&app, &stored, "mapper").await;
    activate(&app, &stored, "mapper").await;
    // What served before was never recorded, and counts as healthy.
    quarantine(&app, &stored).await;
    assert_ne!(serving(&app, "mapper").await, stored.digest);
    let other = uploaded(&app, "names", super::variant("unruly_mapper", "b")).await;
    pass_gates(&app, &other).await;
    activate(&app, &other, "mapper").await;
    let body = json!({ "slot": "mapper" });
    let kept = post(&app, &other, "retire", body).await;
    assert_snapshot!(kept.problem(), @"409 /problems/move-refused slot `mapper` would be left with nothing to serve, and no other holds a mapper: activate another version there first");
}

#[tokio::test]
async fn an_operators_slot_is_taken_away_and_one_of_the_host_is_not() {
    let app = TestApp::start().await;
    let stored = source(&app, "a").await;
    activate(&app, &stored, "registry").await;
    let body = json!({ "slot": "registry", "reason": "the study has ended" });
    let request = || {
        app.request(Method::POST, &format!("{}/retire", stored.path()))
            .header("idempotency-key", "k-1")
            .json(&body)
    };
    let answer = Answer::to(request()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["removed"], json!(["registry"]));
    assert_eq!(answer.json()["version"]["state"], "draining");
    assert_eq!(slot(&app, "registry").await, None);
    // The same request is answered again, though there is nothing left to take away.
    let again = Answer::to(request()).await;
    assert_eq!(again.status, 200, "{}", again.text);
    assert_eq!(again.json()["events"], answer.json()["events"]);
    activate(&app, &stored, "clinical").await;
    let own = post(&app, &stored, "retire", json!({ "slot": "clinical" })).await;
    assert_snapshot!(own.problem(), @"409 /problems/move-refused slot `clinical` is the host's own and cannot be taken away: activate another version there instead");
}

#[tokio::test]
async fn retiring_a_candidate_ends_its_trial() {
    let app = TestApp::start().await;
    let stored = reranker(&app, "a").await;
    post(&app, &stored, "canary", json!({ "slot": "reranker" })).await;
    let answer = post(&app, &stored, "retire", json!({ "slot": "reranker" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["slots"][0]["candidate"], json!(null));
    assert_eq!(slot(&app, "reranker").await.unwrap().candidate, None);
    let again = post(&app, &stored, "retire", json!({ "slot": "reranker" })).await;
    assert_eq!(again.status, 409);
}

#[tokio::test]
async fn a_version_in_no_slot_is_put_aside_and_may_come_back() {
    let app = TestApp::start().await;
    let stored = reranker(&app, "a").await;
    activate(&app, &stored, "second").await;
    let named = post(&app, &stored, "retire", json!({})).await.problem();
    assert!(named.contains("slots `second` name version"), "{named}");
    post(&app, &stored, "retire", json!({ "slot": "second" })).await;
    let answer = post(&app, &stored, "retire", json!({})).await;
    assert_eq!(answer.json()["version"]["state"], "retired");
    activate(&app, &stored, "second").await;
    // What no gate passed must not come back this way.
    let fresh = uploaded(&app, "ranker", guest("unruly_reranker")).await;
    let refused = post(&app, &fresh, "retire", json!({})).await.problem();
    assert!(
        refused.contains("only one that may serve is retired"),
        "{refused}"
    );
}
