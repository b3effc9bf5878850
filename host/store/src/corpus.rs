//! Which corpus index serves, and whose turn it is to build the next. The bytes lie among the blobs;
//! nothing here knows what an index is.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use phagen_domain::digest::Digest;

use crate::StoreError;

/// An index that shall serve, with all of its blobs stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSnapshot {
    /// Of its manifest.
    pub digest: Digest,
    pub n_documents: u64,
    pub size_bytes: u64,
    /// The process that built it.
    pub published_by: String,
}

/// An index that serves or served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorpusSnapshot {
    /// From 1 on, without a gap.
    pub generation: u64,
    pub digest: Digest,
    pub n_documents: u64,
    pub size_bytes: u64,
    pub published_at: DateTime<Utc>,
    pub published_by: String,
}

#[async_trait]
pub trait CorpusStore: Send + Sync {
    /// Those that are remembered, the serving one first.
    async fn list_snapshots(&self) -> Result<Vec<CorpusSnapshot>, StoreError>;

    /// The one that serves; none before the first.
    async fn serving_snapshot(&self) -> Result<Option<CorpusSnapshot>, StoreError>;

    /// Lets an index serve in the place of generation `expected`, 0 for none:
    /// [`StoreError::SnapshotMoved`] when another serves by now.
    async fn publish_snapshot(
        &self,
        expected: u64,
        snapshot: &NewSnapshot,
    ) -> Result<CorpusSnapshot, StoreError>;

    /// Those that stopped serving longer ago than `age` by the database's clock. The one that serves
    /// and the one before it are never among them.
    async fn list_retired_snapshots(
        &self,
        age: Duration,
    ) -> Result<Vec<CorpusSnapshot>, StoreError>;

    /// Forgets one that is retired. One that serves, or did just before, stays.
    async fn forget_snapshot(&self, generation: u64) -> Result<(), StoreError>;

    /// Takes the turn to build for `lease`, or keeps it for that long from now on. Answers who has
    /// it instead; none when `holder` has it.
    async fn hold_import(
        &self,
        holder: &str,
        lease: Duration,
    ) -> Result<Option<String>, StoreError>;

    /// Gives the turn back, if `holder` has it.
    async fn drop_import(&self, holder: &str) -> Result<(), StoreError>;
}
