//! The suite of `phagen-store` on Postgres, directly and through a pgBouncer in transaction mode.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use phagen_domain::{digest::Digest, job::JobId};
use phagen_store::{Store, conformance::Harness};
use phagen_store_postgres::PostgresStore;
use sqlx::{PgPool, postgres::PgQueryResult};

use crate::database::{Database, Way};

mod direct {
    phagen_store::every_story!(super::direct_store);
}

mod pooled {
    phagen_store::every_story!(super::pooled_store);
}

struct Postgres {
    store: Arc<PostgresStore>,
    rows: PgPool,
    _database: Database,
}

async fn direct_store() -> Postgres {
    fresh(Way::Direct).await
}

async fn pooled_store() -> Postgres {
    fresh(Way::Pooled).await
}

async fn fresh(way: Way) -> Postgres {
    let database = Database::migrated().await;
    Postgres {
        store: Arc::new(database.store(way).await),
        rows: database.rows().await,
        _database: database,
    }
}

fn is_one(touched: Result<PgQueryResult, sqlx::Error>) {
    assert_eq!(touched.expect("a row").rows_affected(), 1);
}

#[async_trait]
impl Harness for Postgres {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    async fn expire_lease(&self, job: JobId) {
        let sql =
            "update job set lease_until = to_timestamp(1) where id = $1 and state = 'running'";
        is_one(sqlx::query(sql).bind(job.0).execute(&self.rows).await);
    }

    async fn make_due(&self, job: JobId) {
        let sql = "update job set run_at = to_timestamp(1) where id = $1 and state = 'queued'";
        is_one(sqlx::query(sql).bind(job.0).execute(&self.rows).await);
    }

    async fn expire_key(&self, key: &str) {
        let sql = "update idempotency_key set expires_at = expires_at - interval '24 hours' \
                   where key = $1";
        is_one(sqlx::query(sql).bind(key).execute(&self.rows).await);
    }

    async fn expire_move_key(&self, key: &str) {
        let sql = "update plugin_key set expires_at = expires_at - interval '24 hours' \
                   where key = $1";
        is_one(sqlx::query(sql).bind(key).execute(&self.rows).await);
    }

    async fn expire_hold(&self, version: Digest) {
        let sql = "update plugin_version set gate_lease_until = to_timestamp(1) \
                   where digest = $1 and gate_lease_until is not null";
        let version = version.to_string();
        is_one(sqlx::query(sql).bind(version).execute(&self.rows).await);
    }

    async fn age_host(&self, host: &str, by: Duration) {
        let sql = "update host_report set seen_at = seen_at - $2 * interval '1 second' \
                   where host = $1";
        let row = sqlx::query(sql).bind(host).bind(seconds(by));
        is_one(row.execute(&self.rows).await);
    }

    async fn age_job(&self, job: JobId, by: Duration) {
        let sql =
            "update job set finished_at = finished_at - $2 * interval '1 second' where id = $1";
        let row = sqlx::query(sql).bind(job.0).bind(seconds(by));
        is_one(row.execute(&self.rows).await);
    }

    async fn age_tick(&self, chore: &str, by: Duration) {
        let sql = "update tick set taken_at = taken_at - $2 * interval '1 second' where chore = $1";
        let row = sqlx::query(sql).bind(chore).bind(seconds(by));
        is_one(row.execute(&self.rows).await);
    }

    async fn age_snapshot(&self, generation: u64, by: Duration) {
        let sql = "update corpus_snapshot set published_at = published_at \
                   - $2 * interval '1 second' where generation = $1";
        let generation = i64::try_from(generation).expect("a number that fits");
        let row = sqlx::query(sql).bind(generation).bind(seconds(by));
        is_one(row.execute(&self.rows).await);
    }

    async fn expire_import(&self) {
        let sql = "update corpus_import set held_until = to_timestamp(1)";
        is_one(sqlx::query(sql).execute(&self.rows).await);
    }
}

fn seconds(by: Duration) -> i64 {
    i64::try_from(by.as_secs()).expect("a span that fits")
}
