//! What serves: activated, promoted, rolled back, granted.

use insta::assert_snapshot;
use phagen_domain::{digest::Digest, plugin::VersionState};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Stored, activate, guest, post, reject, reranker, serving, slot, source, state_of, uploaded,
};
use crate::common::{Answer, TestApp};

async fn conditional(
    app: &TestApp,
    stored: &Stored,
    (header, value): (&str, &str),
    body: Value,
) -> Answer {
    let request = app
        .request(Method::POST, &format!("{}/activate", stored.path()))
        .header(header, value);
    Answer::to(request.json(&body)).await
}

#[tokio::test]
async fn an_activated_version_serves_and_the_one_before_is_kept() {
    let app = TestApp::start().await;
    let stored = reranker(&app, "a").await;
    let before = slot(&app, "reranker").await.unwrap();
    let body = json!({ "slot": "reranker", "reason": " better on rare diseases " });
    let answer = post(&app, &stored, "activate", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("etag"), Some("\"2\""));
    let moved = answer.json();
    assert_eq!(moved["slot"]["plugin_digest"], stored.digest.to_string());
    assert_eq!(moved["slot"]["generation"], 2);
    assert_eq!(
        moved["slot"]["previous"]["plugin_digest"],
        before.serving.plugin_digest.to_string()
    );
    assert_eq!(moved["event"]["verb"], "activate");
    assert_eq!(moved["event"]["actor"], "local");
    assert_eq!(moved["event"]["reason"], "better on rare diseases");
    let now = slot(&app, "reranker").await.unwrap();
    assert_eq!(now.serving.artifact_digest, before.serving.artifact_digest);
    assert_eq!(now.serving.grant, before.serving.grant);
    assert_eq!(state_of(&app, &stored).await, VersionState::Active);
    let listed = app.get("/api/plugins").await.json();
    assert_eq!(listed["set_generation"], moved["event"]["seq"]);
    assert_eq!(listed["versions"][0]["state"], "active");
}

#[tokio::test]
async fn what_a_version_serves_with_may_be_said() {
    let app = TestApp::start().await;
    let stored = source(&app, "a").await;
    let artifact = Digest::of(b"an index");
    let body = json!({
        "slot": "clinical",
        "artifact_digest": artifact,
        "config": [{ "key": "kind", "value": "clinical" }, { "key": "depth", "value": "2" }],
        "grant": { "http": [{ "origin": "https://api.example.org", "path": "/search" }] },
        "place": 3
    });
    assert_eq!(post(&app, &stored, "activate", body).await.status, 200);
    let now = slot(&app, "clinical").await.unwrap();
    assert_eq!(now.place, 3);
    assert_eq!(now.serving.artifact_digest, Some(artifact));
    assert_eq!(now.serving.config.len(), 2);
    assert!(!now.serving.grant.corpus, "what is not named is denied");
    assert_eq!(now.serving.grant.http[0].methods, ["GET"]);
    // What is left out stays.
    activate(&app, &stored, "clinical").await;
    let again = slot(&app, "clinical").await.unwrap();
    assert_eq!(again.serving, now.serving);
    assert_eq!(again.previous, now.previous, "the way back is kept");
}

