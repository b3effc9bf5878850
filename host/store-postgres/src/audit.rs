//! The record of changes as rows. Whoever writes has taken its turn, so the chain has one
//! end.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use phagen_domain::plugin::PluginEvent;
use phagen_store::{AuditChange, AuditHead, AuditRow, AuditStore, StoreError};
use sqlx::{FromRow, PgConnection};

use crate::{
    PostgresStore, registry,
    row::{failed, integer, number, parse},
};

const TABLE: &str = "audit";

const HEAD: &str = "
select seq, hash from audit order by seq desc limit 1";

const NOW: &str = "select clock()";

const INSERT: &str = "
insert into audit (seq, at, actor, action, subject, digest, previous, hash)
values ($1, $2, $3, $4, $5, $6, $7, $8)";

const LIST: &str = "
select seq, at, actor, action, subject, digest, previous, hash
from audit where seq > $1 order by seq limit $2";

#[derive(FromRow)]
struct Row {
    seq: i64,
    at: DateTime<Utc>,
    actor: String,
    action: String,
    subject: String,
    digest: String,
    previous: String,
    hash: String,
}

impl Row {
    fn into_row(self) -> Result<AuditRow, StoreError> {
        Ok(AuditRow {
            seq: number(TABLE, "seq", self.seq)?,
            at: self.at,
            actor: self.actor,
            action: self.action,
            subject: self.subject,
            digest: parse(TABLE, &self.digest)?,
            previous: parse(TABLE, &self.previous)?,
            hash: parse(TABLE, &self.hash)?,
        })
    }
}

/// Writes a change down in the transaction that makes it.
pub(crate) async fn record(
    transaction: &mut PgConnection,
    change: AuditChange,
) -> Result<(), StoreError> {
    const TRIED: &str = "write down a change";
    let head: Option<(i64, String)> = sqlx::query_as(HEAD)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    let now: DateTime<Utc> = sqlx::query_scalar(NOW)
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    let row = change.after(into_head(head)?, now)?;
    sqlx::query(INSERT)
        .bind(integer(row.seq))
        .bind(now)
        .bind(&row.actor)
        .bind(&row.action)
        .bind(&row.subject)
        .bind(row.digest.to_string())
        .bind(row.previous.to_string())
        .bind(row.hash.to_string())
        .execute(transaction)
        .await
        .map(drop)
        .map_err(failed(TRIED))
}

fn into_head(found: Option<(i64, String)>) -> Result<AuditHead, StoreError> {
    let Some((seq, hash)) = found else {
        return Ok(AuditHead::empty());
    };
    Ok(AuditHead {
        seq: number(TABLE, "seq", seq)?,
        hash: parse(TABLE, &hash)?,
    })
}

#[async_trait]
impl AuditStore for PostgresStore {
    async fn list_audit(&self, after: u64, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(LIST)
            .bind(integer(after))
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await
            .map_err(failed("list the record of changes"))?;
        rows.into_iter().map(Row::into_row).collect()
    }

    async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        let head = sqlx::query_as(HEAD)
            .fetch_optional(&self.pool)
            .await
            .map_err(failed("read the end of the record of changes"))?;
        into_head(head)
    }

    async fn list_audited_events(
        &self,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(PluginEvent, Option<String>)>, StoreError> {
        registry::list_with_slots(self, after, limit).await
    }
}
