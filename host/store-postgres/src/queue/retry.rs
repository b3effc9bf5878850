//! A job that came to nothing is taken up again.

use phagen_domain::job::{JobId, JobStatus};
use phagen_store::StoreError;

use super::state;
use crate::{PostgresStore, row::failed};

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

pub(super) async fn retry(store: &PostgresStore, id: JobId) -> Result<(), StoreError> {
    const TRIED: &str = "queue a job again";
    loop {
        let moved = sqlx::query(RETRY)
            .bind(id.0)
            .fetch_optional(&store.pool)
            .await
            .map_err(failed(TRIED))?;
        if moved.is_some() {
            return Ok(());
        }
        match state::find(store, id, TRIED).await? {
            // It ended between the two looks.
            JobStatus::Failed | JobStatus::Cancelled => {}
            status => return Err(StoreError::NotRetryable { id, status }),
        }
    }
}
