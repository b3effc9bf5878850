//! A job is called off, at once or through its worker.

use phagen_domain::job::{JobId, JobStatus};
use phagen_store::{CancelOutcome, StoreError};
use serde_json::json;

use super::event;
use crate::{
    SqliteStore,
    row::{corrupt, failed},
};

const CANCEL: &str = "
update job set
    state = case state when 'queued' then 'cancelled' else state end,
    finished_at = case state when 'queued' then (select now from clock) end,
    cancel_requested_at = coalesce(cancel_requested_at, (select now from clock))
where id = ?1 and state in ('queued', 'running')
returning state, attempt";

const FIND_STATE: &str = "
select state from job where id = ?1";

pub(super) async fn cancel(store: &SqliteStore, id: JobId) -> Result<CancelOutcome, StoreError> {
    const TRIED: &str = "cancel a job";
    let job_id = id.to_string();
    let mut transaction = store.begin(TRIED).await?;
    let moved: Option<(String, i64)> = sqlx::query_as(CANCEL)
        .bind(&job_id)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    let outcome = match moved {
        Some((state, attempt)) if state == JobStatus::Cancelled.as_str() => {
            let data = json!({ "attempt": attempt });
            event::record(&mut transaction, &job_id, "cancelled", &data).await?;
            CancelOutcome::Cancelled
        }
        Some(_) => CancelOutcome::Requested,
        None => {
            let state: Option<String> = sqlx::query_scalar(FIND_STATE)
                .bind(&job_id)
                .fetch_optional(&mut *transaction)
                .await
                .map_err(failed(TRIED))?;
            return Err(why_not(id, state.as_deref()));
        }
    };
    transaction.commit().await.map_err(failed(TRIED))?;
    Ok(outcome)
}

fn why_not(id: JobId, state: Option<&str>) -> StoreError {
    match state.map(|name| (name, JobStatus::from_name(name))) {
        None => StoreError::UnknownJob(id),
        Some((_, Some(status))) => StoreError::AlreadyFinished { id, status },
        Some((name, None)) => corrupt("job", format!("`{name}` is not a state")),
    }
}
