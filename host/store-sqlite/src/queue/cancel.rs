//! A job is called off, at once or through its worker.

use phagen_domain::job::{JobId, JobStatus};
use phagen_store::{CancelOutcome, StoreError};
use serde_json::json;

use super::{event, state};
use crate::{SqliteStore, row::failed};

const CANCEL: &str = "
update job set
    state = case state when 'queued' then 'cancelled' else state end,
    finished_at = case state when 'queued' then (select now from clock) end,
    cancel_requested_at = coalesce(cancel_requested_at, (select now from clock))
where id = ?1 and state in ('queued', 'running')
returning state, attempt";

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
            let status = state::find(&mut transaction, id, TRIED).await?;
            return Err(StoreError::AlreadyFinished { id, status });
        }
    };
    transaction.commit().await.map_err(failed(TRIED))?;
    Ok(outcome)
}
