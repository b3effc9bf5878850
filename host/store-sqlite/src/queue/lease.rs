//! The right to run a job, kept, and used to tell how far it is.

use std::{collections::HashMap, time::Duration};

use phagen_domain::job::{Lease, Progress};
use phagen_store::{Renewal, StoreError};

use crate::{
    SqliteStore,
    row::{failed, milliseconds, time, to_json},
};

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
