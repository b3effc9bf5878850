//! What trials saw, one row a job.

use chrono::{DateTime, Utc};
use phagen_domain::{
    digest::Digest,
    job::JobId,
    plugin::{Comparison, SlotName},
};
use phagen_store::{COMPARISONS_KEPT, StoreError};
use uuid::Uuid;

use crate::{
    PostgresStore,
    row::{failed, from_json, parse, to_json, to_millisecond},
};

const RECORD: &str = "
insert into comparison (job_id, slot, serving_digest, candidate_digest, at, outcome)
values ($1, $2, $3, $4, $5, $6::json)
on conflict (slot, candidate_digest, job_id) do update set
    serving_digest = excluded.serving_digest, at = excluded.at, outcome = excluded.outcome";

/// What another is just forgetting is left to it.
const FORGET: &str = "
delete from comparison where seq in (
    select seq from comparison where seq in (
        select seq from comparison where slot = $1 and candidate_digest = $2
        order by at desc, seq desc offset $3
    )
    for update skip locked
)";

const LIST: &str = "
select job_id, slot, serving_digest, candidate_digest, at, outcome::text
from comparison where slot = $1 and candidate_digest = $2
order by at desc, seq desc limit $3";

pub(super) async fn record(
    store: &PostgresStore,
    comparison: &Comparison,
) -> Result<(), StoreError> {
    const TRIED: &str = "record a comparison";
    let candidate = comparison.candidate.to_string();
    let mut transaction = store.begin(TRIED).await?;
    sqlx::query(RECORD)
        .bind(comparison.job.0)
        .bind(comparison.slot.as_str())
        .bind(comparison.serving.to_string())
        .bind(&candidate)
        .bind(to_millisecond(comparison.at))
        .bind(to_json(TRIED, &comparison.outcome)?)
        .execute(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    sqlx::query(FORGET)
        .bind(comparison.slot.as_str())
        .bind(&candidate)
        .bind(i64::from(COMPARISONS_KEPT))
        .execute(&mut *transaction)
        .await
        .map_err(failed("forget old comparisons"))?;
    transaction.commit().await.map_err(failed(TRIED))
}

pub(super) async fn list(
    store: &PostgresStore,
    slot: &SlotName,
    candidate: Digest,
    limit: u32,
) -> Result<Vec<Comparison>, StoreError> {
    let rows: Vec<(Uuid, String, String, String, DateTime<Utc>, String)> = sqlx::query_as(LIST)
        .bind(slot.as_str())
        .bind(candidate.to_string())
        .bind(i64::from(limit))
        .fetch_all(&store.pool)
        .await
        .map_err(failed("list the comparisons"))?;
    rows.into_iter()
        .map(|(job, slot, serving, candidate, at, outcome)| {
            Ok(Comparison {
                job: JobId(job),
                slot: parse("comparison", &slot)?,
                serving: parse("comparison", &serving)?,
                candidate: parse("comparison", &candidate)?,
                at,
                outcome: from_json("comparison", "outcome", &outcome)?,
            })
        })
        .collect()
}
