//! The right to run a job, taken: by the first that is due, or by the first of a tenant with room.

use std::{num::NonZeroU32, time::Duration};

use chrono::{DateTime, Utc};
use phagen_domain::job::{Job, JobFailure, JobId, JobState, Lease, Priority};
use phagen_store::{ClaimedJob, StoreError};
use sqlx::{FromRow, Postgres, postgres::PgArguments, query::QueryAs};
use uuid::Uuid;

use crate::{
    PostgresStore,
    row::{failed, from_json, milliseconds, number, priority, tenant, to_json},
};

/// Moves the row that `$due` found and tells of it. A plan made while the queue was empty is kept, so
/// the row is found by its key alone: no join, and the state in words that no partial index answers.
macro_rules! claim {
    ($due:literal) => {
        concat!(
            $due,
            ", claimed as (
    update job set
        state = 'running',
        attempt = attempt + 1,
        n_events = n_events + 1,
        lease_token = $1,
        lease_until = clock() + $2 * interval '1 millisecond',
        locked_by = $3
    where job.id = (select id from due) and coalesce(job.state, '') = 'queued'
    returning job.id, request, attempt, max_attempts, n_events, lease_until, created_at, priority,
        tenant, trace_parent
), told as (
    insert into job_event (job_id, seq, kind, data, at)
    select id, n_events, 'running',
        json_build_object('attempt', attempt, 'max_attempts', max_attempts, 'worker', $3), clock()
    from claimed
)
select id, request::text, attempt, max_attempts, lease_until, created_at, priority, tenant,
    trace_parent
from claimed"
        )
    };
}

/// The oldest of each priority are compared first; then the best is taken, or the next best where
/// others hold it: claimers walk past each other instead of waiting. The attempt counts before it
/// runs: a guest that kills the process must still use one up.
pub const CLAIM: &str = claim!(
    "
with lane as (
    select class.priority, oldest.run_at + class.priority * $4 * interval '1 millisecond' as rank
    from (values (1), (2), (3), (4)) as class (priority)
    cross join lateral (
        select run_at from job
        where state = 'queued' and attempt >= 0 and job.priority = class.priority
            and run_at <= clock()
        order by run_at, id limit 1
    ) as oldest
), due as (
    select oldest.id
    from (select priority from lane order by rank, priority) as best
    cross join lateral (
        select id from job
        where state = 'queued' and attempt >= 0 and job.priority = best.priority
            and run_at <= clock()
        order by run_at, id limit 1
        for no key update skip locked
    ) as oldest
    limit 1
)"
);

/// Whoever claims by turns sees the claim of the one before, so that no two take the last place of a
/// tenant.
const TAKE_TURN: &str = "select pg_advisory_xact_lock(x'70686167656e6a62'::bigint)";

/// As above, by tenant: from one waiting tenant to the next, and of each that has room ($5) the oldest
/// of each priority. A tenant without room costs one step, however many of its jobs wait. No other
/// claim by turns is under way, so the row is locked only where it is changed.
pub const CLAIM_FAIRLY: &str = claim!(
    "
with recursive waiting (name) as (
    (select tenant from job where state = 'queued' order by tenant limit 1)
    union all
    select next.tenant
    from waiting
    cross join lateral (
        select job.tenant from job
        where state = 'queued' and job.tenant > waiting.name
        order by job.tenant limit 1
    ) as next
), full_up as (
    select tenant from job
    where state = 'running' and tenant <> ''
    group by tenant having count(*) >= $5
), due as (
    select oldest.id
    from waiting
    cross join (values (1), (2), (3), (4)) as class (priority)
    cross join lateral (
        select id, run_at from job
        where state = 'queued' and job.tenant = waiting.name
            and job.priority = class.priority and run_at <= clock()
        order by run_at, id limit 1
    ) as oldest
    where not exists (select from full_up where full_up.tenant = waiting.name)
    order by oldest.run_at + class.priority * $4 * interval '1 millisecond',
        class.priority, oldest.id
    limit 1
)"
);

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

#[derive(FromRow)]
struct ClaimedRow {
    id: Uuid,
    request: String,
    attempt: i64,
    max_attempts: i64,
    lease_until: DateTime<Utc>,
    created_at: DateTime<Utc>,
    priority: i16,
    tenant: String,
    trace_parent: Option<String>,
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
            priority: priority(self.priority.into())?,
            tenant: tenant(self.tenant),
            trace_parent: self.trace_parent,
        };
        let lease = Lease {
            job_id: job.id,
            token,
            until: self.lease_until,
        };
        Ok(ClaimedJob { job, lease })
    }
}

/// With `max_running`, as [`phagen_store::QueueStore::claim_fairly`].
pub(super) async fn claim(
    store: &PostgresStore,
    worker: &str,
    lease: Duration,
    max_running: Option<NonZeroU32>,
) -> Result<Option<ClaimedJob>, StoreError> {
    loop {
        let token = Uuid::new_v4();
        let taken = match max_running {
            None => {
                bound(CLAIM, token, worker, lease)
                    .fetch_optional(&store.pool)
                    .await
            }
            Some(max_running) => {
                let query = bound(CLAIM_FAIRLY, token, worker, lease);
                in_turn(store, query.bind(i64::from(max_running.get()))).await
            }
        };
        let Some(row) = taken.map_err(failed("claim a job"))? else {
            return Ok(None);
        };
        let id = row.id;
        match row.into_claimed(token) {
            Ok(claimed) => return Ok(Some(claimed)),
            Err(unreadable) => end_unreadable(store, id, token, &unreadable).await?,
        }
    }
}

type Claim<'q> = QueryAs<'q, Postgres, ClaimedRow, PgArguments>;

fn bound<'q>(sql: &'static str, token: Uuid, worker: &'q str, lease: Duration) -> Claim<'q> {
    sqlx::query_as(sql)
        .bind(token)
        .bind(milliseconds(lease))
        .bind(worker)
        .bind(milliseconds(Priority::STEP))
}

/// One process waits for its turn on one connection, however many workers it has.
async fn in_turn(
    store: &PostgresStore,
    claim: Claim<'_>,
) -> Result<Option<ClaimedRow>, sqlx::Error> {
    let _turn = store.claiming.lock().await;
    let mut transaction = store
        .pool
        .begin_with("begin isolation level read committed")
        .await?;
    sqlx::query(TAKE_TURN).execute(&mut *transaction).await?;
    let row = claim.fetch_optional(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(row)
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
