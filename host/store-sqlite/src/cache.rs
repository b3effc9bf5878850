//! Answers as rows, for the processes of one machine. No row here is the truth, so none is waited
//! for: what cannot be written is not kept.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use phagen_domain::digest::Digest;
use phagen_store::{CacheTier, CacheTierError, Generations};
use uuid::Uuid;

use crate::SqliteStore;

/// One part in so many of what the table may hold is written before it is looked through.
const PRUNE_SHARE: u64 = 16;

const GET: &str = "select value from cache where key = ?1 and expires_at > (select now from clock)";

const PUT: &str = "
insert into cache (key, value, expires_at) values (?1, ?2, (select now from clock) + ?3)
on conflict (key) do update set value = excluded.value, expires_at = excluded.expires_at";

const EXPIRE: &str = "delete from cache where expires_at <= (select now from clock)";

/// What expires first goes first. The length of a value is read without the value.
const SHRINK: &str = "
delete from cache where key in (
    select key from (
        select key, sum(length(value)) over (order by expires_at desc, key) as kept from cache)
    where kept > ?1)";

const BUMP: &str = "
insert into cache_generation (bucket, generation) values (?1, 1)
on conflict (bucket) do update set generation = generation + 1";

const MOVE_ON: &str = "update cache_state set version = version + 1";

/// One statement, so that the counters are those of the version.
const GENERATIONS: &str = "
select base, version, bucket, generation from cache_state left join cache_generation on true
where base || '/' || version <> ?1";

/// The tier; see [`phagen_store::Store::cache_tier`].
pub(crate) struct SqliteCache {
    store: SqliteStore,
    max_bytes: u64,
    /// Since the table was last looked through.
    n_bytes_written: AtomicU64,
}

impl SqliteCache {
    pub(crate) fn new(store: SqliteStore, max_bytes: u64) -> Self {
        Self {
            store,
            max_bytes,
            // A process that starts sees first what the one before it left.
            n_bytes_written: AtomicU64::new(max_bytes),
        }
    }

    /// Keeps the table at its size, give or take what was written since.
    async fn prune(&self) -> Result<(), sqlx::Error> {
        self.n_bytes_written.store(0, Ordering::Relaxed);
        sqlx::query(EXPIRE).execute(&self.store.writer).await?;
        let max_bytes = i64::try_from(self.max_bytes).unwrap_or(i64::MAX);
        sqlx::query(SHRINK)
            .bind(max_bytes)
            .execute(&self.store.writer)
            .await?;
        Ok(())
    }
}

#[async_trait]
impl CacheTier for SqliteCache {
    fn name(&self) -> &'static str {
        "store"
    }

    async fn get(&self, key: Digest) -> Result<Option<Vec<u8>>, CacheTierError> {
        sqlx::query_scalar(GET)
            .bind(key.as_bytes().as_slice())
            .fetch_optional(&self.store.readers)
            .await
            .map_err(|cause| CacheTierError::new("read an answer", cause))
    }

    async fn put(
        &self,
        key: Digest,
        value: &[u8],
        lifetime: Duration,
    ) -> Result<(), CacheTierError> {
        const TRIED: &str = "keep an answer";
        sqlx::query(PUT)
            .bind(key.as_bytes().as_slice())
            .bind(value)
            .bind(i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX / 2))
            .execute(&self.store.writer)
            .await
            .map_err(|cause| CacheTierError::new(TRIED, cause))?;
        let n_bytes = value.len() as u64;
        let written = self.n_bytes_written.fetch_add(n_bytes, Ordering::Relaxed) + n_bytes;
        if written > self.max_bytes / PRUNE_SHARE {
            let pruned = self.prune().await;
            pruned.map_err(|cause| CacheTierError::new("forget what is too much", cause))?;
        }
        Ok(())
    }

    /// Always: two processes of one machine may both load, and both are right. A lock would cost
    /// every load two more writes beside those of the queue.
    async fn lock(&self, _: Digest, _: Uuid, _: Duration) -> Result<bool, CacheTierError> {
        Ok(true)
    }

    async fn unlock(&self, _: Digest, _: Uuid) -> Result<(), CacheTierError> {
        Ok(())
    }

    async fn generations(&self, known: &str) -> Result<Option<Generations>, CacheTierError> {
        const TRIED: &str = "read the counters";
        let rows: Vec<(String, i64, Option<i64>, Option<i64>)> = sqlx::query_as(GENERATIONS)
            .bind(known)
            .fetch_all(&self.store.readers)
            .await
            .map_err(|cause| CacheTierError::new(TRIED, cause))?;
        let Some((base, version, ..)) = rows.first() else {
            return Ok(None);
        };
        let counter = |(_, _, bucket, generation): &(_, _, Option<i64>, Option<i64>)| {
            Some((
                u16::try_from((*bucket)?).ok()?,
                u64::try_from((*generation)?).ok()?,
            ))
        };
        Ok(Some(Generations {
            version: format!("{base}/{version}"),
            base: base
                .parse()
                .map_err(|cause: uuid::Error| CacheTierError::new(TRIED, cause))?,
            buckets: rows.iter().filter_map(counter).collect(),
        }))
    }

    async fn bump(&self, bucket: u16) -> Result<(), CacheTierError> {
        let moved = async {
            let mut transaction = self.store.writer.begin_with("begin immediate").await?;
            sqlx::query(BUMP)
                .bind(i64::from(bucket))
                .execute(&mut *transaction)
                .await?;
            sqlx::query(MOVE_ON).execute(&mut *transaction).await?;
            transaction.commit().await
        };
        moved
            .await
            .map_err(|cause| CacheTierError::new("move a counter", cause))
    }
}
