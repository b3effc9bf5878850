//! The record of changes as rows. Whoever writes has taken its turn, so the chain has one
//! end.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use phagen_domain::plugin::PluginEvent;
use phagen_store::{AuditChange, AuditHead, AuditRow, AuditStore, RunningSettings, StoreError};
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
insert into audit (seq, at, actor, action, subject, digest, previous, hash, detail)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const LIST: &str = "
select seq, at, actor, action, subject, digest, previous, hash, detail
from audit where seq > $1 order by seq limit $2";

/// Of the settings that one like it ran with last: on the same host, else on any.
const LAST_SETTINGS: &str = "
select detail from audit
where action = 'setting.change' and substr(subject, 1, length($1)) = $1
order by (subject = $2) desc, seq desc limit 1";

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
    detail: Option<String>,
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
            detail: self.detail,
        })
    }
}

/// Writes a change down in the transaction that makes it.
pub(crate) async fn record(
    transaction: &mut PgConnection,
    change: AuditChange,
) -> Result<AuditRow, StoreError> {
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
        .bind(&row.detail)
        .execute(transaction)
        .await
        .map_err(failed(TRIED))?;
    Ok(row)
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
    async fn record_change(&self, change: &AuditChange) -> Result<AuditRow, StoreError> {
        const TRIED: &str = "write down a change";
        let mut transaction = self.begin_move(TRIED).await?;
        let row = record(&mut transaction, change.clone()).await?;
        transaction.commit().await.map_err(failed(TRIED))?;
        Ok(row)
    }

    async fn record_settings(
        &self,
        running: &RunningSettings,
    ) -> Result<Option<AuditRow>, StoreError> {
        const TRIED: &str = "write down the settings";
        let mut transaction = self.begin_move(TRIED).await?;
        let last: Option<Option<String>> = sqlx::query_scalar(LAST_SETTINGS)
            .bind(running.role_prefix())
            .bind(running.subject())
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed(TRIED))?;
        let Some(change) = running.since(last.flatten().as_deref())? else {
            return Ok(None);
        };
        let row = record(&mut transaction, change).await?;
        transaction.commit().await.map_err(failed(TRIED))?;
        Ok(Some(row))
    }
}
