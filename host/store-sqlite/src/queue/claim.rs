//! The right to run a job, taken: by the first that is due, or by the first of a tenant with room.

use std::{num::NonZeroU32, time::Duration};

use phagen_domain::job::{Job, JobState, Lease, Priority};
use phagen_store::{ClaimedJob, StoreError};
use serde_json::json;
use sqlx::{FromRow, Sqlite, Transaction};
use uuid::Uuid;

use super::event;
use crate::{
    SqliteStore,
    row::{failed, from_json, milliseconds, number, parse, priority, tenant, time},
};

/// Moves the row that `$due` finds.
macro_rules! claim {
    ($with:literal, $due:literal) => {
        concat!(
            $with,
            "
update job set
    state = 'running',
    attempt = attempt + 1,
    lease_token = ?1,
    lease_until = (select now from clock) + ?2,
    locked_by = ?3
where id = (",
            $due,
            "
)
returning id, request, attempt, max_attempts, lease_until, created_at, priority, tenant,
    trace_parent"
        )
    };
}

/// Atomic by the single writer. The oldest of each priority are compared. The index is named because
/// the planner, seeing `state = …`, would take another and sort the whole backlog. The attempt counts
/// before it runs: a guest that kills the process must still use one up.
pub const CLAIM: &str = claim!(
    "
with class (priority) as (values (1), (2), (3), (4))",
    "
    select oldest.id from class cross join job as oldest on oldest.id = (
        select id from job indexed by job_due
        where state = 'queued' and priority = class.priority and run_at <= (select now from clock)
        order by run_at, id limit 1
    )
    order by oldest.run_at + class.priority * ?4, class.priority limit 1"
);

/// As above, by tenant: from one waiting tenant to the next, and of each that has room (?5) the oldest
/// of each priority. A tenant without room costs one step, however many of its jobs wait.
pub const CLAIM_FAIRLY: &str = claim!(
    "
with recursive class (priority) as (values (1), (2), (3), (4)),
waiting (name) as (
    select min(tenant) from job indexed by job_due_by_tenant where state = 'queued'
    union all
    select (
        select min(job.tenant) from job indexed by job_due_by_tenant
        where state = 'queued' and job.tenant > waiting.name
    )
    from waiting where waiting.name is not null
)",
    "
    select oldest.id
    from waiting cross join class cross join job as oldest on oldest.id = (
        select id from job indexed by job_due_by_tenant
        where state = 'queued' and tenant = waiting.name and priority = class.priority
            and run_at <= (select now from clock)
        order by run_at, id limit 1
    )
    where waiting.name not in (
        select tenant from job indexed by job_leased
        where state = 'running' and tenant <> ''
        group by tenant having count(*) >= ?5
    )
    order by oldest.run_at + class.priority * ?4, class.priority, oldest.id limit 1"
);

const FAIL_UNREADABLE: &str = "
update job set
    state = 'failed', failure = ?2, finished_at = (select now from clock),
    lease_token = null, lease_until = null, locked_by = null
where id = ?1";

#[derive(FromRow)]
struct ClaimedRow {
    id: String,
    request: String,
    attempt: i64,
    max_attempts: i64,
    lease_until: i64,
    created_at: i64,
    priority: i64,
    tenant: String,
    trace_parent: Option<String>,
}

impl ClaimedRow {
    fn into_claimed(self, token: Uuid) -> Result<ClaimedJob, StoreError> {
        let until = time("job", self.lease_until)?;
        let job = Job {
            id: parse("job", &self.id)?,
            request: from_json("job", "request", &self.request)?,
            state: JobState::Running {
                lease_until: until,
                cancel_requested: false,
            },
            attempt: number("job", "attempt", self.attempt)?,
            max_attempts: number("job", "max_attempts", self.max_attempts)?,
            progress: None,
            created_at: time("job", self.created_at)?,
            priority: priority(self.priority)?,
            tenant: tenant(self.tenant),
            trace_parent: self.trace_parent,
        };
        let lease = Lease {
            job_id: job.id,
            token,
            until,
        };
        Ok(ClaimedJob { job, lease })
    }
}

/// With `max_running`, as [`phagen_store::QueueStore::claim_fairly`].
pub(super) async fn claim(
    store: &SqliteStore,
    worker: &str,
    lease: Duration,
    max_running: Option<NonZeroU32>,
) -> Result<Option<ClaimedJob>, StoreError> {
    const TRIED: &str = "claim a job";
    loop {
        let token = Uuid::new_v4();
        let mut transaction = store.begin(TRIED).await?;
        let sql = max_running.map_or(CLAIM, |_| CLAIM_FAIRLY);
        let mut query = sqlx::query_as(sql)
            .bind(token.to_string())
            .bind(milliseconds(lease))
            .bind(worker)
            .bind(milliseconds(Priority::STEP));
        if let Some(max_running) = max_running {
            query = query.bind(max_running.get());
        }
        let row: Option<ClaimedRow> = query
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed(TRIED))?;
        let Some(row) = row else {
            return Ok(None);
        };
        let job_id = row.id.clone();
        let attempt = row.attempt;
        match row.into_claimed(token) {
            Ok(claimed) => {
                let data = json!({
                    "attempt": attempt,
                    "max_attempts": claimed.job.max_attempts,
                    "worker": worker,
                });
                event::record(&mut transaction, &job_id, "running", &data).await?;
                transaction.commit().await.map_err(failed(TRIED))?;
                return Ok(Some(claimed));
            }
            Err(unreadable) => end_unreadable(transaction, &job_id, attempt, &unreadable).await?,
        }
    }
}

/// A row that this version cannot read fails; left queued, it would stand before every other job.
async fn end_unreadable(
    mut transaction: Transaction<'_, Sqlite>,
    job_id: &str,
    attempt: i64,
    reason: &StoreError,
) -> Result<(), StoreError> {
    const TRIED: &str = "fail a job that cannot be read";
    let message = reason.to_string();
    sqlx::query(FAIL_UNREADABLE)
        .bind(job_id)
        .bind(json!({ "message": message, "retryable": false }).to_string())
        .execute(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    let data = json!({ "attempt": attempt, "message": message });
    event::record(&mut transaction, job_id, "failed", &data).await?;
    transaction.commit().await.map_err(failed(TRIED))
}
