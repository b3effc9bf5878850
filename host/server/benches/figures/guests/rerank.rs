//! The real reranker, in a fresh instance and natively, in turn.

use anyhow::{Context, Result};
use evidence_reranker::EvidenceReranker;
use phagen_domain::evidence::Evidence;
use phagen_plugin::ActiveSlot;
use phagen_sdk::{Reranker, testing::Harness, with_views};

use super::{CANDIDATE_BYTES, N_CANDIDATES, N_ROUNDS, candidates, native, query};
use crate::{setting::Setting, timing::paired};

pub(super) fn measure(setting: &Setting, slot: &ActiveSlot, abstracts: &[Evidence]) -> Result<()> {
    let (query, candidates) = (query(), candidates(abstracts));
    let sandboxed = || drop(setting.runtime.block_on(slot.rerank(&query, &candidates)));
    let native = native_reranker(slot)?;
    let (native_query, native_candidates) =
        (native::query(&query), native::candidates(&candidates));
    println!(
        "  rerank of {N_CANDIDATES} candidates of {CANDIDATE_BYTES} bytes: names, features, scores"
    );

    // What a fresh instance also does: read its weights and own its inputs.
    let (fresh, owned, ratio) = paired(N_ROUNDS, sandboxed, || {
        if let Ok(native) = native_reranker(slot) {
            let (query, candidates) = (native_query.clone(), native_candidates.clone());
            drop(with_views(&candidates, |views| {
                native.rerank(&query, views)
            }));
        }
    });
    println!("    fresh instance                  {}", fresh.summary());
    println!("    native, init and copies too     {}", owned.summary());
    println!("    ratio, median of pairs          {ratio:.2}");

    let (_, borrowed, ratio) = paired(N_ROUNDS, sandboxed, || {
        drop(with_views(&native_candidates, |views| {
            native.rerank(&native_query, views)
        }));
    });
    println!("    native, inputs borrowed         {}", borrowed.summary());
    println!("    ratio, median of pairs          {ratio:.2}");
    Ok(())
}

fn native_reranker(slot: &ActiveSlot) -> Result<EvidenceReranker> {
    let artifact = slot
        .artifact
        .as_ref()
        .context("the reranker has no artifact")?;
    let context = Harness::new()
        .artifact(&artifact.name, &artifact.bytes)
        .context();
    EvidenceReranker::init(&context).map_err(|failure| anyhow::anyhow!(failure.message))
}
