//! The queue: each change of state is one statement, which tests the guard, moves the row, numbers
//! the event and stores it. One round trip and one commit, so a pooler may hand each to whichever
//! connection is free. What a guard turned away is told apart afterwards.

mod cancel;
pub(crate) mod claim;
mod ending;
pub(crate) mod enqueue;
mod event;
mod lease;
mod listing;
mod reap;
mod retry;
mod state;

use std::{num::NonZeroU32, time::Duration};

use async_trait::async_trait;
use phagen_domain::{
    job::{Job, JobFailure, JobId, Lease, Progress},
    result::JobResult,
};
use phagen_store::{
    CancelOutcome, ClaimedJob, Enqueued, IdempotencyKey, JobEvent, JobFilter, JobPage, NewJob,
    QueueStats, QueueStore, Renewal, RetryPolicy, StoreError,
};

use crate::PostgresStore;

#[async_trait]
impl QueueStore for PostgresStore {
    async fn enqueue(
        &self,
        job: &NewJob,
        key: Option<&IdempotencyKey>,
    ) -> Result<Enqueued, StoreError> {
        enqueue::enqueue(self, job, key).await
    }

    async fn claim(&self, worker: &str, lease: Duration) -> Result<Option<ClaimedJob>, StoreError> {
        claim::claim(self, worker, lease, None).await
    }

    async fn claim_fairly(
        &self,
        worker: &str,
        lease: Duration,
        max_running: NonZeroU32,
    ) -> Result<Option<ClaimedJob>, StoreError> {
        claim::claim(self, worker, lease, Some(max_running)).await
    }

    async fn renew(&self, leases: &[Lease], lease: Duration) -> Result<Vec<Renewal>, StoreError> {
        lease::renew(self, leases, lease).await
    }

    async fn report_progress(&self, lease: &Lease, progress: &Progress) -> Result<(), StoreError> {
        lease::report_progress(self, lease, progress).await
    }

    async fn finish(&self, lease: &Lease, result: &JobResult) -> Result<(), StoreError> {
        ending::finish(self, lease, result).await
    }

    async fn fail(
        &self,
        lease: &Lease,
        failure: &JobFailure,
        delay: Duration,
    ) -> Result<(), StoreError> {
        ending::fail(self, lease, failure, delay).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        ending::release(self, lease).await
    }

    async fn cancel(&self, id: JobId) -> Result<CancelOutcome, StoreError> {
        cancel::cancel(self, id).await
    }

    async fn acknowledge_cancel(&self, lease: &Lease) -> Result<(), StoreError> {
        ending::acknowledge_cancel(self, lease).await
    }

    async fn retry(&self, id: JobId) -> Result<(), StoreError> {
        retry::retry(self, id).await
    }

    async fn reap(&self, policy: RetryPolicy) -> Result<u64, StoreError> {
        reap::reap(self, policy).await
    }

    async fn find_job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        listing::find_job(self, id).await
    }

    async fn list_jobs(
        &self,
        filter: &JobFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<JobPage, StoreError> {
        listing::list_jobs(self, filter, limit, cursor).await
    }

    async fn list_events(&self, id: JobId, after: u64) -> Result<Vec<JobEvent>, StoreError> {
        event::list(self, id, after).await
    }

    async fn queue_stats(&self) -> Result<QueueStats, StoreError> {
        listing::queue_stats(self).await
    }
}
