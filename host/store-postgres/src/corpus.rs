//! Snapshots of the corpus index as rows, and the turn to build one.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use phagen_domain::digest::Digest;
use phagen_store::{CorpusSnapshot, CorpusStore, NewSnapshot, StoreError};

use crate::{
    PostgresStore,
    row::{failed, integer, milliseconds, number, parse},
};

const TABLE: &str = "corpus_snapshot";

const LIST: &str = "
select generation, digest, n_documents, size_bytes, published_at, published_by
from corpus_snapshot order by generation desc";

const SERVING: &str = "
select generation, digest, n_documents, size_bytes, published_at, published_by
from corpus_snapshot order by generation desc limit 1";

/// Two who publish at once have the same number in mind, and the key lets one of them have it.
const PUBLISH: &str = "
insert into corpus_snapshot
    (generation, digest, n_documents, size_bytes, published_at, published_by)
select $1 + 1, $2, $3, $4, clock(), $5
where (select coalesce(max(generation), 0) from corpus_snapshot) = $1
on conflict (generation) do nothing
returning generation, digest, n_documents, size_bytes, published_at, published_by";

/// What serves since then ended the time of the one before.
const RETIRED: &str = "
select generation, digest, n_documents, size_bytes, published_at, published_by
from corpus_snapshot as retired
where generation < (select max(generation) - 1 from corpus_snapshot)
    and (select min(published_at) from corpus_snapshot as next
        where next.generation > retired.generation) <= clock() - $1 * interval '1 millisecond'
order by generation";

const FORGET: &str = "
delete from corpus_snapshot
where generation = $1 and generation < (select max(generation) - 1 from corpus_snapshot)";

const HOLD: &str = "
insert into corpus_import (place, holder, held_until)
values (1, $1, clock() + $2 * interval '1 millisecond')
on conflict (place) do update set
    holder = case when corpus_import.holder = excluded.holder
            or corpus_import.held_until <= clock()
        then excluded.holder else corpus_import.holder end,
    held_until = case when corpus_import.holder = excluded.holder
            or corpus_import.held_until <= clock()
        then excluded.held_until else corpus_import.held_until end
returning holder";

const DROP: &str = "delete from corpus_import where holder = $1";

type Row = (i64, String, i64, i64, DateTime<Utc>, String);

fn snapshot(row: Row) -> Result<CorpusSnapshot, StoreError> {
    let (generation, digest, n_documents, size_bytes, published_at, published_by) = row;
    Ok(CorpusSnapshot {
        generation: number(TABLE, "generation", generation)?,
        digest: parse::<Digest>(TABLE, &digest)?,
        n_documents: number(TABLE, "n_documents", n_documents)?,
        size_bytes: number(TABLE, "size_bytes", size_bytes)?,
        published_at,
        published_by,
    })
}

#[async_trait]
impl CorpusStore for PostgresStore {
    async fn list_snapshots(&self) -> Result<Vec<CorpusSnapshot>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(LIST)
            .fetch_all(&self.pool)
            .await
            .map_err(failed("list the snapshots of the corpus"))?;
        rows.into_iter().map(snapshot).collect()
    }

    async fn serving_snapshot(&self) -> Result<Option<CorpusSnapshot>, StoreError> {
        let row: Option<Row> = sqlx::query_as(SERVING)
            .fetch_optional(&self.pool)
            .await
            .map_err(failed("find the corpus that serves"))?;
        row.map(snapshot).transpose()
    }

    async fn publish_snapshot(
        &self,
        expected: u64,
        new: &NewSnapshot,
    ) -> Result<CorpusSnapshot, StoreError> {
        let row: Option<Row> = sqlx::query_as(PUBLISH)
            .bind(integer(expected))
            .bind(new.digest.to_string())
            .bind(integer(new.n_documents))
            .bind(integer(new.size_bytes))
            .bind(&new.published_by)
            .fetch_optional(&self.pool)
            .await
            .map_err(failed("publish a snapshot of the corpus"))?;
        match row {
            Some(row) => snapshot(row),
            None => Err(StoreError::SnapshotMoved {
                expected,
                found: self
                    .serving_snapshot()
                    .await?
                    .map_or(0, |now| now.generation),
            }),
        }
    }

    async fn list_retired_snapshots(
        &self,
        age: Duration,
    ) -> Result<Vec<CorpusSnapshot>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(RETIRED)
            .bind(milliseconds(age))
            .fetch_all(&self.pool)
            .await
            .map_err(failed("list the retired snapshots of the corpus"))?;
        rows.into_iter().map(snapshot).collect()
    }

    async fn forget_snapshot(&self, generation: u64) -> Result<(), StoreError> {
        sqlx::query(FORGET)
            .bind(integer(generation))
            .execute(&self.pool)
            .await
            .map_err(failed("forget a snapshot of the corpus"))?;
        Ok(())
    }

    async fn hold_import(
        &self,
        holder: &str,
        lease: Duration,
    ) -> Result<Option<String>, StoreError> {
        let has_it: String = sqlx::query_scalar(HOLD)
            .bind(holder)
            .bind(milliseconds(lease))
            .fetch_one(&self.pool)
            .await
            .map_err(failed("take the turn to import"))?;
        Ok((has_it != holder).then_some(has_it))
    }

    async fn drop_import(&self, holder: &str) -> Result<(), StoreError> {
        sqlx::query(DROP)
            .bind(holder)
            .execute(&self.pool)
            .await
            .map_err(failed("give the turn to import back"))?;
        Ok(())
    }
}
