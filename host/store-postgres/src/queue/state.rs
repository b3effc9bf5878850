//! The state that a job is in, for whoever was turned away by it.

use phagen_domain::job::{JobId, JobStatus};
use phagen_store::StoreError;

use crate::{
    PostgresStore,
    row::{corrupt, failed},
};

const FIND_STATE: &str = "
select state from job where id = $1";

/// As it is now, which may be another than the one that turned the caller away.
pub(super) async fn find(
    store: &PostgresStore,
    id: JobId,
    tried: &'static str,
) -> Result<JobStatus, StoreError> {
    let state: Option<String> = sqlx::query_scalar(FIND_STATE)
        .bind(id.0)
        .fetch_optional(&store.pool)
        .await
        .map_err(failed(tried))?;
    let state = state.ok_or(StoreError::UnknownJob(id))?;
    JobStatus::from_name(&state).ok_or_else(|| corrupt("job", format!("`{state}` is not a state")))
}
