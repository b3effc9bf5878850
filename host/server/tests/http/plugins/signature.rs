//! Signatures at the door, and what a slot asks of them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use phagen_domain::plugin::{Cause, Signature, Verb, VersionState};
use phagen_server::config::{SignaturePolicy, SignatureSettings};
use phagen_store::VersionMove;
use serde_json::json;

use super::{activate, guest, post, reranker, serving, upload_of};
use crate::common::{Answer, Rules, TestApp};

const MINISIG: &str = "untrusted comment: signature from a test\nRUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=\ntrusted comment: timestamp:1633700835\nwLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==\n";

async fn with_header(app: &TestApp, value: &str) -> Answer {
    let request = upload_of(app, "names", guest("unruly_mapper"));
    Answer::to(request.header("x-phagen-signature", value)).await
}

#[tokio::test]
async fn a_signature_file_is_kept_for_the_gate() {
    let app = TestApp::start().await;
    let answer = with_header(&app, &BASE64_STANDARD.encode(MINISIG)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert_eq!(answer.json()["minisig"], MINISIG);
}

#[tokio::test]
async fn a_malformed_signature_is_refused_before_the_bytes_are_kept() {
    let app = TestApp::start().await;
    let three_lines = MINISIG.rsplit_once("\nwLM").unwrap().0;
    let long = format!("untrusted comment:{}", "x".repeat(4_096));
    for (value, words) in [
        ("*".to_owned(), "is not base64"),
        (BASE64_STANDARD.encode("signed, me"), "four lines"),
        (BASE64_STANDARD.encode(three_lines), "four lines"),
        (BASE64_STANDARD.encode(b"\xff\xfe"), "not UTF-8"),
        (BASE64_STANDARD.encode(long), "at most 4096"),
    ] {
        let problem = with_header(&app, &value).await.problem();
        assert!(
            problem.starts_with("400 /problems/invalid-header X-PhaGen-Signature:"),
            "{problem}"
        );
        assert!(problem.contains(words), "{problem}");
    }
    assert!(app.store.list_versions().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_strict_slot_takes_only_what_is_signed() {
    let slots = [("reranker".parse().unwrap(), SignaturePolicy::Required)];
    let rules = Rules {
        signatures: SignatureSettings {
            slots: slots.into(),
            ..SignatureSettings::default()
        },
        ..Rules::default()
    };
    let app = TestApp::with(rules).await;
    let stored = reranker(&app, "unsigned").await;
    let before = serving(&app, "reranker").await;
    for verb in ["activate", "shadow", "canary"] {
        let refused = post(&app, &stored, verb, json!({ "slot": "reranker" })).await;
        let problem = refused.problem();
        assert!(
            problem.starts_with("409 /problems/version-refused"),
            "{problem}"
        );
        assert!(problem.contains("it is not signed"), "{problem}");
    }
    assert_eq!(serving(&app, "reranker").await, before);
    // Another slot asks for less.
    activate(&app, &stored, "second").await;
    let signed = VersionMove {
        digest: stored.digest,
        from: VersionState::Active,
        to: VersionState::Active,
        gate: None,
        signature: Some(Signature::Verified {
            key: "ada".to_owned(),
        }),
        cause: Cause::host(Verb::Verify, "by hand"),
    };
    app.store.move_version(&signed).await.unwrap();
    activate(&app, &stored, "reranker").await;
}
