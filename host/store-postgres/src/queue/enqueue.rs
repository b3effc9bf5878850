//! A request becomes a job, once.

use phagen_domain::job::JobId;
use phagen_store::{Enqueued, IdempotencyKey, NewJob, StoreError};
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
        n_events, created_at)
    select $1, $2, $3, $4::json, 'queued', coalesce($5, clock()), 0, $6, 1, clock()",
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
        select key from idempotency_key where expires_at <= clock() and key <> $7
        order by expires_at limit 100
        for update skip locked
    )
), held as (
    insert into idempotency_key (key, request_digest, job_id, expires_at)
    values ($7, $8, $1, clock() + $9 * interval '1 millisecond')
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

pub(super) async fn enqueue(
    store: &PostgresStore,
    job: &NewJob,
    key: Option<&IdempotencyKey>,
) -> Result<Enqueued, StoreError> {
    loop {
        if insert(store, job, key).await? {
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

/// False: the key is held already, and nothing was stored.
async fn insert(
    store: &PostgresStore,
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
        .bind(i64::from(job.max_attempts));
    if let Some(key) = key {
        query = query
            .bind(&key.key)
            .bind(key.request_digest.to_string())
            .bind(milliseconds(IdempotencyKey::LIFETIME));
    }
    let stored: Option<bool> = query
        .fetch_optional(&store.pool)
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
