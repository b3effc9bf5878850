//! A job is called off, at once or through its worker.

use phagen_domain::job::{JobId, JobStatus};
use phagen_store::{CancelOutcome, StoreError};

use super::state;
use crate::{PostgresStore, row::failed};

const CANCEL: &str = "
with moved as (
    update job set
        state = case state when 'queued' then 'cancelled' else state end,
        finished_at = case state when 'queued' then clock() end,
        cancel_requested_at = coalesce(cancel_requested_at, clock()),
        n_events = n_events + case state when 'queued' then 1 else 0 end
    where id = $1 and state in ('queued', 'running')
    returning id, state, attempt, n_events
), told as (
    insert into job_event (job_id, seq, kind, data, at)
    select id, n_events, 'cancelled', json_build_object('attempt', attempt), clock()
    from moved where state = 'cancelled'
)
select state from moved";

pub(super) async fn cancel(store: &PostgresStore, id: JobId) -> Result<CancelOutcome, StoreError> {
    const TRIED: &str = "cancel a job";
    loop {
        let moved: Option<String> = sqlx::query_scalar(CANCEL)
            .bind(id.0)
            .fetch_optional(&store.pool)
            .await
            .map_err(failed(TRIED))?;
        match moved.as_deref() {
            Some("cancelled") => return Ok(CancelOutcome::Cancelled),
            Some(_) => return Ok(CancelOutcome::Requested),
            None => {}
        }
        match state::find(store, id, TRIED).await? {
            // It had ended, and was taken up again between the two looks.
            JobStatus::Queued | JobStatus::Running => {}
            status => return Err(StoreError::AlreadyFinished { id, status }),
        }
    }
}
