//! The suite of `phagen-store` on SQLite.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use phagen_domain::job::JobId;
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
}
