//! A store that never works, for the answers that a working one cannot show.

use std::{future::pending, num::NonZeroU32, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use phagen_domain::{
    artifact::ArtifactRecord,
    digest::Digest,
    feedback::Feedback,
    job::{Job, JobFailure, JobId, Lease, Progress},
    plugin::{Cause, Comparison, PluginEvent, PluginVersion, PublisherKey, Slot, SlotName},
    result::JobResult,
};
use phagen_store::{
    ApiKey, AuditChange, AuditHead, AuditRow, AuditStore, CancelOutcome, ClaimedJob,
    CorpusSnapshot, CorpusStore, Enqueued, EventFilter, FeedbackStats, FeedbackStore, HostReport,
    IdempotencyKey, JobEvent, JobFilter, JobPage, KeyStore, Moved, NewApiKey, NewJob, NewSnapshot,
    NewVersion, Pruned, QueueStats, QueueStore, RegistryStore, Renewal, Retention, RetryPolicy,
    RunningSettings, SlotMove, Store, StoreError, UpkeepStore, VersionMove,
};

#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    /// The database refuses, with words that nobody outside may see.
    Fails,
    /// A bug.
    Panics,
    /// It never answers.
    Hangs,
    /// It answers to probes, and its schema is of another version.
    HasSchema(i64),
}

pub(crate) const SECRET: &str = "host=10.0.0.7 password=hunter2";

pub(crate) struct BrokenStore(pub(crate) How);

impl BrokenStore {
    async fn broken<T>(&self) -> Result<T, StoreError> {
        match self.0 {
            How::Fails | How::HasSchema(_) => Err(StoreError::Database {
                tried: "do anything",
                cause: SECRET.into(),
            }),
            How::Panics => panic!("{SECRET}"),
            How::Hangs => pending().await,
        }
    }
}

type Stored<T> = Result<T, StoreError>;

#[async_trait]
impl QueueStore for BrokenStore {
    async fn enqueue(&self, _: &NewJob, _: Option<&IdempotencyKey>) -> Stored<Enqueued> {
        self.broken().await
    }
    async fn claim(&self, _: &str, _: Duration) -> Stored<Option<ClaimedJob>> {
        self.broken().await
    }
    async fn claim_fairly(
        &self,
        _: &str,
        _: Duration,
        _: NonZeroU32,
    ) -> Stored<Option<ClaimedJob>> {
        self.broken().await
    }
    async fn renew(&self, _: &[Lease], _: Duration) -> Stored<Vec<Renewal>> {
        self.broken().await
    }
    async fn report_progress(&self, _: &Lease, _: &Progress) -> Stored<()> {
        self.broken().await
    }
    async fn finish(&self, _: &Lease, _: &JobResult) -> Stored<()> {
        self.broken().await
    }
    async fn fail(&self, _: &Lease, _: &JobFailure, _: Duration) -> Stored<()> {
        self.broken().await
    }
    async fn release(&self, _: &Lease) -> Stored<()> {
        self.broken().await
    }
    async fn cancel(&self, _: JobId) -> Stored<CancelOutcome> {
        self.broken().await
    }
    async fn acknowledge_cancel(&self, _: &Lease) -> Stored<()> {
        self.broken().await
    }
    async fn retry(&self, _: JobId) -> Stored<()> {
        self.broken().await
    }
    async fn reap(&self, _: RetryPolicy) -> Stored<u64> {
        self.broken().await
    }
    async fn find_job(&self, _: JobId) -> Stored<Option<Job>> {
        self.broken().await
    }
    async fn list_jobs(&self, _: &JobFilter, _: u32, _: Option<&str>) -> Stored<JobPage> {
        self.broken().await
    }
    async fn list_events(&self, _: JobId, _: u64) -> Stored<Vec<JobEvent>> {
        self.broken().await
    }
    async fn queue_stats(&self) -> Stored<QueueStats> {
        self.broken().await
    }
}

