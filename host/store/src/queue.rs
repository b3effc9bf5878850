//! The queue's half of the trait.

use std::{num::NonZeroU32, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use phagen_domain::{
    digest::Digest,
    job::{Job, JobFailure, JobId, JobRequest, JobStatus, Lease, Priority, Progress},
    result::JobResult,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::StoreError;

/// A job about to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    pub id: JobId,
    pub request: JobRequest,
    pub max_attempts: u32,
    /// None: at once, by the database's clock.
    pub run_at: Option<DateTime<Utc>>,
    pub priority: Priority,
    /// Name of the key that submits it, not empty; none: nobody's.
    pub tenant: Option<String>,
    /// Jobs of the tenant that may be queued, this one among them; none: any number. However many
    /// are submitted at once, no more will be.
    pub max_queued: Option<u32>,
    /// W3C's `traceparent` of the request, for the worker that will run it.
    pub trace_parent: Option<String>,
}

impl NewJob {
    /// Due at once, of the usual priority, nobody's.
    pub fn new(request: JobRequest, max_attempts: u32) -> Self {
        Self {
            id: JobId::new(),
            request,
            max_attempts,
            run_at: None,
            priority: Priority::NORMAL,
            tenant: None,
            max_queued: None,
            trace_parent: None,
        }
    }
}

/// What makes a repeated request the same request, for [`IdempotencyKey::LIFETIME`] after the
/// first; then the key may name another request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    pub key: String,
    /// Digest of the canonical request body; another body under the same key is refused.
    pub request_digest: Digest,
}

impl IdempotencyKey {
    pub const LIFETIME: Duration = Duration::from_hours(24);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    New(JobId),
    /// The key was seen before, with the same request: this is the job it made.
    Replayed(JobId),
}

/// A job and the right to run it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedJob {
    pub job: Job,
    pub lease: Lease,
}

/// What became of one lease at a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    Extended {
        job_id: JobId,
        until: DateTime<Utc>,
        cancel_requested: bool,
    },
    Lost {
        job_id: JobId,
    },
}

/// How long a failed attempt waits before the next: `base · 2^(attempt − 1)`, at most `cap`, with
/// ±25 % jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    pub base: Duration,
    pub cap: Duration,
}

impl RetryPolicy {
    /// For drivers, which have no source of chance of their own: a jitter drawn from the token of
    /// the lease that ran out, so that a batch of lost jobs does not come back in one instant.
    pub fn delay_after(self, attempt: u32, lost: Uuid) -> Duration {
        let byte = lost.as_bytes().last().copied().unwrap_or_default();
        self.delay(attempt, f64::from(byte) / 127.5 - 1.0)
    }

    /// `jitter` lies in -1..=1 and comes from the caller's source of chance.
    pub fn delay(self, attempt: u32, jitter: f64) -> Duration {
        let doubled = self
            .base
            .saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1).min(30)));
        doubled
            .min(self.cap)
            .mul_f64(1.0 + 0.25 * jitter.clamp(-1.0, 1.0))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelOutcome {
    /// It had not begun.
    Cancelled,
    /// It runs; its worker hears of it at the next heartbeat.
    Requested,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobFilter {
    pub status: Option<JobStatus>,
    /// Name of the molecule, compared without case.
    pub molecule: Option<String>,
}

/// A job as a listing shows it, without its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSummary {
    pub id: JobId,
    pub molecule: String,
    pub status: JobStatus,
    pub attempt: u32,
    pub priority: Priority,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// Newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPage {
    pub jobs: Vec<JobSummary>,
    /// Opaque; none after the last page.
    pub next_cursor: Option<String>,
}

/// One step in the life of a job, as `GET /api/jobs/{id}/events` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEvent {
    /// 1, 2, 3, … within the job.
    pub seq: u64,
    /// `queued`, `running`, `progress`, `retry`, `succeeded`, `failed`, `cancelled`.
    pub kind: String,
    /// An object. `progress` holds a [`Progress`]; every other kind holds `attempt`, and besides
    /// it `queued` and `retry` hold `run_at` (RFC 3339), `queued` after a release `released` and
    /// after somebody asked for another try `retried` (true), `running` `max_attempts` and `worker`, `retry` and `failed` `message`.
    pub data: serde_json::Value,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueStats {
    /// Due now.
    pub n_queued: u64,
    /// Queued with `run_at` in the future.
    pub n_scheduled: u64,
    pub n_running: u64,
    pub oldest_due_seconds: u64,
}

