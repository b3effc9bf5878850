//! Weights, as the registry knows them.

use chrono::{DateTime, TimeDelta};
use phagen_domain::{
    artifact::{ArtifactRecord, LinearReranker},
    digest::Digest,
};

use super::Harness;

pub async fn an_artifact_is_recorded_once(harness: &dyn Harness) {
    let store = harness.store();
    let artifact = |name: &str, seconds: i64| ArtifactRecord {
        digest: Digest::of(name.as_bytes()),
        name: name.to_owned(),
        format: LinearReranker::FORMAT.to_owned(),
        size_bytes: 512,
        created_at: DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds),
    };
    let [default, trained] = [
        artifact("reranker-default", 10),
        artifact("reranker-20261122-1", 20),
    ];
    let renamed = ArtifactRecord {
        name: "renamed".to_owned(),
        ..default.clone()
    };
    assert_eq!(store.list_artifacts().await.expect("artifacts"), []);
    for artifact in [&default, &trained, &default, &renamed] {
        store
            .record_artifact(artifact, "ada")
            .await
            .expect("a record");
    }
    let artifacts = store.list_artifacts().await.expect("artifacts");
    assert_eq!(artifacts, [trained, default], "newest first");
}