#[async_trait]
impl RegistryStore for BrokenStore {
    async fn record_version(&self, _: &NewVersion, _: &Cause) -> Stored<(PluginVersion, bool)> {
        self.broken().await
    }
    async fn find_version(&self, _: Digest) -> Stored<Option<PluginVersion>> {
        self.broken().await
    }
    async fn list_versions(&self) -> Stored<Vec<PluginVersion>> {
        self.broken().await
    }
    async fn claim_version(&self, _: Duration) -> Stored<Option<PluginVersion>> {
        self.broken().await
    }
    async fn move_version(&self, _: &VersionMove) -> Stored<PluginVersion> {
        self.broken().await
    }
    async fn seed_slots(&self, _: &[Slot]) -> Stored<u64> {
        self.broken().await
    }
    async fn list_slots(&self) -> Stored<Vec<Slot>> {
        self.broken().await
    }
    async fn move_slot(&self, _: &SlotMove) -> Stored<Moved> {
        self.broken().await
    }
    async fn remove_slot(&self, _: &SlotMove) -> Stored<PluginEvent> {
        self.broken().await
    }
    async fn set_generation(&self) -> Stored<u64> {
        self.broken().await
    }
    async fn list_plugin_events(&self, _: &EventFilter) -> Stored<Vec<PluginEvent>> {
        self.broken().await
    }
    async fn report_host(&self, _: &HostReport) -> Stored<()> {
        self.broken().await
    }
    async fn list_hosts(&self, _: Duration) -> Stored<Vec<HostReport>> {
        self.broken().await
    }
    async fn record_comparison(&self, _: &Comparison) -> Stored<()> {
        self.broken().await
    }
    async fn list_comparisons(&self, _: &SlotName, _: Digest, _: u32) -> Stored<Vec<Comparison>> {
        self.broken().await
    }
    async fn add_publisher_key(&self, _: &PublisherKey) -> Stored<()> {
        self.broken().await
    }
    async fn revoke_publisher_key(&self, _: &str, _: &str) -> Stored<PublisherKey> {
        self.broken().await
    }
    async fn list_publisher_keys(&self) -> Stored<Vec<PublisherKey>> {
        self.broken().await
    }
    async fn record_artifact(&self, _: &ArtifactRecord, _: &str) -> Stored<()> {
        self.broken().await
    }
    async fn list_artifacts(&self) -> Stored<Vec<ArtifactRecord>> {
        self.broken().await
    }
}

#[async_trait]
impl KeyStore for BrokenStore {
    async fn add_api_key(&self, _: &NewApiKey) -> Stored<ApiKey> {
        self.broken().await
    }
    async fn revoke_api_key(&self, _: &str, _: &str) -> Stored<ApiKey> {
        self.broken().await
    }
    async fn list_api_keys(&self) -> Stored<Vec<ApiKey>> {
        self.broken().await
    }
    async fn find_api_keys(&self, _: &str) -> Stored<Vec<ApiKey>> {
        self.broken().await
    }
    async fn touch_api_key(&self, _: &str) -> Stored<()> {
        self.broken().await
    }
}

#[async_trait]
impl AuditStore for BrokenStore {
    async fn list_audit(&self, _: u64, _: u32) -> Stored<Vec<AuditRow>> {
        self.broken().await
    }
    async fn audit_head(&self) -> Stored<AuditHead> {
        self.broken().await
    }
    async fn list_audited_events(
        &self,
        _: u64,
        _: u32,
    ) -> Stored<Vec<(PluginEvent, Option<String>)>> {
        self.broken().await
    }
    async fn record_change(&self, _: &AuditChange) -> Stored<AuditRow> {
        self.broken().await
    }
    async fn record_settings(&self, _: &RunningSettings) -> Stored<Option<AuditRow>> {
        self.broken().await
    }
}

#[async_trait]
impl UpkeepStore for BrokenStore {
    async fn take_tick(&self, _: &str, _: Duration) -> Stored<bool> {
        self.broken().await
    }
    async fn prune_jobs(&self, _: Retention, _: u32) -> Stored<Pruned> {
        self.broken().await
    }
    async fn expire_keys(&self, _: u32) -> Stored<u64> {
        self.broken().await
    }
}

#[async_trait]
impl CorpusStore for BrokenStore {
    async fn list_snapshots(&self) -> Stored<Vec<CorpusSnapshot>> {
        self.broken().await
    }
    async fn serving_snapshot(&self) -> Stored<Option<CorpusSnapshot>> {
        self.broken().await
    }
    async fn publish_snapshot(&self, _: u64, _: &NewSnapshot) -> Stored<CorpusSnapshot> {
        self.broken().await
    }
    async fn list_retired_snapshots(&self, _: Duration) -> Stored<Vec<CorpusSnapshot>> {
        self.broken().await
    }
    async fn forget_snapshot(&self, _: u64) -> Stored<()> {
        self.broken().await
    }
    async fn hold_import(&self, _: &str, _: Duration) -> Stored<Option<String>> {
        self.broken().await
    }
    async fn drop_import(&self, _: &str) -> Stored<()> {
        self.broken().await
    }
}

#[async_trait]
impl FeedbackStore for BrokenStore {
    async fn record_feedback(&self, _: &Feedback) -> Stored<()> {
        self.broken().await
    }
    async fn list_job_feedback(&self, _: JobId) -> Stored<Vec<Feedback>> {
        self.broken().await
    }
    async fn list_feedback(&self) -> Stored<Vec<Feedback>> {
        self.broken().await
    }
    async fn feedback_stats(&self) -> Stored<FeedbackStats> {
        self.broken().await
    }
}

#[async_trait]
impl Store for BrokenStore {
    fn newest_schema(&self) -> i64 {
        1
    }

    async fn ping(&self) -> Stored<DateTime<Utc>> {
        match self.0 {
            How::HasSchema(_) => Ok(DateTime::UNIX_EPOCH),
            _ => self.broken().await,
        }
    }
    async fn schema_version(&self) -> Stored<i64> {
        match self.0 {
            How::HasSchema(version) => Ok(version),
            _ => self.broken().await,
        }
    }
}
