//! The store on Postgres, 15 or newer: many machines, one truth.
//!
//! Every statement is static text and runs in the conformance suite of `phagen-store`, directly and
//! through a pooler in transaction mode. So nothing here outlives its transaction: no `set`, no
//! `listen`, no lock of a session, no temporary table. Statements stay prepared by name, which is
//! what a pooler that keeps names apart can follow; one that does not is refused at the door.

mod access;
mod audit;
mod corpus;
mod import;
mod open;
mod pooler;
mod queue;
mod registry;
mod row;
mod upkeep;
mod vote;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use phagen_store::{PoolUse, Store, StoreError};
use sqlx::{PgPool, Postgres, Transaction};
use tokio::sync::Mutex;

use row::failed;

pub use import::Import;
pub use open::Migrated;

/// Statements as they are, for the tests of how the database goes about them.
#[doc(hidden)]
pub mod statement {
    pub use crate::queue::{
        claim::{CLAIM, CLAIM_FAIRLY},
        enqueue::COUNT_QUEUED,
    };
}

/// The driver. Cheap to share behind an `Arc`; [`PostgresStore::close`] it before the process ends.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    pool: PgPool,
    /// Held by whoever claims by turns.
    claiming: Arc<Mutex<()>>,
}

impl PostgresStore {
    /// Connections of one process, unless its operator says otherwise. Ten processes of ten stay
    /// within what one Postgres takes.
    pub const CONNECTIONS: u32 = 10;

    /// Opens the database that `url` names, directly or through a pooler, with at most
    /// `n_connections`. Refused: a pooler that mixes up prepared statements, a schema that
    /// [`PostgresStore::migrate`] has not brought up to date, and one newer than this binary.
    ///
    /// Encryption is the URL's to ask for: `sslmode=verify-full`, and `sslrootcert=<file>` for an
    /// authority that the machine does not know.
    pub async fn open(url: &str, n_connections: u32) -> Result<Self, StoreError> {
        let pool = open::open(url, n_connections).await?;
        Ok(Self {
            pool,
            claiming: Arc::default(),
        })
    }

    /// Brings the schema up to date: all of the migrations that are missing, or none. Any number of
    /// processes may ask at once. `direct_url` leads to the server itself, past any pooler.
    pub async fn migrate(direct_url: &str) -> Result<Migrated, StoreError> {
        open::migrate(direct_url).await
    }

    /// Waits for what is under way and hangs up.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Each statement of it sees what was committed before the statement, whatever the server's
    /// default is: whoever waited for a lock looks again.
    async fn begin(
        &self,
        tried: &'static str,
    ) -> Result<Transaction<'static, Postgres>, StoreError> {
        self.pool
            .begin_with("begin isolation level read committed")
            .await
            .map_err(failed(tried))
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn ping(&self) -> Result<DateTime<Utc>, StoreError> {
        sqlx::query_scalar("select clock()")
            .fetch_one(&self.pool)
            .await
            .map_err(failed("tell the time"))
    }

    async fn schema_version(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar(open::SCHEMA_VERSION)
            .fetch_one(&self.pool)
            .await
            .map_err(failed("read the schema version"))
    }

    fn newest_schema(&self) -> i64 {
        open::newest_known()
    }

    fn pools(&self) -> Vec<PoolUse> {
        let n_most = self.pool.options().get_max_connections();
        vec![PoolUse::new(
            "work",
            self.pool.size(),
            self.pool.num_idle(),
            n_most,
        )]
    }
}
