//! The suite of `phagen-store` on SQLite.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use phagen_domain::{digest::Digest, job::JobId};
use phagen_store::{Store, conformance::Harness, every_story};
use phagen_store_sqlite::SqliteStore;
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

every_story!(fresh);

struct Sqlite {
    store: Arc<SqliteStore>,
    /// Moves rows behind the driver's back.
    rows: SqlitePool,
    _folder: TempDir,
}

async fn fresh() -> Sqlite {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("phagen.db");
    let store = SqliteStore::open(&path).await.expect("a database");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .busy_timeout(Duration::from_secs(5));
    Sqlite {
        store: Arc::new(store),
        rows: SqlitePool::connect_with(options).await.expect("the rows"),
        _folder: folder,
    }
}

impl Sqlite {
    async fn touch_one(&self, sql: &'static str, id: String) {
        let touched = sqlx::query(sql).bind(id).execute(&self.rows).await;
        assert_eq!(touched.expect("a row").rows_affected(), 1);
    }

    async fn age_one(&self, sql: &'static str, id: String, by: Duration) {
        let by = i64::try_from(by.as_millis()).expect("a span that fits");
        let touched = sqlx::query(sql).bind(id).bind(by).execute(&self.rows);
        assert_eq!(touched.await.expect("a row").rows_affected(), 1);
    }
}

#[async_trait]
impl Harness for Sqlite {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    async fn expire_lease(&self, job: JobId) {
        let sql = "update job set lease_until = 1 where id = ?1 and state = 'running'";
        self.touch_one(sql, job.to_string()).await;
    }

    async fn make_due(&self, job: JobId) {
        let sql = "update job set run_at = 1 where id = ?1 and state = 'queued'";
        self.touch_one(sql, job.to_string()).await;
    }

    async fn expire_key(&self, key: &str) {
        let sql = "update idempotency_key set expires_at = expires_at - 24 * 3600 * 1000 \
                   where key = ?1";
        self.touch_one(sql, key.to_owned()).await;
    }

    async fn expire_move_key(&self, key: &str) {
        let sql = "update plugin_key set expires_at = expires_at - 24 * 3600 * 1000 \
                   where key = ?1";
        self.touch_one(sql, key.to_owned()).await;
    }

    async fn expire_hold(&self, version: Digest) {
        let sql = "update plugin_version set gate_lease_until = 1 \
                   where digest = ?1 and gate_lease_until is not null";
        self.touch_one(sql, version.to_string()).await;
    }

    async fn age_host(&self, host: &str, by: Duration) {
        let sql = "update host_report set seen_at = seen_at - ?2 where host = ?1";
        self.age_one(sql, host.to_owned(), by).await;
    }

    async fn age_job(&self, job: JobId, by: Duration) {
        let sql = "update job set finished_at = finished_at - ?2 where id = ?1";
        self.age_one(sql, job.to_string(), by).await;
    }

    async fn age_tick(&self, chore: &str, by: Duration) {
        let sql = "update tick set taken_at = taken_at - ?2 where chore = ?1";
        self.age_one(sql, chore.to_owned(), by).await;
    }

    async fn age_snapshot(&self, generation: u64, by: Duration) {
        let sql = "update corpus_snapshot set published_at = published_at - ?2 \
                   where generation = cast(?1 as integer)";
        self.age_one(sql, generation.to_string(), by).await;
    }

    async fn expire_import(&self) {
        let sql = "update corpus_import set held_until = 1 where place = cast(?1 as integer)";
        self.touch_one(sql, "1".to_owned()).await;
    }
}
