//! From the votes to a stored artifact, by whoever asks: `phagen train reranker`, or a worker whose
//! turn it is.
//!
//! Nothing here makes an artifact serve: an operator does, by `phagen model promote`.

pub(crate) mod serving;

use anyhow::Result;
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

/// Keeps the artifact, its evaluation within it.
pub(crate) async fn store(
    house: &House,
    trained: &Trained,
    recorded_by: &str,
) -> Result<ArtifactRecord> {
    let digest = house.blobs.put(trained.bytes.clone()).await?;
    let now = house.clock.now();
    let record = ArtifactRecord {
        digest,
        name: format!(
            "reranker-{}-{}",
            now.format("%Y%m%d-%H%M%S"),
            digest.short()
        ),
        format: LinearReranker::FORMAT.to_owned(),
        size_bytes: trained.bytes.len() as u64,
        created_at: now,
    };
    house.store.record_artifact(&record, recorded_by).await?;
    Ok(record)
}
