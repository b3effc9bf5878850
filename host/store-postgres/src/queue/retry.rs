//! A job that came to nothing is taken up again.

use phagen_domain::job::{JobId, JobStatus};
use phagen_store::StoreError;

use crate::{
    PostgresStore,
    row::{corrupt, failed},
};

const RETRY: &str = "
with moved as (
    update job set
        state = 'queued', run_at = clock(), attempt = 0, finished_at = null, failure = null,
        cancel_requested_at = null, n_events = n_events + 1
    where id = $1 and state in ('failed', 'cancelled')
    returning id, run_at, n_events
), told as (
    insert into job_event (job_id, seq, kind, data, at)
    select id, n_events, 'queued',
        json_build_object('attempt', 0, 'run_at', rfc3339(run_at), 'retried', true), clock()
    from moved
)
select 'queued' from moved";

const FIND_STATE: &str = "
select state from job where id = $1";

pub(super) async fn retry(store: &PostgresStore, id: JobId) -> Result<(), StoreError> {
    let ask = async |statement| -> Result<Option<String>, StoreError> {
        sqlx::query_scalar(statement)
            .bind(id.0)
            .fetch_optional(&store.pool)
            .await
            .map_err(failed("queue a job again"))
    };
    loop {
        if ask(RETRY).await?.is_some() {
            return Ok(());
        }
        let state = ask(FIND_STATE).await?.ok_or(StoreError::UnknownJob(id))?;
        match JobStatus::from_name(&state) {
            // It ended between the two looks.
            Some(JobStatus::Failed | JobStatus::Cancelled) => {}
            Some(status) => return Err(StoreError::NotRetryable { id, status }),
            None => return Err(corrupt("job", format!("`{state}` is not a state"))),
        }
    }
}
