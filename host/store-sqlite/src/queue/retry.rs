//! A job that came to nothing is taken up again.

use phagen_domain::job::{JobId, JobStatus};
use phagen_store::StoreError;
use serde_json::json;

use super::event;
use crate::{
    SqliteStore,
    row::{corrupt, failed},
};

const RETRY: &str = "
update job set
    state = 'queued', run_at = (select now from clock), attempt = 0,
    finished_at = null, failure = null, cancel_requested_at = null
where id = ?1 and state in ('failed', 'cancelled')
returning run_at";

const FIND_STATE: &str = "
select state from job where id = ?1";

pub(super) async fn retry(store: &SqliteStore, id: JobId) -> Result<(), StoreError> {
    const TRIED: &str = "queue a job again";
    let job_id = id.to_string();
    let mut transaction = store.begin(TRIED).await?;
    let run_at: Option<i64> = sqlx::query_scalar(RETRY)
        .bind(&job_id)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    let Some(run_at) = run_at else {
        let state: Option<String> = sqlx::query_scalar(FIND_STATE)
            .bind(&job_id)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed(TRIED))?;
        return Err(why_not(id, state.as_deref()));
    };
    let data = json!({ "attempt": 0, "run_at": event::rfc3339(run_at)?, "retried": true });
    event::record(&mut transaction, &job_id, "queued", &data).await?;
    transaction.commit().await.map_err(failed(TRIED))
}

fn why_not(id: JobId, state: Option<&str>) -> StoreError {
    match state.map(|name| (name, JobStatus::from_name(name))) {
        None => StoreError::UnknownJob(id),
        Some((_, Some(status))) => StoreError::NotRetryable { id, status },
        Some((name, None)) => corrupt("job", format!("`{name}` is not a state")),
    }
}
