//! The right to run a job: taken, kept, and used to tell how far it is.

use std::{collections::HashMap, time::Duration};

use phagen_domain::job::{Job, JobState, Lease, Progress};
use phagen_store::{ClaimedJob, Renewal, StoreError};
use serde_json::json;
use sqlx::{FromRow, Sqlite, Transaction};
use uuid::Uuid;

use super::event;
use crate::{
    SqliteStore,
    row::{failed, from_json, milliseconds, number, parse, time, to_json},
};

/// Atomic by the single writer. The index is named because the planner, seeing `state = …`, would
/// take another and sort the whole backlog. The attempt counts before it runs: a guest that kills the process
/// must still use one up.
const CLAIM: &str = "
update job set
    state = 'running',
    attempt = attempt + 1,
    lease_token = ?1,
    lease_until = (select now from clock) + ?2,
    locked_by = ?3
where id = (
    select id from job indexed by job_due
    where state = 'queued' and run_at <= (select now from clock)
    order by run_at, id limit 1
)
returning id, request, attempt, max_attempts, lease_until, created_at";

const FAIL_UNREADABLE: &str = "
update job set
    state = 'failed', failure = ?2, finished_at = (select now from clock),
    lease_token = null, lease_until = null, locked_by = null
where id = ?1";

const RENEW: &str = "
update job indexed by job_leased set lease_until = (select now from clock) + ?2
where state = 'running'
  and (id, lease_token) in (select value ->> 0, value ->> 1 from json_each(?1))
returning id, lease_until, cancel_requested_at is not null";

/// Fence and event in one: a job reports often, so a report must be cheap.
const REPORT_PROGRESS: &str = "
insert into job_event (job_id, seq, kind, data, at)
select
    id,
    (select coalesce(max(seq), 0) + 1 from job_event where job_id = job.id),
    'progress', ?3, (select now from clock)
from job where id = ?1 and lease_token = ?2 and state = 'running'";

#[derive(FromRow)]
struct ClaimedRow {
    id: String,
    request: String,
    attempt: i64,
    max_attempts: i64,
    lease_until: i64,
    created_at: i64,
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
        };
        let lease = Lease {
            job_id: job.id,
            token,
            until,
        };
        Ok(ClaimedJob { job, lease })
    }
}

pub(super) async fn claim(
    store: &SqliteStore,
    worker: &str,
    lease: Duration,
) -> Result<Option<ClaimedJob>, StoreError> {
    const TRIED: &str = "claim a job";
    loop {
        let token = Uuid::new_v4();
        let mut transaction = store.begin(TRIED).await?;
        let row: Option<ClaimedRow> = sqlx::query_as(CLAIM)
            .bind(token.to_string())
            .bind(milliseconds(lease))
            .bind(worker)
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

pub(super) async fn renew(
    store: &SqliteStore,
    leases: &[Lease],
    lease: Duration,
) -> Result<Vec<Renewal>, StoreError> {
    let pairs: Vec<[String; 2]> = leases
        .iter()
        .map(|held| [held.job_id.to_string(), held.token.to_string()])
        .collect();
    let rows: Vec<(String, i64, bool)> = sqlx::query_as(RENEW)
        .bind(to_json("renew leases", &pairs)?)
        .bind(milliseconds(lease))
        .fetch_all(&store.writer)
        .await
        .map_err(failed("renew leases"))?;
    let extended: HashMap<String, (i64, bool)> = rows
        .into_iter()
        .map(|(id, until, cancel_requested)| (id, (until, cancel_requested)))
        .collect();
    leases
        .iter()
        .map(|held| match extended.get(&held.job_id.to_string()) {
            Some(&(until, cancel_requested)) => Ok(Renewal::Extended {
                job_id: held.job_id,
                until: time("job", until)?,
                cancel_requested,
            }),
            None => Ok(Renewal::Lost {
                job_id: held.job_id,
            }),
        })
        .collect()
}

pub(super) async fn report_progress(
    store: &SqliteStore,
    lease: &Lease,
    progress: &Progress,
) -> Result<(), StoreError> {
    const TRIED: &str = "report the progress of a job";
    let reported = sqlx::query(REPORT_PROGRESS)
        .bind(lease.job_id.to_string())
        .bind(lease.token.to_string())
        .bind(to_json(TRIED, progress)?)
        .execute(&store.writer)
        .await
        .map_err(failed(TRIED))?;
    if reported.rows_affected() == 0 {
        return Err(StoreError::LeaseLost(lease.job_id));
    }
    Ok(())
}
