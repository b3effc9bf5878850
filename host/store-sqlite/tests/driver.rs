//! What is SQLite's alone: the file, its schema, and rows that are not what they should be.

use std::{error::Error as _, fs, os::unix::fs::PermissionsExt as _, path::Path};

use phagen_domain::job::{JobState, JobStatus};
use phagen_store::{
    FeedbackStore as _, QueueStore as _, Store as _, StoreError,
    conformance::specimen::{LEASE, claimed, enqueued, result},
};
use phagen_store_sqlite::SqliteStore;
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};
use tokio::task::JoinSet;

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).await.expect("a database")
}

async fn refusal(path: &Path) -> String {
    let refused = SqliteStore::open(path).await;
    refused.expect_err("it cannot be used").to_string()
}

/// Writes behind the driver's back.
async fn write(path: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(path);
    let rows = SqlitePool::connect_with(options).await.expect("the rows");
    sqlx::query(sql).execute(&rows).await.expect("a write");
    rows.close().await;
}

#[tokio::test]
async fn a_reopened_database_keeps_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("phagen.db");
    let store = open(&path).await;
    let [done, running, queued] = [
        enqueued(&store, "aspirin").await,
        enqueued(&store, "metformin").await,
        enqueued(&store, "cisplatin").await,
    ];
    let lease = claimed(&store).await.lease;
    store.finish(&lease, &result("aspirin")).await.expect("end");
    let lease = claimed(&store).await.lease;
    let mut before = Vec::new();
    for id in [done, running, queued] {
        before.push(store.find_job(id).await.expect("a read"));
    }
    let version = store.schema_version().await.expect("a version");
    store.close().await;
    // Closed, it is one file.
    assert!(!path.with_extension("db-wal").exists());

    let store = open(&path).await;
    let mut after = Vec::new();
    for id in [done, running, queued] {
        after.push(store.find_job(id).await.expect("a read"));
    }
    assert_eq!(after, before);
    assert_eq!(store.schema_version().await.expect("a version"), version);
    // A lease outlives its process: the next may still hand the result in.
    store.release(&lease).await.expect("a release");
    assert_eq!(claimed(&store).await.job.id, running);
    store.close().await;
}

#[tokio::test]
async fn a_new_database_is_its_owners_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("deep/er/phagen.db");
    let store = open(&path).await;
    enqueued(&store, "aspirin").await;
    for file in ["phagen.db", "phagen.db-wal", "phagen.db-shm"] {
        let file = path.with_file_name(file);
        let mode = fs::metadata(&file).expect("it exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    store.close().await;
}

#[tokio::test]
async fn an_unusable_path_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = folder.path().join("text");
    fs::write(
        &text,
        "not a database, though long enough to be taken for one ".repeat(40),
    )
    .expect("a file");
    let below_a_file = text.join("phagen.db");
    for (path, reason) in [
        (folder.path(), "cannot be written: Is a directory"),
        (&below_a_file, "its folder cannot be made"),
        (&text, "file is not a database"),
    ] {
        let refusal = refusal(path).await;
        assert!(refusal.contains(&path.display().to_string()), "{refusal}");
        assert!(refusal.contains(reason), "{refusal}");
    }
    let kept = fs::read_to_string(&text).expect("the file");
    assert!(kept.starts_with("not a database"), "it was left alone");
}

