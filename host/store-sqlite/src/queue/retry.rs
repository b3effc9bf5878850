//! A job that came to nothing is taken up again.

use phagen_domain::job::JobId;
use phagen_store::StoreError;
use serde_json::json;

use super::{event, state};
use crate::{SqliteStore, row::failed};

const RETRY: &str = "
update job set
    state = 'queued', run_at = (select now from clock), attempt = 0,
    finished_at = null, failure = null, cancel_requested_at = null
where id = ?1 and state in ('failed', 'cancelled')
returning run_at";

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
        let status = state::find(&mut transaction, id, TRIED).await?;
        return Err(StoreError::NotRetryable { id, status });
    };
    let data = json!({ "attempt": 0, "run_at": event::rfc3339(run_at)?, "retried": true });
    event::record(&mut transaction, &job_id, "queued", &data).await?;
    transaction.commit().await.map_err(failed(TRIED))
}
