//! What trials saw, one row a job.

use phagen_domain::{
    digest::Digest,
    plugin::{Comparison, SlotName},
};
use phagen_store::{COMPARISONS_KEPT, StoreError};

use crate::{
    SqliteStore,
    row::{failed, from_json, parse, time, to_json},
};

const RECORD: &str = "
insert into comparison (job_id, slot, serving_digest, candidate_digest, at, outcome)
values (?1, ?2, ?3, ?4, ?5, ?6)
on conflict (slot, candidate_digest, job_id) do update set
    serving_digest = excluded.serving_digest, at = excluded.at, outcome = excluded.outcome";

const FORGET: &str = "
delete from comparison where seq in (
    select seq from comparison where slot = ?1 and candidate_digest = ?2
    order by at desc, seq desc limit -1 offset ?3
)";

const LIST: &str = "
select job_id, slot, serving_digest, candidate_digest, at, outcome
from comparison where slot = ?1 and candidate_digest = ?2
order by at desc, seq desc limit ?3";

pub(super) async fn record(store: &SqliteStore, comparison: &Comparison) -> Result<(), StoreError> {
    const TRIED: &str = "record a comparison";
    let candidate = comparison.candidate.to_string();
    let mut transaction = store.begin(TRIED).await?;
    sqlx::query(RECORD)
        .bind(comparison.job.to_string())
        .bind(comparison.slot.as_str())
        .bind(comparison.serving.to_string())
        .bind(&candidate)
        .bind(comparison.at.timestamp_millis())
        .bind(to_json(TRIED, &comparison.outcome)?)
        .execute(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    sqlx::query(FORGET)
        .bind(comparison.slot.as_str())
        .bind(&candidate)
        .bind(COMPARISONS_KEPT)
        .execute(&mut *transaction)
        .await
        .map_err(failed("forget old comparisons"))?;
    transaction.commit().await.map_err(failed(TRIED))
}

pub(super) async fn list(
    store: &SqliteStore,
    slot: &SlotName,
    candidate: Digest,
    limit: u32,
) -> Result<Vec<Comparison>, StoreError> {
    let rows: Vec<(String, String, String, String, i64, String)> = sqlx::query_as(LIST)
        .bind(slot.as_str())
        .bind(candidate.to_string())
        .bind(limit)
        .fetch_all(&store.readers)
        .await
        .map_err(failed("list the comparisons"))?;
    rows.into_iter()
        .map(|(job, slot, serving, candidate, at, outcome)| {
            Ok(Comparison {
                job: parse("comparison", &job)?,
                slot: parse("comparison", &slot)?,
                serving: parse("comparison", &serving)?,
                candidate: parse("comparison", &candidate)?,
                at: time("comparison", at)?,
                outcome: from_json("comparison", "outcome", &outcome)?,
            })
        })
        .collect()
}
