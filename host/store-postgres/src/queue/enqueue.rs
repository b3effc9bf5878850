//! A request becomes a job, once.

use phagen_domain::job::JobId;
use phagen_store::{Enqueued, IdempotencyKey, NewJob, StoreError};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::{
    PostgresStore,
    row::{failed, milliseconds, to_json, to_millisecond},
};

/// The job and its first event. `$source` is the row whose presence lets it in.
macro_rules! store_job {
    ($before:literal, $source:literal) => {
        concat!(
            $before,
            "stored as (
    insert into job (id, molecule_folded, molecule, request, state, run_at, attempt, max_attempts,
        n_events, created_at, priority, tenant, trace_parent)
    select $1, $2, $3, $4::json, 'queued', coalesce($5, clock()), 0, $6, 1, clock(), $7,
        coalesce($8, ''), $9",
            $source,
            "
    returning id, run_at, n_events
), told as (
    insert into job_event (job_id, seq, kind, data, at)
    select id, n_events, 'queued',
        json_build_object('attempt', 0, 'run_at', rfc3339(run_at)), clock()
    from stored
)
select true from stored"
        )
    };
}

const STORE: &str = store_job!("with ", "");

/// A key that ran out is taken over, so whoever is first holds it, and whoever came in between waits
/// to see who was. Other keys that ran out are swept, a few at a time.
const STORE_UNDER_KEY: &str = store_job!(
    "
with swept as (
    delete from idempotency_key where key in (
        select key from idempotency_key where expires_at <= clock() and key <> $10
        order by expires_at limit 100
        for update skip locked
    )
), held as (
    insert into idempotency_key (key, request_digest, job_id, expires_at)
    values ($10, $11, $1, clock() + $12 * interval '1 millisecond')
    on conflict (key) do update set
        request_digest = excluded.request_digest, job_id = excluded.job_id,
        expires_at = excluded.expires_at
    where idempotency_key.expires_at <= clock()
    returning key
), ",
    "
    from held"
);

const FIND_KEY: &str = "
select request_digest, job_id from idempotency_key where key = $1";

/// Who submits for one tenant sees what the one before has submitted, so that no two take its last
/// place.
const TAKE_TURN: &str = "
select pg_advisory_xact_lock(hashtextextended('phagen queued ' || $1, 0))";

/// As far as it matters. In the order of the index, so that no other way looks shorter.
pub const COUNT_QUEUED: &str = "
select count(*) from (
    select from job where state = 'queued' and tenant = $1
    order by priority, run_at, id limit $2
) as queued";

pub(super) async fn enqueue(
    store: &PostgresStore,
    job: &NewJob,
    key: Option<&IdempotencyKey>,
) -> Result<Enqueued, StoreError> {
    loop {
        let is_stored = match (&job.tenant, job.max_queued) {
            (Some(tenant), Some(limit)) => insert_within(store, job, key, (tenant, limit)).await?,
            _ => insert(&store.pool, job, key).await?,
        };
        if is_stored {
            return Ok(Enqueued::New(job.id));
        }
        if let Some(key) = key
            && let Some(first) = find_first(store, key).await?
        {
            return Ok(Enqueued::Replayed(first));
        }
        // The key ran out between the two looks: it is free now.
    }
}

/// As [`insert`], if fewer than `limit` jobs of `tenant` are queued or the key is held already.
async fn insert_within(
    store: &PostgresStore,
    job: &NewJob,
    key: Option<&IdempotencyKey>,
    (tenant, limit): (&str, u32),
) -> Result<bool, StoreError> {
    const TRIED: &str = "count the queued jobs of a key";
    let mut transaction = store.begin(TRIED).await?;
    sqlx::query(TAKE_TURN)
        .bind(tenant)
        .execute(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    let n_queued: i64 = sqlx::query_scalar(COUNT_QUEUED)
        .bind(tenant)
        .bind(i64::from(limit))
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    let is_full = n_queued >= i64::from(limit);
    // Under a key it may have been here before, and is answered as then.
    let is_stored = (!is_full || key.is_some()) && insert(&mut *transaction, job, key).await?;
    if is_full && (is_stored || key.is_none()) {
        // What was stored goes with the transaction.
        return Err(StoreError::QueueFull {
            tenant: tenant.to_owned(),
            limit,
        });
    }
    transaction.commit().await.map_err(failed(TRIED))?;
    Ok(is_stored)
}

/// False: the key is held already, and nothing was stored.
async fn insert(
    executor: impl PgExecutor<'_>,
    job: &NewJob,
    key: Option<&IdempotencyKey>,
) -> Result<bool, StoreError> {
    const TRIED: &str = "enqueue a job";
    let statement = if key.is_some() {
        STORE_UNDER_KEY
    } else {
        STORE
    };
    let mut query = sqlx::query_scalar(statement)
        .bind(job.id.0)
        .bind(job.request.molecule.to_lowercase())
        .bind(&job.request.molecule)
        .bind(to_json(TRIED, &job.request)?)
        .bind(job.run_at.map(to_millisecond))
        .bind(i64::from(job.max_attempts))
        .bind(i16::from(job.priority.get()))
        .bind(&job.tenant)
        .bind(&job.trace_parent);
    if let Some(key) = key {
        query = query
            .bind(&key.key)
            .bind(key.request_digest.to_string())
            .bind(milliseconds(IdempotencyKey::LIFETIME));
    }
    let stored: Option<bool> = query
        .fetch_optional(executor)
        .await
        .map_err(failed(TRIED))?;
    Ok(stored.is_some())
}

/// The job that the first request under `key` made.
async fn find_first(
    store: &PostgresStore,
    key: &IdempotencyKey,
) -> Result<Option<JobId>, StoreError> {
    let held: Option<(String, Uuid)> = sqlx::query_as(FIND_KEY)
        .bind(&key.key)
        .fetch_optional(&store.pool)
        .await
        .map_err(failed("find an idempotency key"))?;
    match held {
        None => Ok(None),
        Some((digest, first)) if digest == key.request_digest.to_string() => Ok(Some(JobId(first))),
        Some(_) => Err(StoreError::KeyReused(key.key.clone())),
    }
}