#[tokio::test]
async fn a_version_that_is_still_being_checked_does_not_serve() {
    let app = TestApp::start().await;
    let stored = uploaded(&app, "ranker", guest("unruly_reranker")).await;
    let before = serving(&app, "reranker").await;
    for verb in ["activate", "shadow", "canary"] {
        let answer = post(&app, &stored, verb, json!({ "slot": "reranker" })).await;
        let problem = answer.problem();
        assert!(
            problem.starts_with("409 /problems/version-not-checked"),
            "{problem}"
        );
        assert!(problem.contains("`uploaded`"), "{problem}");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    // Not even by force.
    let forced = json!({ "slot": "reranker", "force": true, "reason": "now" });
    assert_eq!(post(&app, &stored, "activate", forced).await.status, 409);
    assert_eq!(serving(&app, "reranker").await, before);
}

#[tokio::test]
async fn a_rejected_version_does_not_serve() {
    let app = TestApp::start().await;
    let stored = uploaded(&app, "ranker", guest("unruly_reranker")).await;
    reject(&app, &stored, "it imports a socket").await;
    let problem = post(&app, &stored, "activate", json!({ "slot": "reranker" }))
        .await
        .problem();
    assert!(
        problem.starts_with("409 /problems/version-refused"),
        "{problem}"
    );
    assert!(problem.contains("it imports a socket"), "{problem}");
}

#[tokio::test]
async fn a_slot_takes_plugins_of_its_world_only() {
    let app = TestApp::start().await;
    let stored = reranker(&app, "a").await;
    let answer = post(&app, &stored, "activate", json!({ "slot": "mapper" })).await;
    assert_snapshot!(answer.problem(), @"409 /problems/move-refused slot `mapper` is for a mapper, and `ranker` is a reranker");
}

#[tokio::test]
async fn activating_into_a_name_that_is_free_makes_a_slot() {
    let app = TestApp::start().await;
    let stored = reranker(&app, "a").await;
    let answer = activate(&app, &stored, "rare-diseases").await;
    assert_eq!(answer.header("etag"), Some("\"1\""));
    let made = slot(&app, "rare-diseases").await.unwrap();
    assert_eq!(made.place, 1, "behind the reranker that was there");
    assert_eq!((made.previous, made.serving.artifact_digest), (None, None));
    // Other verbs make none.
    for verb in ["shadow", "canary", "promote", "rollback"] {
        let answer = post(&app, &stored, verb, json!({ "slot": "nowhere" })).await;
        let problem = answer.problem();
        assert!(
            problem.starts_with("404 /problems/slot-not-found"),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn a_change_that_was_decided_on_an_older_slot_is_refused() {
    let app = TestApp::start().await;
    let (one, other) = (reranker(&app, "a").await, reranker(&app, "b").await);
    let body = json!({ "slot": "reranker" });
    let first = conditional(&app, &one, ("if-match", "\"1\""), body.clone()).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let lost = conditional(&app, &other, ("if-match", "\"1\""), body.clone()).await;
    assert_snapshot!(lost.problem(), @"412 /problems/generation-moved slot `reranker` is at generation 2, not 1: read it again, then repeat the change");
    assert_eq!(serving(&app, "reranker").await, one.digest);
    let fresh = conditional(&app, &other, ("if-none-match", "*"), body.clone()).await;
    assert_eq!(fresh.status, 412);
    let new = json!({ "slot": "second" });
    let made = conditional(&app, &other, ("if-none-match", "*"), new.clone()).await;
    assert_eq!(made.status, 200);
    let unknown = conditional(
        &app,
        &other,
        ("if-match", "\"1\""),
        json!({ "slot": "third" }),
    )
    .await;
    assert_eq!(unknown.status, 404);
    let malformed = conditional(&app, &other, ("if-match", "1"), new).await;
    assert_snapshot!(malformed.problem(), @r#"400 /problems/invalid-header If-Match: expected a generation in quotes, such as "3""#);
}

#[tokio::test]
async fn of_many_changes_decided_on_one_generation_one_is_made() {
    let app = TestApp::start().await;
    let mut versions = Vec::new();
    for n in 0..6 {
        versions.push(reranker(&app, &format!("v{n}")).await);
    }
    let answers = futures::future::join_all(versions.iter().map(|stored| {
        conditional(
            &app,
            stored,
            ("if-match", "\"1\""),
            json!({ "slot": "reranker" }),
        )
    }))
    .await;
    let n_made = answers.iter().filter(|answer| answer.status == 200).count();
    let n_lost = answers.iter().filter(|answer| answer.status == 412).count();
    assert_eq!((n_made, n_lost), (1, 5));
    // Without a condition each is made in turn.
    let answers = futures::future::join_all(
        versions
            .iter()
            .map(|stored| post(&app, stored, "activate", json!({ "slot": "mine" }))),
    )
    .await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(slot(&app, "mine").await.unwrap().generation, 6);
}

async fn with_key(app: &TestApp, stored: &Stored, verb: &str, body: Value) -> Answer {
    let request = app
        .request(Method::POST, &format!("{}/{verb}", stored.path()))
        .header("idempotency-key", "k-1");
    Answer::to(request.json(&body)).await
}

#[tokio::test]
async fn a_repeated_key_answers_as_the_first_time() {
    let app = TestApp::start().await;
    let stored = reranker(&app, "a").await;
    activate(&app, &stored, "reranker").await;
    let body = json!({ "slot": "reranker", "reason": "too slow" });
    let first = with_key(&app, &stored, "rollback", body.clone()).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(first.header("idempotent-replayed"), None);
    // By now another version serves: decided anew, this would be a refusal.
    let again = with_key(&app, &stored, "rollback", body.clone()).await;
    assert_eq!(again.status, 200, "{}", again.text);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.json(), first.json());
    assert_eq!(slot(&app, "reranker").await.unwrap().generation, 3);
    let reused = with_key(&app, &stored, "activate", json!({ "slot": "reranker" })).await;
    assert!(
        reused
            .problem()
            .starts_with("422 /problems/idempotency-key-reused")
    );
    let reworded = with_key(&app, &stored, "rollback", json!({ "slot": "reranker" })).await;
    assert_eq!(reworded.status, 422);
    assert_eq!(slot(&app, "reranker").await.unwrap().generation, 3);
}

#[tokio::test]
async fn rolling_back_changes_places_with_the_one_before() {
    let app = TestApp::start().await;
    let before = serving(&app, "reranker").await;
    let stored = reranker(&app, "a").await;
    let early = post(&app, &stored, "rollback", json!({ "slot": "reranker" })).await;
    let problem = early.problem();
    assert!(
        problem.contains("does not serve in slot `reranker`"),
        "{problem}"
    );
    activate(&app, &stored, "reranker").await;
    let back = post(&app, &stored, "rollback", json!({ "slot": "reranker" })).await;
    assert_eq!(back.status, 200, "{}", back.text);
    assert_eq!(serving(&app, "reranker").await, before);
    assert_eq!(state_of(&app, &stored).await, VersionState::Draining);
    // It still is what one goes back to.
    let way_back = slot(&app, "reranker").await.unwrap().previous.unwrap();
    assert_eq!(way_back.plugin_digest, stored.digest);
    activate(&app, &stored, "alone").await;
    let stuck = post(&app, &stored, "rollback", json!({ "slot": "alone" })).await;
    assert_snapshot!(stuck.problem(), @"409 /problems/move-refused nothing served in slot `alone` before: there is no way back");
}

#[tokio::test]
async fn a_grant_changes_what_the_serving_version_may_reach() {
    let app = TestApp::start().await;
    let stored = source(&app, "a").await;
    activate(&app, &stored, "clinical").await;
    let grant = json!({ "http": [{
        "origin": "https://API.example.org", "methods": ["GET"], "path": "/search", "secrets": ["token"]
    }] });
    let body = json!({ "grant": grant, "reason": "trials as they are today" });
    let answer = app.post("/api/slots/clinical/grant", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let moved = answer.json();
    assert_eq!(moved["event"]["verb"], "grant");
    assert_eq!(moved["event"]["digest"], stored.digest.to_string());
    let now = slot(&app, "clinical").await.unwrap();
    assert_eq!(now.serving.plugin_digest, stored.digest);
    assert!(!now.serving.grant.corpus);
    let place = &now.serving.grant.http[0];
    assert_eq!(place.origin.to_string(), "https://api.example.org");
    assert_eq!(moved["slot"]["grants"]["http"][0]["secrets"][0], "token");
    let unknown = app.post("/api/slots/nowhere/grant", &body).await;
    assert_eq!(unknown.status, 404);
    let bad = json!({ "grant": { "http": [{ "origin": "ftp://host" }] } });
    let problem = app.post("/api/slots/clinical/grant", &bad).await.problem();
    assert!(
        problem.starts_with("422 /problems/invalid-field grant.http[0].origin:"),
        "{problem}"
    );
}

#[tokio::test]
async fn fields_of_other_verbs_and_wrong_ones_are_refused_by_name() {
    let app = TestApp::start().await;
    let stored = reranker(&app, "a").await;
    for (verb, body, field) in [
        ("activate", json!({}), "slot"),
        ("activate", json!({ "slot": "Reranker" }), "slot"),
        (
            "activate",
            json!({ "slot": "reranker", "share": 0.1 }),
            "share",
        ),
        (
            "promote",
            json!({ "slot": "reranker", "artifact_digest": "x" }),
            "artifact_digest",
        ),
        ("canary", json!({ "slot": "reranker", "share": 0 }), "share"),
        (
            "canary",
            json!({ "slot": "reranker", "share": 1.5 }),
            "share",
        ),
        (
            "activate",
            json!({ "slot": "reranker", "force": true }),
            "reason",
        ),
        (
            "activate",
            json!({ "slot": "reranker", "reason": "a\nb" }),
            "reason",
        ),
        ("quarantine", json!({}), "reason"),
        ("quarantine", json!({ "reason": " " }), "reason"),
    ] {
        let problem = post(&app, &stored, verb, body.clone()).await.problem();
        assert!(
            problem.starts_with(&format!("422 /problems/invalid-field {field}:")),
            "{verb} {body}: {problem}"
        );
    }
}