#[tokio::test]
async fn a_newer_schema_asks_for_an_upgrade() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("phagen.db");
    open(&path).await.close().await;
    write(
        &path,
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (29990101000000, 'from the future', true, x'00', 0)",
    )
    .await;
    let refused = SqliteStore::open(&path).await;
    assert!(
        matches!(
            &refused,
            Err(StoreError::NewerSchema { found: 29_990_101_000_000, known, .. }) if *known > 0
        ),
        "{refused:?}"
    );
    assert!(refusal(&path).await.contains("upgrade phagen"));
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("phagen.db");
    open(&path).await.close().await;
    write(&path, "update _sqlx_migrations set checksum = x'00'").await;
    let refusal = refusal(&path).await;
    assert!(refusal.contains("has been modified"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_may_open_a_new_database_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("phagen.db");
    let mut opening = JoinSet::new();
    for _ in 0..6 {
        let path = path.clone();
        opening.spawn(async move { open(&path).await });
    }
    let stores = opening.join_all().await;
    // Each has its own writer; SQLite lets one write at a time.
    for store in &stores {
        enqueued(store, "aspirin").await;
    }
    for store in &stores {
        claimed(store).await;
        store.close().await;
    }
}

/// Takes the five seconds that SQLite waits.
#[tokio::test]
async fn a_writer_that_never_lets_go_is_told_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("phagen.db");
    let store = open(&path).await;
    let other = open(&path).await;
    let options = SqliteConnectOptions::new().filename(&path);
    let rows = SqlitePool::connect_with(options).await.expect("the rows");
    let held = rows.begin_with("begin immediate").await.expect("the lock");
    let refused = store.claim("worker-1", LEASE).await.expect_err("locked");
    let cause = refused.source().expect("a cause").to_string();
    assert_eq!(refused.to_string(), "database failed to claim a job");
    assert!(cause.contains("database is locked"), "{cause}");
    // Readers do not care, and the writer goes on when it may.
    other.ping().await.expect("the time");
    held.rollback().await.expect("the lock goes");
    enqueued(&store, "aspirin").await;
    claimed(&other).await;
    for store in [store, other] {
        store.close().await;
    }
    rows.close().await;
}

#[tokio::test]
async fn a_job_that_cannot_be_read_does_not_block_the_queue() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("phagen.db");
    let store = open(&path).await;
    let unreadable = enqueued(&store, "aspirin").await;
    write(&path, "update job set request = '{\"molecule\":1}'").await;
    let readable = enqueued(&store, "metformin").await;
    assert_eq!(claimed(&store).await.job.id, readable);
    let events = store.list_events(unreadable, 0).await.expect("its events");
    let last = events.last().expect("an end");
    assert_eq!((events.len(), last.kind.as_str()), (2, "failed"));
    assert!(last.data["message"].to_string().contains("`request`"));
    assert_eq!(store.claim("worker-1", LEASE).await.expect("none"), None);
    let found = store.find_job(unreadable).await;
    assert!(
        matches!(found, Err(StoreError::CorruptRow { table: "job", .. })),
        "{found:?}"
    );
    store.close().await;
}

#[tokio::test]
async fn a_corrupt_row_names_its_table_and_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("phagen.db");
    let store = open(&path).await;
    let id = enqueued(&store, "aspirin").await;
    let lease = claimed(&store).await.lease;
    store.finish(&lease, &result("aspirin")).await.expect("end");
    write(&path, "update job set result = '{\"molecule\":{}}'").await;
    let error = store.find_job(id).await.expect_err("no result").to_string();
    assert!(
        error.starts_with("row of `job` cannot be read: `result`: missing field"),
        "{error}"
    );
    write(
        &path,
        "insert into feedback values ('x', 'v', 'PMID:1', 'clinical', 'flag', null, 'm', 1, '',
         null, '[]', '[]', '', 0)",
    )
    .await;
    let error = store.list_feedback().await.expect_err("no job").to_string();
    assert!(error.starts_with("row of `feedback`"), "{error}");
    store.close().await;
}

#[tokio::test]
async fn the_wrong_state_cannot_be_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("phagen.db");
    let store = open(&path).await;
    let id = enqueued(&store, "aspirin").await;
    let options = SqliteConnectOptions::new().filename(&path);
    let rows = SqlitePool::connect_with(options).await.expect("the rows");
    for sql in [
        "update job set state = 'running'",
        "update job set state = 'succeeded', finished_at = 1",
        "update job set state = 'failed', finished_at = 1",
        "update job set state = 'cancelled'",
        "update job set state = 'paused'",
        "update job set result = '{}'",
        "update job set lease_token = 'x'",
        "update job set cancel_requested_at = 1",
        "update job set run_at = 'soon'",
    ] {
        let written = sqlx::query(sql).execute(&rows).await;
        assert!(written.is_err(), "{sql}");
    }
    let job = store.find_job(id).await.expect("a read").expect("the job");
    assert!(matches!(job.state, JobState::Queued { .. }));
    assert_eq!(job.state.status(), JobStatus::Queued);
    rows.close().await;
    store.close().await;
}
