//! Jobs whose worker went silent are taken back. Every worker reaps; there is no leader.

use phagen_domain::job::JobFailure;
use phagen_store::{RetryPolicy, StoreError};
use sqlx::FromRow;
use uuid::Uuid;

use super::ending::FailedAttempt;
use crate::{
    SqliteStore,
    row::{failed, number, parse},
};

/// Jobs taken back in one transaction; between two, other writers get their turn.
const BATCH: u32 = 200;

const LIST_EXPIRED: &str = "
select id, lease_token, locked_by, attempt, max_attempts
from job indexed by job_leased
where state = 'running' and lease_until < (select now from clock)
order by lease_until limit ?1";

#[derive(FromRow)]
struct Expired {
    id: String,
    lease_token: String,
    locked_by: String,
    attempt: i64,
    max_attempts: i64,
}

impl Expired {
    fn failure(&self) -> JobFailure {
        JobFailure {
            message: format!(
                "worker `{}` stopped renewing its lease during attempt {} of {}",
                self.locked_by, self.attempt, self.max_attempts
            ),
            retryable: true,
        }
    }
}

pub(super) async fn reap(store: &SqliteStore, policy: RetryPolicy) -> Result<u64, StoreError> {
    let mut n_reaped = 0;
    loop {
        let n_batch = reap_batch(store, policy).await?;
        n_reaped += n_batch;
        if n_batch < u64::from(BATCH) {
            return Ok(n_reaped);
        }
    }
}

/// Holds the write lock from the first look, so nobody renews in between.
async fn reap_batch(store: &SqliteStore, policy: RetryPolicy) -> Result<u64, StoreError> {
    const TRIED: &str = "take back jobs whose lease ran out";
    let mut transaction = store.begin(TRIED).await?;
    let expired: Vec<Expired> = sqlx::query_as(LIST_EXPIRED)
        .bind(BATCH)
        .fetch_all(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    for job in &expired {
        let token: Uuid = parse("job", &job.lease_token)?;
        let attempt = number("job", "attempt", job.attempt)?;
        let ended = FailedAttempt {
            job_id: parse("job", &job.id)?,
            token: &job.lease_token,
            failure: &job.failure(),
            delay: policy.delay_after(attempt, token),
        };
        ended.end(&mut transaction).await?;
    }
    transaction.commit().await.map_err(failed(TRIED))?;
    Ok(expired.len() as u64)
}
