//! The slot whose artifact training replaces, and the artifacts it has had.

use anyhow::{Context, Result};
use phagen_domain::{
    artifact::LinearReranker,
    digest::Digest,
    plugin::{Slot, World},
};

use crate::house::House;

pub(crate) async fn slot(house: &House) -> Result<Slot> {
    let slots = house.store.list_slots().await?;
    // Of a chain, the last one ranks.
    slots
        .into_iter()
        .rfind(|slot| slot.world == World::Reranker)
        .context("no slot holds a reranker")
}

/// The artifact that serves in `slot`.
pub(crate) async fn artifact(house: &House, slot: &Slot) -> Result<LinearReranker> {
    let digest = slot
        .serving
        .artifact_digest
        .with_context(|| format!("slot `{}` has no artifact to start from", slot.name))?;
    read(house, &digest).await
}

pub(crate) async fn read(house: &House, digest: &Digest) -> Result<LinearReranker> {
    let bytes = house
        .blobs
        .get(digest)
        .await?
        .with_context(|| format!("artifact `{digest}` is not among the stored blobs"))?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("artifact `{digest}` is not a linear reranker"))
}
