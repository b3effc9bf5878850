//! The story of a job, one numbered event a step. Events are written by the statements that make
//! them true; here they are read.

use chrono::{DateTime, Utc};
use phagen_domain::job::JobId;
use phagen_store::{JobEvent, StoreError};

use crate::{
    PostgresStore,
    row::{failed, from_json, integer, number},
};

const LIST: &str = "
select seq, kind, data::text, at from job_event where job_id = $1 and seq > $2 order by seq";

pub(super) async fn list(
    store: &PostgresStore,
    id: JobId,
    after: u64,
) -> Result<Vec<JobEvent>, StoreError> {
    let rows: Vec<(i64, String, String, DateTime<Utc>)> = sqlx::query_as(LIST)
        .bind(id.0)
        .bind(integer(after))
        .fetch_all(&store.pool)
        .await
        .map_err(failed("list the events of a job"))?;
    rows.into_iter()
        .map(|(seq, kind, data, at)| {
            Ok(JobEvent {
                seq: number("job_event", "seq", seq)?,
                kind,
                data: from_json("job_event", "data", &data)?,
                at,
            })
        })
        .collect()
}
