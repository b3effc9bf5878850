//! Ticks, and what is forgotten.

use std::time::Duration;

use async_trait::async_trait;
use phagen_store::{Pruned, Retention, StoreError, UpkeepStore};

use crate::{
    SqliteStore,
    row::{failed, milliseconds, parse},
};

const TAKE_TICK: &str = "
insert into tick (chore, taken_at) select ?1, now from clock where true
on conflict (chore) do update set taken_at = excluded.taken_at
where tick.taken_at <= excluded.taken_at - ?2";

/// A span that is null compares with nothing, so nothing of that end is old.
const PRUNE: &str = "
delete from job where id in (
    select id from job
    where (state = 'succeeded' and finished_at <= (select now from clock) - ?1)
        or (state = 'failed' and finished_at <= (select now from clock) - ?2)
        or (state = 'cancelled' and finished_at <= (select now from clock) - ?3)
    order by finished_at limit ?4
)
returning id, result ->> 'recording'";

const EXPIRE_KEYS: &str = "
delete from idempotency_key where key in (
    select key from idempotency_key where expires_at <= (select now from clock)
    order by expires_at limit ?1
)";

const EXPIRE_MOVE_KEYS: &str = "
delete from plugin_key where key in (
    select key from plugin_key where expires_at <= (select now from clock)
    order by expires_at limit ?1
)";

#[async_trait]
impl UpkeepStore for SqliteStore {
    async fn take_tick(&self, chore: &str, every: Duration) -> Result<bool, StoreError> {
        let taken = sqlx::query(TAKE_TICK)
            .bind(chore)
            .bind(milliseconds(every))
            .execute(&self.writer)
            .await
            .map_err(failed("take a tick"))?;
        Ok(taken.rows_affected() > 0)
    }

    async fn prune_jobs(&self, kept: Retention, limit: u32) -> Result<Pruned, StoreError> {
        let rows: Vec<(String, Option<String>)> = sqlx::query_as(PRUNE)
            .bind(kept.succeeded.map(milliseconds))
            .bind(kept.failed.map(milliseconds))
            .bind(kept.cancelled.map(milliseconds))
            .bind(limit)
            .fetch_all(&self.writer)
            .await
            .map_err(failed("forget old jobs"))?;
        let mut pruned = Pruned {
            n_jobs: rows.len() as u64,
            recordings: Vec::new(),
        };
        for (id, recording) in rows {
            if let Some(recording) = recording {
                pruned
                    .recordings
                    .push((parse("job", &id)?, parse("job", &recording)?));
            }
        }
        Ok(pruned)
    }

    async fn expire_keys(&self, limit: u32) -> Result<u64, StoreError> {
        let mut n_expired = 0;
        for statement in [EXPIRE_KEYS, EXPIRE_MOVE_KEYS] {
            let expired = sqlx::query(statement)
                .bind(limit)
                .execute(&self.writer)
                .await
                .map_err(failed("forget idempotency keys that ran out"))?;
            n_expired += expired.rows_affected();
        }
        Ok(n_expired)
    }
}
