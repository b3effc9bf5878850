//! Ticks, and what is forgotten.

use std::time::Duration;

use async_trait::async_trait;
use phagen_domain::job::JobId;
use phagen_store::{Pruned, Retention, StoreError, UpkeepStore};
use uuid::Uuid;

use crate::{
    PostgresStore,
    row::{failed, milliseconds, parse},
};

const TAKE_TICK: &str = "
insert into tick (chore, taken_at) values ($1, clock())
on conflict (chore) do update set taken_at = excluded.taken_at
where tick.taken_at <= excluded.taken_at - $2 * interval '1 millisecond'";

/// A span that is null compares with nothing, so nothing of that end is old. What another process is
/// forgetting, or somebody queues again, is left to them.
const PRUNE: &str = "
delete from job where id in (
    select id from job
    where (state = 'succeeded' and finished_at <= clock() - $1 * interval '1 millisecond')
        or (state = 'failed' and finished_at <= clock() - $2 * interval '1 millisecond')
        or (state = 'cancelled' and finished_at <= clock() - $3 * interval '1 millisecond')
    order by finished_at limit $4
    for update skip locked
)
returning id, result ->> 'recording'";

const EXPIRE_KEYS: &str = "
delete from idempotency_key where key in (
    select key from idempotency_key where expires_at <= clock()
    order by expires_at limit $1
    for update skip locked
)";

const EXPIRE_MOVE_KEYS: &str = "
delete from plugin_key where key in (
    select key from plugin_key where expires_at <= clock()
    order by expires_at limit $1
    for update skip locked
)";

#[async_trait]
impl UpkeepStore for PostgresStore {
    async fn take_tick(&self, chore: &str, every: Duration) -> Result<bool, StoreError> {
        let taken = sqlx::query(TAKE_TICK)
            .bind(chore)
            .bind(milliseconds(every))
            .execute(&self.pool)
            .await
            .map_err(failed("take a tick"))?;
        Ok(taken.rows_affected() > 0)
    }

    async fn prune_jobs(&self, kept: Retention, limit: u32) -> Result<Pruned, StoreError> {
        let rows: Vec<(Uuid, Option<String>)> = sqlx::query_as(PRUNE)
            .bind(kept.succeeded.map(milliseconds))
            .bind(kept.failed.map(milliseconds))
            .bind(kept.cancelled.map(milliseconds))
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
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
                    .push((JobId(id), parse("job", &recording)?));
            }
        }
        Ok(pruned)
    }

    async fn expire_keys(&self, limit: u32) -> Result<u64, StoreError> {
        let mut n_expired = 0;
        for statement in [EXPIRE_KEYS, EXPIRE_MOVE_KEYS] {
            let expired = sqlx::query(statement)
                .bind(i64::from(limit))
                .execute(&self.pool)
                .await
                .map_err(failed("forget idempotency keys that ran out"))?;
            n_expired += expired.rows_affected();
        }
        Ok(n_expired)
    }
}
