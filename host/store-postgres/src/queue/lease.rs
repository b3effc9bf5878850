//! The right to run a job: taken, kept, and used to tell how far it is.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use phagen_domain::job::{Job, JobFailure, JobId, JobState, Lease, Progress};
use phagen_store::{ClaimedJob, Renewal, StoreError};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    PostgresStore,
    row::{failed, from_json, milliseconds, number, to_json},
};

/// Claimers walk past what others hold instead of waiting for it. The attempt counts before it runs:
/// a guest that kills the process must still use one up.
const CLAIM: &str = "
with due as (
    select id from job
    where state = 'queued' and run_at <= clock()
    order by run_at, id limit 1
    for no key update skip locked
), claimed as (
    update job set
        state = 'running',
        attempt = attempt + 1,
        n_events = n_events + 1,
        lease_token = $1,
        lease_until = clock() + $2 * interval '1 millisecond',
        locked_by = $3
    from due where job.id = due.id
    returning job.id, request, attempt, max_attempts, n_events, lease_until, created_at
), told as (
    insert into job_event (job_id, seq, kind, data, at)
    select id, n_events, 'running',
        json_build_object('attempt', attempt, 'max_attempts', max_attempts, 'worker', $3), clock()
    from claimed
)
select id, request::text, attempt, max_attempts, lease_until, created_at from claimed";

const FAIL_UNREADABLE: &str = "
with ended as (
    update job set
        state = 'failed', failure = $3::json, finished_at = clock(), n_events = n_events + 1,
        lease_token = null, lease_until = null, locked_by = null
    where id = $1 and lease_token = $2 and state = 'running'
    returning id, attempt, n_events
)
insert into job_event (job_id, seq, kind, data, at)
select id, n_events, 'failed',
    json_build_object('attempt', attempt, 'message', $4::json), clock()
from ended";

const RENEW: &str = "
update job set lease_until = clock() + $3 * interval '1 millisecond'
from unnest($1::uuid[], $2::uuid[]) as held (id, token)
where job.id = held.id and lease_token = held.token and state = 'running'
returning job.id, lease_until, cancel_requested_at is not null";

/// Fence and event in one: a job reports often, so a report must be cheap.
const REPORT_PROGRESS: &str = "
with running as (
    update job set n_events = n_events + 1
    where id = $1 and lease_token = $2 and state = 'running'
    returning id, n_events
)
insert into job_event (job_id, seq, kind, data, at)
select id, n_events, 'progress', $3::json, clock() from running";

#[derive(FromRow)]
struct ClaimedRow {
    id: Uuid,
    request: String,
    attempt: i64,
    max_attempts: i64,
    lease_until: DateTime<Utc>,
    created_at: DateTime<Utc>,
}

impl ClaimedRow {
    fn into_claimed(self, token: Uuid) -> Result<ClaimedJob, StoreError> {
        let job = Job {
            id: JobId(self.id),
            request: from_json("job", "request", &self.request)?,
            state: JobState::Running {
                lease_until: self.lease_until,
                cancel_requested: false,
            },
            attempt: number("job", "attempt", self.attempt)?,
            max_attempts: number("job", "max_attempts", self.max_attempts)?,
            progress: None,
            created_at: self.created_at,
        };
        let lease = Lease {
            job_id: job.id,
            token,
            until: self.lease_until,
        };
        Ok(ClaimedJob { job, lease })
    }
}

pub(super) async fn claim(
    store: &PostgresStore,
    worker: &str,
    lease: Duration,
) -> Result<Option<ClaimedJob>, StoreError> {
    loop {
        let token = Uuid::new_v4();
        let row: Option<ClaimedRow> = sqlx::query_as(CLAIM)
            .bind(token)
            .bind(milliseconds(lease))
            .bind(worker)
            .fetch_optional(&store.pool)
            .await
            .map_err(failed("claim a job"))?;
        let Some(row) = row else {
            return Ok(None);
        };
        let id = row.id;
        match row.into_claimed(token) {
            Ok(claimed) => return Ok(Some(claimed)),
            Err(unreadable) => end_unreadable(store, id, token, &unreadable).await?,
        }
    }
}

/// A row that this version cannot read fails; left queued, it would stand before every other job.
async fn end_unreadable(
    store: &PostgresStore,
    id: Uuid,
    token: Uuid,
    reason: &StoreError,
) -> Result<(), StoreError> {
    const TRIED: &str = "fail a job that cannot be read";
    let failure = JobFailure {
        message: reason.to_string(),
        retryable: false,
    };
    sqlx::query(FAIL_UNREADABLE)
        .bind(id)
        .bind(token)
        .bind(to_json(TRIED, &failure)?)
        .bind(to_json(TRIED, &failure.message)?)
        .execute(&store.pool)
        .await
        .map_err(failed(TRIED))?;
    Ok(())
}

pub(super) async fn renew(
    store: &PostgresStore,
    leases: &[Lease],
    lease: Duration,
) -> Result<Vec<Renewal>, StoreError> {
    let ids: Vec<Uuid> = leases.iter().map(|held| held.job_id.0).collect();
    let tokens: Vec<Uuid> = leases.iter().map(|held| held.token).collect();
    let rows: Vec<(Uuid, DateTime<Utc>, bool)> = sqlx::query_as(RENEW)
        .bind(ids)
        .bind(tokens)
        .bind(milliseconds(lease))
        .fetch_all(&store.pool)
        .await
        .map_err(failed("renew leases"))?;
    let extended: HashMap<Uuid, (DateTime<Utc>, bool)> = rows
        .into_iter()
        .map(|(id, until, cancel_requested)| (id, (until, cancel_requested)))
        .collect();
    let renewal = |held: &Lease| match extended.get(&held.job_id.0) {
        Some(&(until, cancel_requested)) => Renewal::Extended {
            job_id: held.job_id,
            until,
            cancel_requested,
        },
        None => Renewal::Lost {
            job_id: held.job_id,
        },
    };
    Ok(leases.iter().map(renewal).collect())
}

pub(super) async fn report_progress(
    store: &PostgresStore,
    lease: &Lease,
    progress: &Progress,
) -> Result<(), StoreError> {
    const TRIED: &str = "report the progress of a job";
    let reported = sqlx::query(REPORT_PROGRESS)
        .bind(lease.job_id.0)
        .bind(lease.token)
        .bind(to_json(TRIED, progress)?)
        .execute(&store.pool)
        .await
        .map_err(failed(TRIED))?;
    if reported.rows_affected() == 0 {
        return Err(StoreError::LeaseLost(lease.job_id));
    }
    Ok(())
}
