//! The words of a story about plugins: upload, wait for the gates, move, wait for the hosts.

use std::{fs, path::PathBuf};

use phagen_domain::{digest::Digest, result::JobResult};
use phagen_package::{Package, embed};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{answer::Answer, process::PATIENCE, server::Server, template};

/// A component of the tests, as `cargo xtask test` builds it.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    let folder = std::env::var_os("PHAGEN_TEST_GUESTS").map(PathBuf::from);
    let path = folder
        .expect("`PHAGEN_TEST_GUESTS` is not set: run `cargo xtask test`, which builds the guests")
        .join(format!("{name}.wasm"));
    fs::read(&path).unwrap_or_else(|error| panic!("cannot read `{}`: {error}", path.display()))
}

/// The built-in reranker under another version number: the same code, another digest.
pub(crate) fn reranker_version(version: &str) -> Vec<u8> {
    let path = template::share_dir().join("plugin/evidence-reranker.wasm");
    let built = fs::read(path).expect("the built-in reranker");
    let package = Package::read(&built).expect("a package");
    let mut manifest = package.manifest.expect("a built-in has a manifest");
    version.clone_into(&mut manifest.plugin.version);
    embed(&built, &manifest, None, None).expect("another version")
}

impl Server {
    /// Uploads a component and waits until its gates are behind it, or one refused it.
    pub(crate) async fn upload(&self, name: &str, component: &[u8]) -> Value {
        let path = format!("/api/plugins?name={name}");
        let request = self
            .request(Method::POST, &path)
            .header("content-type", "application/wasm")
            .body(component.to_vec());
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        let digest = Digest::of(component);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let version = self.version(name, digest).await;
            let state = version["state"].as_str().expect("a state");
            if !["uploaded", "verified", "compiled"].contains(&state) {
                return version;
            }
            assert!(
                Instant::now() < deadline,
                "still {state} after {PATIENCE:?}"
            );
            sleep(POLL).await;
        }
    }

    pub(crate) async fn version(&self, name: &str, digest: Digest) -> Value {
        let path = format!("/api/plugins/{name}/versions/{digest}");
        let answer = self.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// A move that must succeed, followed by this process.
    pub(crate) async fn moves(
        &self,
        name: &str,
        digest: Digest,
        verb: &str,
        body: &Value,
    ) -> Value {
        let path = format!("/api/plugins/{name}/versions/{digest}/{verb}");
        let answer = self.post(&path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.followed().await;
        answer.json()
    }

    /// Waits until every process that shares the database serves what it says.
    pub(crate) async fn followed(&self) {
        let begun = Instant::now();
        loop {
            let now = self.plugins().await;
            let wanted = &now["set_generation"];
            let hosts = now["hosts"].as_array().expect("hosts");
            if !hosts.is_empty() && hosts.iter().all(|host| host["set_generation"] == *wanted) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "the hosts do not follow: {now}");
            sleep(POLL).await;
        }
    }

    pub(crate) async fn plugins(&self) -> Value {
        let answer = self.get("/api/plugins").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    pub(crate) async fn slot(&self, name: &str) -> Value {
        let plugins = self.plugins().await;
        let slots = plugins["items"].as_array().expect("slots").clone();
        let mut slots = slots.into_iter();
        slots.find(|slot| slot["slot"] == name).expect("the slot")
    }

    /// What serves in a slot once it is another than `digest`.
    pub(crate) async fn slot_without(&self, name: &str, digest: Digest) -> Value {
        let begun = Instant::now();
        loop {
            let slot = self.slot(name).await;
            if slot["plugin_digest"] != digest.to_string() {
                self.followed().await;
                return slot;
            }
            assert!(begun.elapsed() < PATIENCE, "still there: {slot}");
            sleep(POLL).await;
        }
    }

    /// Verbs of the record of moves, oldest first, as `verb actor`.
    pub(crate) async fn record_of(&self, digest: Digest) -> Vec<String> {
        let path = format!("/api/activations?digest={digest}");
        let answer = self.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let events = answer.json();
        let events = events["items"].as_array().expect("events");
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        events
            .iter()
            .map(|event| format!("{} {}", word(&event["verb"]), word(&event["actor"])))
            .collect()
    }
}

pub(crate) const POLL: std::time::Duration = std::time::Duration::from_millis(20);

/// Digest of the reranker that ordered a result.
pub(crate) fn reranked_by(result: &JobResult) -> Digest {
    result.reranking.plugin_digest
}

pub(crate) fn in_slot(slot: &str) -> Value {
    json!({ "slot": slot, "reason": "a test asks for it" })
}
