//! The store on SQLite: one file, one machine, no server.
//!
//! One connection writes and a few read, so that a writer never waits for another inside this
//! process and readers never wait at all. Every statement is static text and runs in the
//! conformance suite of `phagen-store`. Never used on a network file system: SQLite's locks do not
//! hold there.

mod access;
mod audit;
mod cache;
mod corpus;
mod export;
mod open;
mod queue;
mod registry;
mod row;
mod upkeep;
mod vote;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use phagen_store::{CacheTier, PoolUse, Store, StoreError};
use sqlx::{Sqlite, SqlitePool, Transaction};

use cache::SqliteCache;
use row::{failed, time};

pub use export::Export;

/// Statements as they are, for the tests of how the database goes about them.
#[doc(hidden)]
pub mod statement {
    pub use crate::queue::claim::{CLAIM, CLAIM_FAIRLY};
}

/// The driver. Cheap to share behind an `Arc`; [`SqliteStore::close`] it before the process ends.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteStore {
    /// Opens the database file at `path`, makes it and its folders when they are missing, and
    /// applies the migrations it has not seen.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let (writer, readers) = open::open(path).await?;
        Ok(Self { writer, readers })
    }

    /// Waits for what is under way, then folds the write-ahead log into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Takes the write lock at once: a transaction that reads first and locks later can find that
    /// another process wrote in between.
    async fn begin(&self, tried: &'static str) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.writer
            .begin_with("begin immediate")
            .await
            .map_err(failed(tried))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn ping(&self) -> Result<DateTime<Utc>, StoreError> {
        let now = sqlx::query_scalar("select now from clock")
            .fetch_one(&self.readers)
            .await
            .map_err(failed("tell the time"))?;
        time("clock", now)
    }

    async fn schema_version(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar("select coalesce(max(version), 0) from _sqlx_migrations where success")
            .fetch_one(&self.readers)
            .await
            .map_err(failed("read the schema version"))
    }

    fn newest_schema(&self) -> i64 {
        open::newest_known()
    }

    fn pools(&self) -> Vec<PoolUse> {
        let usage = |name, pool: &SqlitePool| {
            let n_most = pool.options().get_max_connections();
            PoolUse::new(name, pool.size(), pool.num_idle(), n_most)
        };
        vec![
            usage("writer", &self.writer),
            usage("readers", &self.readers),
        ]
    }

    fn cache_tier(&self, max_bytes: u64) -> Option<Arc<dyn CacheTier>> {
        Some(Arc::new(SqliteCache::new(self.clone(), max_bytes)))
    }
}
