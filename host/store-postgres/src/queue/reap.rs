//! Jobs whose worker went silent are taken back. Every worker reaps; there is no leader.

use phagen_domain::job::JobFailure;
use phagen_store::{RetryPolicy, StoreError};
use sqlx::FromRow;
use uuid::Uuid;

use super::ending::FailedAttempts;
use crate::{
    PostgresStore,
    row::{failed, number},
};

/// Jobs taken back in one transaction; a lock on each is held meanwhile.
const BATCH: u32 = 200;

/// Two reapers take different jobs, and one whose worker is just renewing it is left to the worker.
const LOCK_EXPIRED: &str = "
select id, lease_token, locked_by, attempt, max_attempts
from job
where state = 'running' and lease_until < clock()
order by lease_until limit $1
for no key update skip locked";

#[derive(FromRow)]
struct Expired {
    id: Uuid,
    lease_token: Uuid,
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

pub(super) async fn reap(store: &PostgresStore, policy: RetryPolicy) -> Result<u64, StoreError> {
    let mut n_reaped = 0;
    loop {
        let n_batch = reap_batch(store, policy).await?;
        n_reaped += n_batch;
        if n_batch < u64::from(BATCH) {
            return Ok(n_reaped);
        }
    }
}

/// Holds each row from the first look, so nobody renews in between.
async fn reap_batch(store: &PostgresStore, policy: RetryPolicy) -> Result<u64, StoreError> {
    const TRIED: &str = "take back jobs whose lease ran out";
    let mut transaction = store.begin(TRIED).await?;
    let expired: Vec<Expired> = sqlx::query_as(LOCK_EXPIRED)
        .bind(i64::from(BATCH))
        .fetch_all(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    if expired.is_empty() {
        return Ok(0);
    }
    let mut attempts = FailedAttempts::default();
    for job in &expired {
        let attempt = number("job", "attempt", job.attempt)?;
        let delay = policy.delay_after(attempt, job.lease_token);
        attempts.add(job.id, job.lease_token, &job.failure(), delay)?;
    }
    attempts.end(&mut *transaction).await?;
    transaction.commit().await.map_err(failed(TRIED))?;
    Ok(expired.len() as u64)
}
