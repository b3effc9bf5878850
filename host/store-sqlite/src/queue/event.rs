//! The story of a job, one numbered event a step.

use chrono::SecondsFormat;
use phagen_domain::job::JobId;
use phagen_store::{JobEvent, StoreError};
use serde_json::Value;
use sqlx::SqliteConnection;

use crate::{
    SqliteStore,
    row::{failed, from_json, integer, number, time},
};

const RECORD: &str = "
insert into job_event (job_id, seq, kind, data, at)
select ?1, coalesce(max(seq), 0) + 1, ?2, ?3, (select now from clock)
from job_event where job_id = ?1";

const LIST: &str = "
select seq, kind, data, at from job_event where job_id = ?1 and seq > ?2 order by seq";

/// Appends an event in the transaction that makes it true.
pub(super) async fn record(
    transaction: &mut SqliteConnection,
    job_id: &str,
    kind: &'static str,
    data: &Value,
) -> Result<(), StoreError> {
    sqlx::query(RECORD)
        .bind(job_id)
        .bind(kind)
        .bind(data.to_string())
        .execute(transaction)
        .await
        .map_err(failed("record an event of a job"))?;
    Ok(())
}

/// A time of the database as events tell it.
pub(super) fn rfc3339(milliseconds: i64) -> Result<String, StoreError> {
    Ok(time("job", milliseconds)?.to_rfc3339_opts(SecondsFormat::Millis, true))
}

pub(super) async fn list(
    store: &SqliteStore,
    id: JobId,
    after: u64,
) -> Result<Vec<JobEvent>, StoreError> {
    let rows: Vec<(i64, String, String, i64)> = sqlx::query_as(LIST)
        .bind(id.to_string())
        .bind(integer(after))
        .fetch_all(&store.readers)
        .await
        .map_err(failed("list the events of a job"))?;
    rows.into_iter()
        .map(|(seq, kind, data, at)| {
            Ok(JobEvent {
                seq: number("job_event", "seq", seq)?,
                kind,
                data: from_json("job_event", "data", &data)?,
                at: time("job_event", at)?,
            })
        })
        .collect()
}
