//! The right to run a job, kept, and used to tell how far it is.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use phagen_domain::job::{Lease, Progress};
use phagen_store::{Renewal, StoreError};
use uuid::Uuid;

use crate::{
    PostgresStore,
    row::{failed, milliseconds, to_json},
};

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
