//! The fourth step: all evidence of the job in one order, by the reranker's scores. When the
//! reranker fails, the sources' own ranks order the evidence, and the result says so.

use std::{collections::BTreeMap, sync::Arc};

use phagen_cache::{Cache, CacheClass};
use phagen_domain::{
    evidence::{Candidate, EvidenceKind},
    query::Query,
    result::{RankedEvidence, Reranking},
};
use phagen_plugin::{ActiveSlot, PluginError};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::{error::AnalysisError, gather::key_of, merge::Merged};

/// What the reranker answered; this is what is cached.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Scored {
    feature_names: Vec<String>,
    features: Vec<Vec<f32>>,
    scores: Vec<f32>,
}

/// Evidence in its order, cut to the limit.
pub(crate) struct Ranked {
    pub evidence: BTreeMap<EvidenceKind, Vec<RankedEvidence>>,
    pub reranking: Reranking,
    /// Why the reranker's order is not used.
    pub warning: Option<String>,
}

/// Scores all evidence in one call, sorts, and keeps `limit` of each kind.
pub(crate) async fn rerank(
    slot: &ActiveSlot,
    query: &Query,
    merged: Vec<Merged>,
    limit: u32,
    cache: &Cache,
) -> Result<Ranked, AnalysisError> {
    let (scored, warning) = match score(slot, query, &merged, cache).await? {
        Ok(scored) => (scored, None),
        Err(error) => {
            let name = &slot.slot.name;
            warn!(slot = %name, error = %error, "reranker `{name}` failed; the job goes on");
            let warning = format!(
                "the reranker `{name}` failed, so evidence stands in the order of its sources: {error}"
            );
            (Arc::new(by_source_rank(&merged)), Some(warning))
        }
    };
    Ok(Ranked {
        evidence: in_order(merged, &scored, limit),
        reranking: Reranking {
            slot: slot.slot.name.clone(),
            plugin_digest: slot.slot.plugin_digest,
            artifact_digest: slot.slot.artifact_digest,
            feature_names: scored.feature_names.clone(),
        },
        warning,
    })
}

type Answer = Result<Arc<Scored>, Arc<PluginError>>;

async fn score(
    slot: &ActiveSlot,
    query: &Query,
    merged: &[Merged],
    cache: &Cache,
) -> Result<Answer, AnalysisError> {
    if merged.is_empty() {
        return Ok(Ok(Arc::default()));
    }
    let mut key = key_of("reranker.rerank", slot)?
        .value(query)
        .map_err(|cause| AnalysisError::Key {
            what: "the query",
            cause,
        })?;
    for evidence in merged {
        key = key.digest(&evidence.digest);
    }
    let load = async {
        let candidates: Vec<Candidate> = merged.iter().map(|m| m.candidate.clone()).collect();
        let reranked = slot.rerank(query, &candidates).await?;
        Ok(Scored {
            feature_names: reranked.feature_names,
            features: reranked.features,
            scores: reranked.scores,
        })
    };
    let answer = cache
        .get_or_load(CacheClass::GuestOutput, key.finish(), load)
        .await;
    Ok(answer.map(|cached| cached.value))
}

/// One over the rank at the source: an order, and no invented judgement. No features: nothing may
/// be trained on this order.
fn by_source_rank(merged: &[Merged]) -> Scored {
    Scored {
        feature_names: Vec::new(),
        features: vec![Vec::new(); merged.len()],
        scores: merged
            .iter()
            .map(|evidence| 1.0 / evidence.source_rank().max(1.0))
            .collect(),
    }
}

fn in_order(
    merged: Vec<Merged>,
    scored: &Scored,
    limit: u32,
) -> BTreeMap<EvidenceKind, Vec<RankedEvidence>> {
    let mut scores = scored.scores.iter();
    let mut features = scored.features.iter();
    let mut ranked: Vec<RankedEvidence> = merged
        .into_iter()
        .map(|merged| RankedEvidence {
            rank: 0,
            score: scores.next().copied().unwrap_or_default(),
            signals: merged.candidate.signals,
            features: features.next().cloned().unwrap_or_default(),
            provenance: merged.provenance,
            same_text_as: merged.same_text_as,
            text_digest: merged.candidate.evidence.text_digest(),
            evidence: merged.candidate.evidence,
        })
        .collect();
    ranked.sort_by(|a, b| {
        (b.score.total_cmp(&a.score))
            .then_with(|| a.evidence.evidence_id.cmp(&b.evidence.evidence_id))
    });
    let mut by_kind: BTreeMap<EvidenceKind, Vec<RankedEvidence>> = BTreeMap::new();
    for mut evidence in ranked {
        let of_kind = by_kind.entry(evidence.evidence.kind).or_default();
        let rank = u32::try_from(of_kind.len() + 1).unwrap_or(u32::MAX);
        if rank <= limit {
            evidence.rank = rank;
            of_kind.push(evidence);
        }
    }
    by_kind
}