/// The queue. Each method is one transaction, and each change of state leaves one event with it.
/// Renewals and requests to cancel change no state and leave none.
#[async_trait]
pub trait QueueStore: Send + Sync {
    /// Stores the job, its idempotency key and its first event in one transaction. A job too many of
    /// its tenant is refused ([`StoreError::QueueFull`]), unless the key was seen before.
    async fn enqueue(
        &self,
        job: &NewJob,
        key: Option<&IdempotencyKey>,
    ) -> Result<Enqueued, StoreError>;

    /// Takes the first due job, counts the attempt, and leases it to `worker`. First is whoever has
    /// waited longest, when each step of [`Priority`] counts like an hour less of it.
    async fn claim(&self, worker: &str, lease: Duration) -> Result<Option<ClaimedJob>, StoreError>;

    /// As [`QueueStore::claim`], passing over every tenant of whom `max_running` jobs run. However
    /// many claim at once, no more will, as long as all of them claim by this and with the same
    /// number. What is nobody's is not counted.
    async fn claim_fairly(
        &self,
        worker: &str,
        lease: Duration,
        max_running: NonZeroU32,
    ) -> Result<Option<ClaimedJob>, StoreError>;

    /// Extends each lease to now + `lease`; says which were lost and which jobs are to be cancelled.
    async fn renew(&self, leases: &[Lease], lease: Duration) -> Result<Vec<Renewal>, StoreError>;

    /// Replaces the progress of this attempt.
    async fn report_progress(&self, lease: &Lease, progress: &Progress) -> Result<(), StoreError>;

    /// Stores the result, which a later [`QueueStore::find_job`] reads back whole.
    async fn finish(&self, lease: &Lease, result: &JobResult) -> Result<(), StoreError>;

    /// Ends the attempt. A retryable failure is cancelled if that was asked; with attempts left it
    /// goes back to `queued` after `delay`. Any other is stored as failed and not retryable.
    async fn fail(
        &self,
        lease: &Lease,
        failure: &JobFailure,
        delay: Duration,
    ) -> Result<(), StoreError>;

    /// Hands the job back unharmed, as at shutdown: in its old place, the attempt not counted. One
    /// that was to be cancelled is cancelled.
    async fn release(&self, lease: &Lease) -> Result<(), StoreError>;

    /// A queued job is cancelled at once; a running one is marked, and its worker acknowledges by
    /// [`QueueStore::acknowledge_cancel`]. A finished one is refused.
    async fn cancel(&self, id: JobId) -> Result<CancelOutcome, StoreError>;

    async fn acknowledge_cancel(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Queues a job again that failed or was cancelled, due at once and with all of its attempts.
    /// Any other is refused: [`StoreError::NotRetryable`].
    async fn retry(&self, id: JobId) -> Result<(), StoreError>;

    /// Takes back every job whose lease ran out: cancelled if that was asked, failed and not
    /// retryable if it has no attempt left, else queued again after `policy`'s delay. Returns how
    /// many it took back.
    async fn reap(&self, policy: RetryPolicy) -> Result<u64, StoreError>;

    async fn find_job(&self, id: JobId) -> Result<Option<Job>, StoreError>;

    /// Newest first, at most `limit`.
    async fn list_jobs(
        &self,
        filter: &JobFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<JobPage, StoreError>;

    /// Events with `seq` above `after`, in order.
    async fn list_events(&self, id: JobId, after: u64) -> Result<Vec<JobEvent>, StoreError>;

    async fn queue_stats(&self) -> Result<QueueStats, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_doubles_up_to_its_cap() {
        let policy = RetryPolicy {
            base: Duration::from_secs(2),
            cap: Duration::from_mins(1),
        };
        let seconds: Vec<u64> = [1, 2, 3, 6, 40]
            .map(|attempt| policy.delay(attempt, 0.0).as_secs())
            .into();
        assert_eq!(seconds, [2, 4, 8, 60, 60]);
        assert_eq!(policy.delay(1, 1.0), Duration::from_millis(2_500));
        assert_eq!(policy.delay(1, -9.0), Duration::from_millis(1_500));
        // A token of any kind keeps the delay within the same bounds.
        for token in [Uuid::nil(), Uuid::max()] {
            let delay = policy.delay_after(1, token).as_millis();
            assert!(matches!(delay, 1_500 | 2_500), "{delay}");
        }
    }
}
