//! A database of before: opened, it serves what it served.

use std::path::Path;

use phagen_domain::{
    digest::Digest,
    evidence::Attribute,
    job::Priority,
    plugin::{Activation, Cause, Grant, Slot, Verb, VersionState, World},
};
use phagen_store::{
    RegistryStore as _, Store as _,
    conformance::{
        plugin_specimen::{
            all_events, built_in, digest, moved, recorded, reranker, seeded, slot_move, state_of,
        },
        specimen::{claimed, job, slot_name},
    },
};
use phagen_store_sqlite::SqliteStore;
use sqlx::{SqlitePool, migrate::Migrator, sqlite::SqliteConnectOptions};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// The migration that gave slots their previous, their candidate and their events.
const PLUGIN: i64 = 20_261_122_200_000;

async fn rows(path: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    SqlitePool::connect_with(options).await.expect("the rows")
}

/// As a binary of before issue 3 left it.
async fn old_database(path: &Path) {
    let rows = rows(path).await;
    let known = MIGRATIONS.iter();
    let old = known.filter(|migration| migration.version < PLUGIN);
    let old = Migrator::with_migrations(old.cloned().collect());
    old.run(&rows).await.expect("the schema of before");
    let insert = "insert into slot (name, world, plugin, plugin_digest, artifact_digest, config,
        grant_corpus, grant_artifact, generation) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    for (name, world, artifact, config, corpus, generation) in [
        (
            "reranker",
            "reranker",
            Some(digest("weights")),
            "[]",
            false,
            4,
        ),
        (
            "clinical",
            "source",
            None,
            r#"[{"key":"kind","value":"β \"quoted\""}]"#,
            true,
            1,
        ),
    ] {
        sqlx::query(insert)
            .bind(name)
            .bind(world)
            .bind(format!("{name}-plugin"))
            .bind(digest(name).to_string())
            .bind(artifact.map(|digest: Digest| digest.to_string()))
            .bind(config)
            .bind(corpus)
            .bind(!corpus)
            .bind(generation)
            .execute(&rows)
            .await
            .expect("a slot of before");
    }
    rows.close().await;
}

fn carried_over() -> [Slot; 2] {
    let slot = |name: &str, world, corpus, generation| Slot {
        name: slot_name(name),
        world,
        place: 0,
        serving: Activation {
            plugin: format!("{name}-plugin"),
            plugin_digest: digest(name),
            artifact_digest: None,
            config: Vec::new(),
            grant: Grant {
                corpus,
                artifact: !corpus,
                http: Vec::new(),
            },
        },
        previous: None,
        candidate: None,
        generation,
    };
    let mut clinical = slot("clinical", World::Source, true, 1);
    clinical.serving.config.push(Attribute {
        key: "kind".to_owned(),
        value: "β \"quoted\"".to_owned(),
    });
    let mut reranker = slot("reranker", World::Reranker, false, 4);
    reranker.serving.artifact_digest = Some(digest("weights"));
    [clinical, reranker]
}

#[tokio::test]
async fn slots_of_before_are_carried_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("phagen.db");
    old_database(&path).await;
    let store = SqliteStore::open(&path).await.expect("a migration");
    let slots = store.list_slots().await.expect("slots");
    assert_eq!(slots, carried_over());
    let events = store.list_plugin_events(&all_events()).await;
    let events = events.expect("events");
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.slot.clone(), event.generation, event.digest))
        .collect();
    let expected = [("clinical", 1), ("reranker", 4)]
        .map(|(name, generation)| (Some(slot_name(name)), Some(generation), digest(name)));
    assert_eq!(told, expected);
    assert_eq!(store.set_generation().await.expect("a generation"), 2);
    let now = store.ping().await.expect("the time");
    for event in &events {
        let expected = (Verb::Seed, Cause::HOST, VersionState::Active);
        let cause = &event.cause;
        assert_eq!((cause.verb, cause.actor.as_str(), event.state), expected);
        assert!(event.at <= now && event.at.timestamp() > 1_700_000_000);
    }
    // They are slots like any other: seeding leaves them alone, and they move on.
    let reseeded = store.seed_slots(&carried_over()).await;
    assert_eq!(reseeded.expect("none"), 0);
    recorded(&store, &built_in("reranker")).await;
    assert_eq!(state_of(&store, "reranker").await, VersionState::Active);
    let [_, to] = carried_over();
    let change = moved(&store, &slot_move(&to, "reranker", Verb::ChangeArtifact)).await;
    assert_eq!(change.slot.generation, 5);
    store.close().await;
}

/// The slot as it was stands in the event of before, so that a repeat of a key could be answered.
#[tokio::test]
async fn an_event_keeps_the_slot_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("phagen.db");
    old_database(&path).await;
    let store = SqliteStore::open(&path).await.expect("a migration");
    seeded(
        &store,
        &[Slot {
            name: slot_name("second"),
            ..reranker("new")
        }],
    )
    .await;
    let rows = rows(&path).await;
    let kept: Vec<String> = sqlx::query_scalar("select slot_row from plugin_event order by seq")
        .fetch_all(&rows)
        .await
        .expect("the rows");
    let kept: Vec<Slot> = kept
        .iter()
        .map(|row| serde_json::from_str(row).expect("a slot"))
        .collect();
    assert_eq!(kept, store.list_slots().await.expect("slots"));
    rows.close().await;
    store.close().await;
}

/// The migration that gave jobs a priority and a tenant.
const PRIORITY: i64 = 20_261_123_310_000;

#[tokio::test]
async fn jobs_of_before_are_of_the_usual_priority_and_nobodys() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("phagen.db");
    let rows = rows(&path).await;
    let known = MIGRATIONS.iter();
    let old = known.filter(|migration| migration.version < PRIORITY);
    let old = Migrator::with_migrations(old.cloned().collect());
    old.run(&rows).await.expect("the schema of before");
    let before = job("aspirin");
    let insert = "insert into job (id, molecule_folded, molecule, request, state, run_at, attempt,
        max_attempts, created_at) select ?1, 'aspirin', 'aspirin', ?2, 'queued', now, 0, 3, now
        from clock";
    let request = serde_json::to_string(&before.request).expect("a request");
    let inserted = sqlx::query(insert)
        .bind(before.id.to_string())
        .bind(request)
        .execute(&rows)
        .await;
    inserted.expect("a job of before");
    rows.close().await;
    let store = SqliteStore::open(&path).await.expect("a migration");
    let claim = claimed(&store).await;
    assert_eq!(claim.job.id, before.id);
    assert_eq!(claim.job.priority, Priority::NORMAL);
    assert_eq!((claim.job.tenant, claim.job.trace_parent), (None, None));
    store.close().await;
}
