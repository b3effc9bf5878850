//! What serves where.

use chrono::{DateTime, TimeDelta};
use phagen_domain::{
    artifact::{ArtifactRecord, LinearReranker},
    digest::Digest,
    evidence::Attribute,
    plugin::{Grant, Slot, World},
};
use tokio::task::JoinSet;

use super::{Harness, specimen::slot_name};
use crate::{SlotChange, StoreError};

fn slot(name: &str, world: World) -> Slot {
    Slot {
        name: slot_name(name),
        world,
        plugin: format!("{name}-plugin"),
        plugin_digest: Digest::of(name.as_bytes()),
        artifact_digest: None,
        config: vec![Attribute {
            key: "kind".to_owned(),
            value: name.to_owned(),
        }],
        grant: Grant {
            corpus: world == World::Source,
            artifact: world == World::Reranker,
        },
        generation: 1,
    }
}

fn change(generation: u64, artifact: &[u8]) -> SlotChange {
    SlotChange {
        slot: slot_name("reranker"),
        generation,
        artifact_digest: Some(Digest::of(artifact)),
    }
}

pub async fn slots_are_seeded_once(harness: &dyn Harness) {
    let store = harness.store();
    let seeds = [
        slot("reranker", World::Reranker),
        slot("clinical", World::Source),
        slot("mapper", World::Mapper),
    ];
    assert_eq!(store.list_slots().await.expect("slots"), []);
    assert_eq!(store.seed_slots(&seeds[..2]).await.expect("a seed"), 2);
    let changed = store.change_artifact(&change(1, b"weights")).await;
    assert_eq!(changed.expect("a change"), 2);
    // The next start knows one slot more, and leaves the change alone.
    assert_eq!(store.seed_slots(&seeds).await.expect("a seed"), 1);
    let [reranker, clinical, mapper] = seeds;
    let reranker = Slot {
        artifact_digest: Some(Digest::of(b"weights")),
        generation: 2,
        ..reranker
    };
    let slots = store.list_slots().await.expect("slots");
    assert_eq!(slots, [clinical, mapper, reranker], "by name, each whole");
}

pub async fn a_change_needs_the_generation_it_read(harness: &dyn Harness) {
    let store = harness.store();
    let unknown = store.change_artifact(&change(1, b"weights")).await;
    assert!(
        matches!(&unknown, Err(StoreError::UnknownSlot(name)) if name == "reranker"),
        "{unknown:?}"
    );
    let seeded = store.seed_slots(&[slot("reranker", World::Reranker)]).await;
    seeded.expect("a seed");
    let first = store.change_artifact(&change(1, b"first")).await;
    assert_eq!(first.expect("a change"), 2);
    let stale = store.change_artifact(&change(1, b"second")).await;
    assert!(
        matches!(
            &stale,
            Err(StoreError::GenerationMoved { slot, expected: 1, found: 2 }) if slot == "reranker"
        ),
        "{stale:?}"
    );
    let slots = store.list_slots().await.expect("slots");
    assert_eq!(slots[0].artifact_digest, Some(Digest::of(b"first")));
    let back = SlotChange {
        artifact_digest: None,
        ..change(2, b"")
    };
    let back = store.change_artifact(&back).await;
    assert_eq!(back.expect("a change"), 3);
    let slots = store.list_slots().await.expect("slots");
    assert_eq!(slots[0].artifact_digest, None);
}

pub async fn of_many_changes_of_one_generation_one_wins(harness: &dyn Harness) {
    let store = harness.store();
    let seeded = store.seed_slots(&[slot("reranker", World::Reranker)]).await;
    seeded.expect("a seed");
    let mut changes = JoinSet::new();
    for n in 0..16_u8 {
        let store = harness.store();
        changes.spawn(async move { store.change_artifact(&change(1, &[n])).await.is_ok() });
    }
    let n_won = changes.join_all().await.into_iter().filter(|won| *won);
    assert_eq!(n_won.count(), 1);
    let slots = store.list_slots().await.expect("slots");
    assert_eq!(slots[0].generation, 2);
}

pub async fn a_slot_follows_its_builtin_plugin(harness: &dyn Harness) {
    let store = harness.store();
    let seed = slot("reranker", World::Reranker);
    let unknown = store.update_builtin(&seed).await;
    assert!(
        matches!(unknown, Err(StoreError::UnknownSlot(_))),
        "{unknown:?}"
    );
    let seeded = store.seed_slots(std::slice::from_ref(&seed)).await;
    seeded.expect("a seed");
    assert!(!store.update_builtin(&seed).await.expect("no update"));
    let newer = Slot {
        plugin_digest: Digest::of(b"a newer build"),
        artifact_digest: Some(Digest::of(b"weights")),
        config: vec![],
        ..seed.clone()
    };
    assert!(store.update_builtin(&newer).await.expect("an update"));
    assert!(!store.update_builtin(&newer).await.expect("no update"));
    let expected = Slot {
        generation: 2,
        ..newer
    };
    let slots = store.list_slots().await.expect("slots");
    assert_eq!(slots, std::slice::from_ref(&expected));
    // A slot that an operator gave to another plugin is not taken back.
    let other = Slot {
        plugin: "another-plugin".to_owned(),
        plugin_digest: Digest::of(b"another plugin"),
        ..seed
    };
    assert!(!store.update_builtin(&other).await.expect("no update"));
    assert_eq!(store.list_slots().await.expect("slots"), [expected]);
}

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
        store.record_artifact(artifact).await.expect("a record");
    }
    let artifacts = store.list_artifacts().await.expect("artifacts");
    assert_eq!(artifacts, [trained, default], "newest first");
}
