//! The record of changes as a chain.

use phagen_domain::{
    artifact::{ArtifactRecord, LinearReranker},
    digest::Digest,
    plugin::{PublisherKey, Verb},
};
use tokio::task::JoinSet;

use super::{
    Harness,
    plugin_specimen::{all_events, reranker, seeded, slot_move},
};
use crate::{
    AuditChange, AuditHead, AuditRow, AuditWalk, EventFilter, NewApiKey, RunningSettings, Scope,
    Store, StoreError,
};

fn key(name: &str) -> NewApiKey {
    NewApiKey {
        name: name.to_owned(),
        prefix: format!("phagen_{name}"),
        hash: Digest::of(name.as_bytes()),
        scopes: [Scope::Read].into_iter().collect(),
        created_by: "root".to_owned(),
        expires_at: None,
    }
}

fn publisher(name: &str) -> PublisherKey {
    PublisherKey {
        name: name.to_owned(),
        public_key: format!("RW{name}"),
        added_at: chrono::DateTime::UNIX_EPOCH,
        added_by: "ada".to_owned(),
        expires_at: None,
        revoked_at: None,
    }
}

fn artifact() -> ArtifactRecord {
    ArtifactRecord {
        digest: Digest::of(b"weights"),
        name: "reranker-1".to_owned(),
        format: LinearReranker::FORMAT.to_owned(),
        size_bytes: 512,
        created_at: chrono::DateTime::UNIX_EPOCH,
    }
}

/// With the port as the one setting.
pub(super) fn running(role: &str, host: &str, port: u16) -> RunningSettings {
    RunningSettings {
        role: role.to_owned(),
        host: host.to_owned(),
        values: [("server.port".to_owned(), port.into())].into(),
    }
}

/// Every row, with the chain walked: none is at fault, and it ends where the store says.
async fn rows(store: &dyn Store) -> Vec<AuditRow> {
    let rows = store.list_audit(0, 1_000).await.expect("rows");
    let mut walk = AuditWalk::default();
    for row in &rows {
        assert_eq!(walk.step(row).expect("a hash"), None, "{row:?}");
    }
    let head = store.audit_head().await.expect("a head");
    assert_eq!(walk.head(), head);
    rows
}

pub async fn each_change_leaves_a_row_that_follows_the_one_before(harness: &dyn Harness) {
    let store = harness.store();
    assert_eq!(rows(&*store).await, []);
    assert_eq!(
        store.audit_head().await.expect("a head"),
        AuditHead::empty()
    );
    let before = store.ping().await.expect("the time");
    seeded(&*store, &[reranker("old")]).await;
    let moved = slot_move(&reranker("new"), "new", Verb::Activate);
    store.move_slot(&moved).await.expect("a move");
    let made = store.add_api_key(&key("ci")).await.expect("a key");
    store
        .add_publisher_key(&publisher("bob"))
        .await
        .expect("a key");
    store
        .revoke_publisher_key("bob", "eve")
        .await
        .expect("the key");
    let revoked = store.revoke_api_key("ci", "eve").await.expect("the key");
    let weights = store.record_artifact(&artifact(), "ada").await;
    weights.expect("a record");
    let forgotten = AuditChange::of_cache_invalidated("all", "bob").expect("a change");
    let noted = store.record_change(&forgotten).await.expect("a row");
    let rows = rows(&*store).await;
    let told: Vec<[&str; 3]> = rows
        .iter()
        .map(|row| [&*row.action, &*row.subject, &*row.actor])
        .collect();
    let [seed, activate] = [&rows[0].subject, &rows[1].subject];
    assert_eq!(
        told,
        [
            ["plugin.seed", seed, "host"],
            ["plugin.activate", activate, &moved.cause.actor],
            ["key.create", "ci", "root"],
            ["publisher.add", "bob", "ada"],
            ["publisher.revoke", "bob", "eve"],
            ["key.revoke", "ci", "eve"],
            ["model.record", &artifact().digest.to_string(), "ada"],
            ["cache.invalidate", "all", "bob"],
        ]
    );
    let recorded = AuditChange::of_model_recorded(&artifact(), "ada").expect("a change");
    assert_eq!(rows[6].digest, recorded.digest);
    assert_eq!(rows[7], noted);
    assert!(rows.iter().all(|row| row.at >= before));
    let created = AuditChange::of_key_created(&made).expect("a change");
    assert_eq!(rows[2].digest, created.digest);
    // Also as the row is later, when it was used and revoked.
    let created = AuditChange::of_key_created(&revoked).expect("a change");
    assert_eq!(rows[2].digest, created.digest);
    let taken = AuditChange::of_key_revoked(&revoked, "eve").expect("a change");
    assert_eq!(rows[5].digest, taken.digest);
    let page = store.list_audit(2, 2).await.expect("rows");
    assert_eq!(page, rows[2..4]);
}

