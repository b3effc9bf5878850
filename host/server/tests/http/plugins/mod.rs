//! Plugins through the API: stored, moved, tried, taken back. No gates run here: tests walk the
//! versions through their states themselves.

mod events;
mod keys;
mod operators;
mod race;
mod serve;
mod signature;
mod trial;
mod upload;
mod withdraw;

use std::path::PathBuf;

use phagen_domain::{
    digest::Digest,
    plugin::{Cause, Gate, GateReport, Slot, Verb, VersionState},
};
use phagen_store::VersionMove;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::common::{Answer, TestApp};

/// A built component of the tests' own, without a manifest.
fn guest(name: &str) -> Vec<u8> {
    let folder = std::env::var_os("PHAGEN_TEST_GUESTS").map(PathBuf::from);
    let folder = folder
        .expect("`PHAGEN_TEST_GUESTS` is not set: run `cargo xtask test`, which builds the guests");
    std::fs::read(folder.join(format!("{name}.wasm"))).expect("the guest was built")
}

/// The same component with a custom section more, so that its digest is another.
fn variant(name: &str, tag: &str) -> Vec<u8> {
    let mut bytes = guest(name);
    let length = u8::try_from(tag.len()).expect("a short tag");
    bytes.extend([0, length + 1, length]);
    bytes.extend(tag.as_bytes());
    bytes
}

/// A version that the API knows.
#[derive(Debug, Clone)]
struct Stored {
    name: String,
    digest: Digest,
}

impl Stored {
    fn path(&self) -> String {
        format!("/api/plugins/{}/versions/{}", self.name, self.digest)
    }
}

fn upload_of(app: &TestApp, name: &str, bytes: Vec<u8>) -> RequestBuilder {
    app.request(Method::POST, &format!("/api/plugins?name={name}"))
        .header("content-type", "application/wasm")
        .body(bytes)
}

async fn uploaded(app: &TestApp, name: &str, bytes: Vec<u8>) -> Stored {
    let digest = Digest::of(&bytes);
    let answer = Answer::to(upload_of(app, name, bytes)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    Stored {
        name: name.to_owned(),
        digest,
    }
}

/// A reranker that passed its gates.
async fn reranker(app: &TestApp, tag: &str) -> Stored {
    let stored = uploaded(app, "ranker", variant("unruly_reranker", tag)).await;
    pass_gates(app, &stored).await;
    stored
}

/// A source that passed its gates.
async fn source(app: &TestApp, tag: &str) -> Stored {
    let stored = uploaded(app, "finder", variant("unruly_guest", tag)).await;
    pass_gates(app, &stored).await;
    stored
}

async fn pass_gates(app: &TestApp, stored: &Stored) {
    use VersionState as S;
    for (from, to, gate, verb) in [
        (S::Uploaded, S::Verified, Gate::Verify, Verb::Verify),
        (S::Verified, S::Compiled, Gate::Compile, Verb::Compile),
        (S::Compiled, S::Checked, Gate::Check, Verb::Check),
    ] {
        let report = GateReport {
            gate,
            passed: true,
            milliseconds: 1.0,
            notes: vec!["by hand".to_owned()],
        };
        let change = VersionMove {
            digest: stored.digest,
            from,
            to,
            gate: Some(report),
            signature: None,
            cause: Cause::host(verb, "by hand"),
        };
        app.store
            .move_version(&change)
            .await
            .expect("a gate passes");
    }
}

async fn reject(app: &TestApp, stored: &Stored, reason: &str) {
    let change = VersionMove {
        digest: stored.digest,
        from: VersionState::Uploaded,
        to: VersionState::Rejected,
        gate: None,
        signature: None,
        cause: Cause::host(Verb::Reject, reason),
    };
    app.store
        .move_version(&change)
        .await
        .expect("it is rejected");
}

async fn state_of(app: &TestApp, stored: &Stored) -> VersionState {
    let version = app.store.find_version(stored.digest).await;
    version
        .expect("the store answers")
        .expect("it is stored")
        .state
}

async fn slot(app: &TestApp, name: &str) -> Option<Slot> {
    let slots = app.store.list_slots().await.expect("the store answers");
    slots.into_iter().find(|slot| slot.name.as_str() == name)
}

async fn serving(app: &TestApp, name: &str) -> Digest {
    slot(app, name)
        .await
        .expect("the slot exists")
        .serving
        .plugin_digest
}

/// Asks for one move.
async fn post(app: &TestApp, stored: &Stored, verb: &str, body: Value) -> Answer {
    app.post(&format!("{}/{verb}", stored.path()), &body).await
}

async fn activate(app: &TestApp, stored: &Stored, slot: &str) -> Answer {
    let answer = post(app, stored, "activate", json!({ "slot": slot })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer
}
