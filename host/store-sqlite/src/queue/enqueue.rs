//! A request becomes a job, once.

use phagen_domain::job::JobId;
use phagen_store::{Enqueued, IdempotencyKey, NewJob, StoreError};
use serde_json::json;
use sqlx::SqliteConnection;

use super::event;
use crate::{
    SqliteStore,
    row::{failed, milliseconds, parse, to_json},
};

const INSERT_JOB: &str = "
insert into job (id, molecule_folded, molecule, request, state, run_at, attempt, max_attempts,
    created_at, priority, tenant, trace_parent)
select ?1, ?2, ?3, ?4, 'queued', coalesce(?5, now), 0, ?6, now, ?7, coalesce(?8, ''), ?9 from clock
returning run_at";

/// As far as it matters.
const COUNT_QUEUED: &str = "
select count(*) from (
    select 1 from job indexed by job_due_by_tenant
    where state = 'queued' and tenant = ?1 limit ?2
)";

const DELETE_EXPIRED_KEYS: &str = "
delete from idempotency_key where expires_at <= (select now from clock)";

const INSERT_KEY: &str = "
insert into idempotency_key (key, request_digest, job_id, expires_at)
select ?1, ?2, ?3, now + ?4 from clock where true
on conflict (key) do nothing";

const FIND_KEY: &str = "
select request_digest, job_id from idempotency_key where key = ?1";

pub(super) async fn enqueue(
    store: &SqliteStore,
    job: &NewJob,
    key: Option<&IdempotencyKey>,
) -> Result<Enqueued, StoreError> {
    const TRIED: &str = "enqueue a job";
    let request = to_json(TRIED, &job.request)?;
    let mut transaction = store.begin(TRIED).await?;
    let full = full(&mut transaction, job).await?;
    if key.is_none()
        && let Some(full) = full
    {
        return Err(full);
    }
    let run_at: i64 = sqlx::query_scalar(INSERT_JOB)
        .bind(job.id.to_string())
        .bind(job.request.molecule.to_lowercase())
        .bind(&job.request.molecule)
        .bind(request)
        .bind(job.run_at.map(|at| at.timestamp_millis()))
        .bind(job.max_attempts)
        .bind(job.priority.get())
        .bind(&job.tenant)
        .bind(&job.trace_parent)
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    if let Some(key) = key
        && let Some(first) = hold_key(&mut transaction, key, job.id).await?
    {
        // The job just inserted goes with the transaction.
        transaction.rollback().await.map_err(failed(TRIED))?;
        return Ok(Enqueued::Replayed(first));
    }
    if let Some(full) = full {
        // It was not here before.
        return Err(full);
    }
    let data = json!({ "attempt": 0, "run_at": event::rfc3339(run_at)? });
    event::record(&mut transaction, &job.id.to_string(), "queued", &data).await?;
    transaction.commit().await.map_err(failed(TRIED))?;
    Ok(Enqueued::New(job.id))
}

/// Why the job is one too many of its tenant, if it is.
async fn full(
    transaction: &mut SqliteConnection,
    job: &NewJob,
) -> Result<Option<StoreError>, StoreError> {
    let (Some(tenant), Some(limit)) = (&job.tenant, job.max_queued) else {
        return Ok(None);
    };
    let n_queued: u32 = sqlx::query_scalar(COUNT_QUEUED)
        .bind(tenant)
        .bind(limit)
        .fetch_one(transaction)
        .await
        .map_err(failed("count the queued jobs of a key"))?;
    Ok((n_queued >= limit).then(|| StoreError::QueueFull {
        tenant: tenant.clone(),
        limit,
    }))
}

/// Ties the key to `job_id`; if it is tied already, returns the job it is tied to.
async fn hold_key(
    transaction: &mut SqliteConnection,
    key: &IdempotencyKey,
    job_id: JobId,
) -> Result<Option<JobId>, StoreError> {
    const TRIED: &str = "store an idempotency key";
    sqlx::query(DELETE_EXPIRED_KEYS)
        .execute(&mut *transaction)
        .await
        .map_err(failed("delete idempotency keys that ran out"))?;
    let inserted = sqlx::query(INSERT_KEY)
        .bind(&key.key)
        .bind(key.request_digest.to_string())
        .bind(job_id.to_string())
        .bind(milliseconds(IdempotencyKey::LIFETIME))
        .execute(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    if inserted.rows_affected() > 0 {
        return Ok(None);
    }
    let (request_digest, first): (String, String) = sqlx::query_as(FIND_KEY)
        .bind(&key.key)
        .fetch_one(transaction)
        .await
        .map_err(failed(TRIED))?;
    if request_digest == key.request_digest.to_string() {
        parse("idempotency_key", &first).map(Some)
    } else {
        Err(StoreError::KeyReused(key.key.clone()))
    }
}
