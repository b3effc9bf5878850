//! What happens between a caller's look and its move: the store has the last word.

use phagen_domain::plugin::{PluginVersion, SlotName, VersionState};
use phagen_server::{
    config::SignatureSettings,
    moves::{Asked, Expected, MoveError, Mover, Order, Outfit, What},
};
use phagen_store::Moved;
use reqwest::{Method, header};
use serde_json::json;

use super::{Stored, activate, guest, post, reranker, serving, slot, state_of, uploaded};
use crate::common::{Answer, TestApp};

async fn read(app: &TestApp, stored: &Stored) -> PluginVersion {
    let version = app.store.find_version(stored.digest).await.expect("a read");
    version.expect("the version")
}

/// Lets a version serve, decided on what was read of it before.
async fn activate_as_read(
    app: &TestApp,
    version: &PluginVersion,
    force: bool,
) -> Result<Moved, MoveError> {
    let signatures = SignatureSettings::default();
    let mover = Mover {
        store: &*app.store,
        signatures: &signatures,
    };
    let slot: SlotName = "reranker".parse().expect("a slot name");
    let order = Order {
        slot: &slot,
        version,
        what: What::Activate {
            outfit: Outfit::default(),
            place: None,
        },
    };
    let asked = Asked {
        actor: "ada".to_owned(),
        reason: Some("it ranks better".to_owned()),
        expected: Expected::Any,
        key: None,
        force,
    };
    mover.change(&order, &asked).await
}

#[tokio::test]
async fn a_version_that_is_taken_out_after_it_was_read_does_not_serve() {
    let app = TestApp::start().await;
    let own = serving(&app, "reranker").await;
    let stored = reranker(&app, "a").await;
    let as_read = read(&app, &stored).await;
    assert_eq!(as_read.state, VersionState::Checked);
    let why = json!({ "reason": "it ranks withdrawn studies first" });
    assert_eq!(post(&app, &stored, "quarantine", why).await.status, 200);

    let refused = activate_as_read(&app, &as_read, false).await.unwrap_err();
    assert!(
        matches!(&refused, MoveError::Quarantined { reason, may_force: true, .. }
            if reason == "it ranks withdrawn studies first"),
        "{refused}"
    );
    assert_eq!(serving(&app, "reranker").await, own);
    assert_eq!(state_of(&app, &stored).await, VersionState::Quarantined);
    // Force is meant for just this, also when nobody knew that it would be needed.
    let forced = activate_as_read(&app, &as_read, true).await.unwrap();
    assert_eq!(forced.slot.serving.plugin_digest, stored.digest);
    assert_eq!(state_of(&app, &stored).await, VersionState::Active);
}

#[tokio::test]
async fn force_does_not_help_what_no_gate_passed() {
    let app = TestApp::start().await;
    let own = serving(&app, "reranker").await;
    let stored = uploaded(&app, "ranker", guest("unruly_reranker")).await;
    let as_believed = PluginVersion {
        state: VersionState::Checked,
        ..read(&app, &stored).await
    };
    let refused = activate_as_read(&app, &as_believed, true).await;
    assert!(
        matches!(
            refused,
            Err(MoveError::NotChecked {
                state: VersionState::Uploaded,
                ..
            })
        ),
        "{refused:?}"
    );
    assert_eq!(serving(&app, "reranker").await, own);
}

#[tokio::test]
async fn what_was_decided_on_a_slot_does_not_fit_another_of_its_name() {
    let app = TestApp::start().await;
    let stored = reranker(&app, "a").await;
    activate(&app, &stored, "second").await;
    let body = json!({ "slot": "second", "reason": "the study has ended" });
    assert_eq!(post(&app, &stored, "retire", body).await.status, 200);
    let made = activate(&app, &stored, "second").await;
    assert_eq!(made.header("etag"), Some("\"3\""));
    let stale = app
        .request(Method::POST, &format!("{}/activate", stored.path()))
        .header(header::IF_MATCH, "\"1\"")
        .json(&json!({ "slot": "second", "place": 7 }));
    let stale = Answer::to(stale).await.problem();
    assert!(
        stale.starts_with("412 /problems/generation-moved"),
        "{stale}"
    );
    assert_eq!(slot(&app, "second").await.unwrap().generation, 3);
}
