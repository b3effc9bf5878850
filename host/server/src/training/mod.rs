//! From the votes to a stored artifact, by whoever asks: `phagen train reranker`, or a worker whose
//! turn it is.
//!
//! Nothing here makes an artifact serve: an operator does, by `phagen model promote`.

pub(crate) mod serving;

use anyhow::Result;
use chrono::{DateTime, Utc};
use phagen_domain::{
    artifact::{ArtifactRecord, LinearReranker},
    feedback::Feedback,
};
use phagen_model::{Trained, TrainingProgress, TrainingSettings};
use tokio_util::sync::CancellationToken;

use crate::house::House;

/// Fits what serves now to `votes`, off the async threads. `stop` is looked at before each batch.
/// Nothing is written.
pub(crate) async fn train(
    house: &House,
    votes: Vec<Feedback>,
    settings: TrainingSettings,
    mut progress: impl FnMut(&TrainingProgress) + Send + 'static,
    stop: CancellationToken,
) -> Result<Trained> {
    let slot = serving::slot(house).await?;
    let current = serving::artifact(house, &slot).await?;
    let plugin_digest = slot.serving.plugin_digest;
    let trained = tokio::task::spawn_blocking(move || {
        phagen_model::train_reranker(
            &votes,
            &current,
            plugin_digest,
            &settings,
            &mut progress,
            &|| stop.is_cancelled(),
        )
    })
    .await??;
    Ok(trained)
}

/// Keeps the artifact, its evaluation within it. `begun` is when its votes were read or before: a vote
/// that is cast while it trains is new to it.
pub(crate) async fn store(
    house: &House,
    trained: &Trained,
    begun: DateTime<Utc>,
    recorded_by: &str,
) -> Result<ArtifactRecord> {
    let digest = house.blobs.put(trained.bytes.clone()).await?;
    let record = ArtifactRecord {
        digest,
        name: format!(
            "reranker-{}-{}",
            begun.format("%Y%m%d-%H%M%S"),
            digest.short()
        ),
        format: LinearReranker::FORMAT.to_owned(),
        size_bytes: trained.bytes.len() as u64,
        created_at: begun,
    };
    house.store.record_artifact(&record, recorded_by).await?;
    Ok(record)
}
