//! How an attempt ends. Every statement carries the fence: a lease that is no longer the row's
//! changes nothing, and no event tells of it.

use std::time::Duration;

use phagen_domain::{
    job::{JobFailure, Lease},
    result::JobResult,
};
use phagen_store::StoreError;
use sqlx::{PgExecutor, postgres::PgQueryResult};
use uuid::Uuid;

use crate::{
    PostgresStore,
    row::{failed, milliseconds, to_json},
};

const FINISH: &str = "
with ended as (
    update job set
        state = 'succeeded', result = $3::json, finished_at = clock(), n_events = n_events + 1,
        lease_token = null, lease_until = null, locked_by = null
    where id = $1 and lease_token = $2 and state = 'running'
    returning id, attempt, n_events
)
insert into job_event (job_id, seq, kind, data, at)
select id, n_events, 'succeeded', json_build_object('attempt', attempt), clock() from ended";

const ACKNOWLEDGE_CANCEL: &str = "
with ended as (
    update job set
        state = 'cancelled', finished_at = clock(), n_events = n_events + 1,
        lease_token = null, lease_until = null, locked_by = null
    where id = $1 and lease_token = $2 and state = 'running'
    returning id, attempt, n_events
)
insert into job_event (job_id, seq, kind, data, at)
select id, n_events, 'cancelled', json_build_object('attempt', attempt), clock() from ended";

/// `run_at` stays, so that the job keeps its place before those that came later.
const RELEASE: &str = "
with ended as (
    update job set
        state = case when cancel_requested_at is null then 'queued' else 'cancelled' end,
        finished_at = case when cancel_requested_at is not null then clock() end,
        attempt = attempt - 1, n_events = n_events + 1,
        lease_token = null, lease_until = null, locked_by = null
    where id = $1 and lease_token = $2 and state = 'running'
    returning id, state, attempt, run_at, n_events
)
insert into job_event (job_id, seq, kind, data, at)
select id, n_events, state,
    case state
        when 'queued' then json_build_object(
            'attempt', attempt, 'run_at', rfc3339(run_at), 'released', true)
        else json_build_object('attempt', attempt, 'released', true)
    end,
    clock()
from ended";

/// One attempt or many. The verdict is made of the columns of the row being changed, so that a
/// cancellation that comes in between is not overlooked.
const FAIL: &str = "
with ended as (
    update job set
        (state, run_at, failure, finished_at) = (
            select
                verdict.state,
                case verdict.state
                    when 'queued' then clock() + tried.delay * interval '1 millisecond'
                    else job.run_at
                end,
                case verdict.state when 'failed' then tried.failure::json end,
                case when verdict.state <> 'queued' then clock() end
            from (
                select case
                    when not tried.retryable then 'failed'
                    when job.cancel_requested_at is not null then 'cancelled'
                    when job.attempt >= job.max_attempts then 'failed'
                    else 'queued'
                end as state
            ) as verdict
        ),
        n_events = n_events + 1,
        lease_token = null, lease_until = null, locked_by = null
    from unnest($1::uuid[], $2::uuid[], $3::boolean[], $4::bigint[], $5::text[], $6::text[])
        as tried (id, token, retryable, delay, failure, message)
    where job.id = tried.id and job.lease_token = tried.token and job.state = 'running'
    returning job.id, job.state, job.attempt, job.run_at, job.n_events, tried.message
)
insert into job_event (job_id, seq, kind, data, at)
select id, n_events,
    case state when 'queued' then 'retry' else state end,
    case state
        when 'queued' then json_build_object(
            'attempt', attempt, 'run_at', rfc3339(run_at), 'message', message::json)
        else json_build_object('attempt', attempt, 'message', message::json)
    end,
    clock()
from ended";

pub(super) async fn finish(
    store: &PostgresStore,
    lease: &Lease,
    result: &JobResult,
) -> Result<(), StoreError> {
    const TRIED: &str = "finish a job";
    let ended = sqlx::query(FINISH)
        .bind(lease.job_id.0)
        .bind(lease.token)
        .bind(to_json(TRIED, result)?)
        .execute(&store.pool)
        .await
        .map_err(failed(TRIED))?;
    fenced(lease, &ended)
}

pub(super) async fn acknowledge_cancel(
    store: &PostgresStore,
    lease: &Lease,
) -> Result<(), StoreError> {
    let ended = sqlx::query(ACKNOWLEDGE_CANCEL)
        .bind(lease.job_id.0)
        .bind(lease.token)
        .execute(&store.pool)
        .await
        .map_err(failed("acknowledge that a job was cancelled"))?;
    fenced(lease, &ended)
}

pub(super) async fn release(store: &PostgresStore, lease: &Lease) -> Result<(), StoreError> {
    let ended = sqlx::query(RELEASE)
        .bind(lease.job_id.0)
        .bind(lease.token)
        .execute(&store.pool)
        .await
        .map_err(failed("release a job"))?;
    fenced(lease, &ended)
}

pub(super) async fn fail(
    store: &PostgresStore,
    lease: &Lease,
    failure: &JobFailure,
    delay: Duration,
) -> Result<(), StoreError> {
    let mut attempts = FailedAttempts::default();
    attempts.add(lease.job_id.0, lease.token, failure, delay)?;
    let ended = attempts.end(&store.pool).await?;
    fenced(lease, &ended)
}

/// Attempts that their worker, or the reaper in its place, gives up: a column of each parameter.
#[derive(Default)]
pub(super) struct FailedAttempts {
    ids: Vec<Uuid>,
    tokens: Vec<Uuid>,
    retryable: Vec<bool>,
    delays: Vec<i64>,
    failures: Vec<String>,
    messages: Vec<String>,
}

impl FailedAttempts {
    pub(super) fn add(
        &mut self,
        id: Uuid,
        token: Uuid,
        failure: &JobFailure,
        delay: Duration,
    ) -> Result<(), StoreError> {
        const TRIED: &str = "end a failed attempt";
        // What is stored as failed is never tried again, whatever its worker hoped.
        let stored = JobFailure {
            message: failure.message.clone(),
            retryable: false,
        };
        self.ids.push(id);
        self.tokens.push(token);
        self.retryable.push(failure.retryable);
        self.delays.push(milliseconds(delay));
        self.failures.push(to_json(TRIED, &stored)?);
        // As JSON: a message may hold what a text of the database may not.
        self.messages.push(to_json(TRIED, &failure.message)?);
        Ok(())
    }

    pub(super) async fn end(
        self,
        executor: impl PgExecutor<'_>,
    ) -> Result<PgQueryResult, StoreError> {
        sqlx::query(FAIL)
            .bind(self.ids)
            .bind(self.tokens)
            .bind(self.retryable)
            .bind(self.delays)
            .bind(self.failures)
            .bind(self.messages)
            .execute(executor)
            .await
            .map_err(failed("end a failed attempt"))
    }
}

/// No event was left: the lease was lost.
fn fenced(lease: &Lease, ended: &PgQueryResult) -> Result<(), StoreError> {
    match ended.rows_affected() {
        0 => Err(StoreError::LeaseLost(lease.job_id)),
        _ => Ok(()),
    }
}