pub async fn what_is_refused_or_changes_nothing_leaves_no_row(harness: &dyn Harness) {
    let store = harness.store();
    seeded(&*store, &[reranker("old")]).await;
    store.add_api_key(&key("ci")).await.expect("a key");
    store.revoke_api_key("ci", "root").await.expect("the key");
    store
        .add_publisher_key(&publisher("bob"))
        .await
        .expect("a key");
    store
        .revoke_publisher_key("bob", "root")
        .await
        .expect("the key");
    store
        .record_artifact(&artifact(), "ada")
        .await
        .expect("a record");
    let before = rows(&*store).await;
    let mut stale = slot_move(&reranker("new"), "new", Verb::Activate);
    stale.expected = Some(99);
    assert!(matches!(
        store.move_slot(&stale).await,
        Err(StoreError::GenerationMoved { .. })
    ));
    assert!(store.add_api_key(&key("ci")).await.is_err());
    assert!(store.revoke_api_key("nobody", "root").await.is_err());
    store.revoke_api_key("ci", "root").await.expect("no change");
    store
        .add_publisher_key(&publisher("bob"))
        .await
        .expect("no change");
    store
        .revoke_publisher_key("bob", "root")
        .await
        .expect("no change");
    store
        .record_artifact(&artifact(), "eve")
        .await
        .expect("no change");
    store
        .touch_api_key("ci")
        .await
        .expect("a note, and no change");
    assert_eq!(rows(&*store).await, before);
}

pub async fn of_many_changes_at_once_none_breaks_the_chain(harness: &dyn Harness) {
    const N_AT_ONCE: usize = 20;
    let store = harness.store();
    let mut changes = JoinSet::new();
    for n in 0..N_AT_ONCE {
        let store = harness.store();
        changes.spawn(async move {
            let name = format!("k{n}");
            if n % 2 == 0 {
                store.add_api_key(&key(&name)).await.map(drop)
            } else {
                store.add_publisher_key(&publisher(&name)).await
            }
        });
    }
    for change in changes.join_all().await {
        change.expect("a change");
    }
    assert_eq!(rows(&*store).await.len(), N_AT_ONCE);
}

pub async fn settings_leave_a_row_when_they_are_others_than_before(harness: &dyn Harness) {
    let store = harness.store();
    // In turn, and whether it leaves a row.
    for (role, host, port, leaves) in [
        ("serve", "a", 1, true),
        ("serve", "a", 1, false),
        // As the last one of its role, on whichever host.
        ("serve", "b", 1, false),
        ("worker", "a", 1, true),
        ("serve", "b", 2, true),
        // As it was itself, whatever the others are.
        ("serve", "a", 1, false),
        ("serve", "b", 2, false),
        ("serve", "c", 2, false),
        ("serve", "a", 2, true),
        ("serve", "a", 1, true),
    ] {
        let running = running(role, host, port);
        let row = store.record_settings(&running).await.expect("an answer");
        assert_eq!(row.is_some(), leaves, "{running:?}");
        let Some(row) = row else { continue };
        assert_eq!(row.subject, format!("{role} on {host}"));
        assert_eq!(row.action, AuditChange::SETTING_CHANGE);
        let detail = row.detail.as_deref().expect("what changed");
        assert!(detail.contains("server.port"), "{detail}");
        let stored = rows(&*store).await;
        assert_eq!(stored.last(), Some(&row));
    }
}

pub async fn of_many_that_start_with_the_same_settings_one_leaves_a_row(harness: &dyn Harness) {
    const N_AT_ONCE: usize = 12;
    let store = harness.store();
    let mut starts = JoinSet::new();
    for n in 0..N_AT_ONCE {
        let store = harness.store();
        starts.spawn(async move {
            let running = running("worker", &n.to_string(), 1);
            store.record_settings(&running).await.expect("an answer")
        });
    }
    let left = starts.join_all().await;
    assert_eq!(left.iter().flatten().count(), 1);
    assert_eq!(rows(&*store).await.len(), 1);
}

pub async fn a_row_stands_for_the_event_and_its_slot(harness: &dyn Harness) {
    let store = harness.store();
    seeded(&*store, &[reranker("old")]).await;
    let moved = slot_move(&reranker("new"), "new", Verb::Activate);
    store.move_slot(&moved).await.expect("a move");
    let events = store.list_audited_events(0, 10).await.expect("events");
    let filter = EventFilter {
        limit: 10,
        ..all_events()
    };
    let plain = store.list_plugin_events(&filter).await.expect("events");
    let told: Vec<_> = events.iter().map(|(event, _)| event.clone()).collect();
    assert_eq!(told, plain);
    let rows = rows(&*store).await;
    for ((event, slot), row) in events.iter().zip(&rows) {
        let change = AuditChange::of_event(event, slot.as_deref()).expect("a change");
        assert_eq!((&change.subject, change.digest), (&row.subject, row.digest));
        let other = AuditChange::of_event(event, Some("{}")).expect("a change");
        assert_ne!(other.digest, row.digest);
    }
    let later = store.list_audited_events(events[0].0.seq, 10).await;
    assert_eq!(later.expect("events"), events[1..]);
}
