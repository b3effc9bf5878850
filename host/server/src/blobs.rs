//! Where this process keeps its blobs, as the settings name it, and whether the bucket answers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use phagen_blob::{BlobError, BlobFolder, Blobs, Bucket, BucketSettings};
use phagen_plugin::read_roots;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{
    causes,
    config::{BlobSettings, Settings},
    http::{CheckStatus, HealthChecks},
};

/// Folder of blobs in the data folder.
const FOLDER: &str = "blob";

/// Its name among the checks of `/ready`.
const OBJECT_STORE: &str = "object_store";
const PING_EVERY: Duration = Duration::from_secs(10);

/// The folder, and the bucket if one is set. A bucket that is not there or refuses ends the start; one
/// that does not answer may do so later, and what lies in the folder serves meanwhile.
pub async fn open(settings: &Settings) -> Result<Blobs> {
    let folder = BlobFolder::open(settings.data_dir.join(FOLDER))?;
    let Some(bucket) = bucket(&settings.blob)? else {
        return Ok(Blobs::local(folder));
    };
    let blobs = Blobs::shared(folder, bucket, settings.blob.cache_bytes);
    match blobs.open().await {
        Err(error) if error.is_retriable() => {
            let error = causes::told(&error);
            tracing::warn!(%error, "the bucket in `blob.url` does not answer; what lies in the data folder serves");
        }
        opened => opened.context("cannot use the bucket in `blob.url`")?,
    }
    Ok(blobs)
}

fn bucket(settings: &BlobSettings) -> Result<Option<Bucket>> {
    let Some(address) = settings.address()? else {
        return Ok(None);
    };
    let mut extra_roots = Vec::new();
    for file in &settings.extra_roots {
        extra_roots.extend(read_roots(file).context("setting `blob.extra_roots` is wrong")?);
    }
    let bucket = Bucket::new(BucketSettings {
        address,
        credentials: settings.credentials()?,
        request_timeout: settings.timeout(),
        extra_roots,
    })?;
    Ok(Some(bucket))
}

/// Says in `/ready` how the bucket is, until shutdown. Without it the process works less well, and so
/// it never fails that check.
pub async fn watch(blobs: Arc<Blobs>, health: Arc<HealthChecks>, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(PING_EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut was_well = true;
    while shutdown
        .run_until_cancelled(interval.tick())
        .await
        .is_some()
    {
        let begun = Instant::now();
        let Some(Some(answer)) = shutdown.run_until_cancelled(blobs.ping()).await else {
            return;
        };
        let (status, detail) = match &answer {
            Ok(()) => (CheckStatus::Ok, None),
            Err(error) => (CheckStatus::Degraded, Some(detail(error).to_owned())),
        };
        health.report(OBJECT_STORE, status, begun.elapsed(), detail);
        match &answer {
            Ok(()) if !was_well => tracing::info!("the object store answers again"),
            Err(error) if was_well => {
                let error = causes::told(error);
                tracing::warn!(%error, "the object store does not serve; reads go on from the data folder: {error}");
            }
            _ => {}
        }
        was_well = answer.is_ok();
    }
}

/// For whoever may ask; names and causes are in the log.
fn detail(error: &BlobError) -> &'static str {
    match error {
        BlobError::Unavailable { .. } => "does not answer; reads go on from the data folder",
        BlobError::NoBucket { .. } => "has no such bucket; the log names it",
        _ => "refuses; the log names the cause",
    }
}
