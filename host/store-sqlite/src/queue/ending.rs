//! How an attempt ends. Every statement carries the fence: a lease that is no longer the row's
//! changes nothing.

use std::time::Duration;

use phagen_domain::{
    job::{JobFailure, JobId, Lease},
    result::JobResult,
};
use phagen_store::StoreError;
use serde_json::{Value, json};
use sqlx::{FromRow, SqliteConnection};

use super::event;
use crate::{
    SqliteStore,
    row::{corrupt, failed, milliseconds, to_json},
};

const FINISH: &str = "
update job set
    state = 'succeeded', result = ?3, finished_at = (select now from clock),
    lease_token = null, lease_until = null, locked_by = null
where id = ?1 and lease_token = ?2 and state = 'running'
returning state, attempt, run_at";

const ACKNOWLEDGE_CANCEL: &str = "
update job set
    state = 'cancelled', finished_at = (select now from clock),
    lease_token = null, lease_until = null, locked_by = null
where id = ?1 and lease_token = ?2 and state = 'running'
returning state, attempt, run_at";

/// `run_at` stays, so that the job keeps its place before those that came later.
const RELEASE: &str = "
update job set
    state = case when cancel_requested_at is null then 'queued' else 'cancelled' end,
    finished_at = case when cancel_requested_at is not null then (select now from clock) end,
    attempt = attempt - 1,
    lease_token = null, lease_until = null, locked_by = null
where id = ?1 and lease_token = ?2 and state = 'running'
returning state, attempt, run_at";

/// ?3 retryable, ?4 delay in milliseconds, ?5 the failure.
const FAIL: &str = "
update job set
    state = verdict.state,
    run_at = case verdict.state when 'queued' then (select now from clock) + ?4 else run_at end,
    failure = case verdict.state when 'failed' then ?5 end,
    finished_at = case when verdict.state <> 'queued' then (select now from clock) end,
    lease_token = null, lease_until = null, locked_by = null
from (
    select case
        when not ?3 then 'failed'
        when cancel_requested_at is not null then 'cancelled'
        when attempt >= max_attempts then 'failed'
        else 'queued'
    end as state
    from job where id = ?1
) as verdict
where job.id = ?1 and lease_token = ?2 and job.state = 'running'
returning job.state as state, attempt, run_at";

/// Where the fence let the job go.
#[derive(FromRow)]
struct Moved {
    state: String,
    attempt: i64,
    run_at: i64,
}

pub(super) async fn finish(
    store: &SqliteStore,
    lease: &Lease,
    result: &JobResult,
) -> Result<(), StoreError> {
    const TRIED: &str = "finish a job";
    let result = to_json(TRIED, result)?;
    let mut transaction = store.begin(TRIED).await?;
    let moved: Option<Moved> = sqlx::query_as(FINISH)
        .bind(lease.job_id.to_string())
        .bind(lease.token.to_string())
        .bind(result)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    tell(&mut transaction, lease.job_id, moved, json!({})).await?;
    transaction.commit().await.map_err(failed(TRIED))
}

pub(super) async fn acknowledge_cancel(
    store: &SqliteStore,
    lease: &Lease,
) -> Result<(), StoreError> {
    const TRIED: &str = "acknowledge that a job was cancelled";
    let mut transaction = store.begin(TRIED).await?;
    let moved: Option<Moved> = sqlx::query_as(ACKNOWLEDGE_CANCEL)
        .bind(lease.job_id.to_string())
        .bind(lease.token.to_string())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    tell(&mut transaction, lease.job_id, moved, json!({})).await?;
    transaction.commit().await.map_err(failed(TRIED))
}

pub(super) async fn release(store: &SqliteStore, lease: &Lease) -> Result<(), StoreError> {
    const TRIED: &str = "release a job";
    let mut transaction = store.begin(TRIED).await?;
    let moved: Option<Moved> = sqlx::query_as(RELEASE)
        .bind(lease.job_id.to_string())
        .bind(lease.token.to_string())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    let released = json!({ "released": true });
    tell(&mut transaction, lease.job_id, moved, released).await?;
    transaction.commit().await.map_err(failed(TRIED))
}

pub(super) async fn fail(
    store: &SqliteStore,
    lease: &Lease,
    failure: &JobFailure,
    delay: Duration,
) -> Result<(), StoreError> {
    const TRIED: &str = "fail a job";
    let mut transaction = store.begin(TRIED).await?;
    let attempt = FailedAttempt {
        job_id: lease.job_id,
        token: &lease.token.to_string(),
        failure,
        delay,
    };
    attempt.end(&mut transaction).await?;
    transaction.commit().await.map_err(failed(TRIED))
}

/// An attempt that its worker, or the reaper in its place, gives up.
pub(super) struct FailedAttempt<'a> {
    pub(super) job_id: JobId,
    pub(super) token: &'a str,
    pub(super) failure: &'a JobFailure,
    pub(super) delay: Duration,
}

impl FailedAttempt<'_> {
    pub(super) async fn end(&self, transaction: &mut SqliteConnection) -> Result<(), StoreError> {
        const TRIED: &str = "end a failed attempt";
        // What is stored as failed is never tried again, whatever its worker hoped.
        let stored = JobFailure {
            message: self.failure.message.clone(),
            retryable: false,
        };
        let moved: Option<Moved> = sqlx::query_as(FAIL)
            .bind(self.job_id.to_string())
            .bind(self.token)
            .bind(self.failure.retryable)
            .bind(milliseconds(self.delay))
            .bind(to_json(TRIED, &stored)?)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed(TRIED))?;
        let message = json!({ "message": self.failure.message });
        tell(transaction, self.job_id, moved, message).await
    }
}

/// Leaves the event of what happened; nothing moved means that the lease was lost.
async fn tell(
    transaction: &mut SqliteConnection,
    job_id: JobId,
    moved: Option<Moved>,
    mut data: Value,
) -> Result<(), StoreError> {
    let moved = moved.ok_or(StoreError::LeaseLost(job_id))?;
    data["attempt"] = json!(moved.attempt);
    let kind = match moved.state.as_str() {
        "queued" => {
            data["run_at"] = json!(event::rfc3339(moved.run_at)?);
            if data.get("released").is_some() {
                "queued"
            } else {
                "retry"
            }
        }
        "succeeded" => "succeeded",
        "failed" => "failed",
        "cancelled" => "cancelled",
        other => {
            return Err(corrupt(
                "job",
                format!("`{other}` is not how an attempt ends"),
            ));
        }
    };
    event::record(transaction, &job_id.to_string(), kind, &data).await
}
