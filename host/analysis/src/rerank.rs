//! The fourth step: all evidence of the job in one order, by the scores of the last reranker of the
//! chain. When none answers, the sources' own ranks order the evidence, and the result says so.

use std::{collections::BTreeMap, sync::Arc};

use futures::FutureExt as _;
use phagen_cache::Cache;
use phagen_domain::{
    evidence::{Candidate, EvidenceKind, Signal},
    query::Query,
    result::{RankedEvidence, Reranking},
};
use phagen_plugin::{ActiveSlot, PluginError};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::{
    error::AnalysisError,
    gather::key_of,
    merge::{Merged, set_signal},
    stand_in::StandIn,
};

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
    /// Which rerankers did not answer as they should.
    pub warnings: Vec<String>,
}

/// Scores all evidence in one call of each reranker, in the order of the chain: each sees the score
/// of the one before as a signal, and the last that answers ranks. Keeps `limit` of each kind.
pub(crate) async fn rerank(
    chain: &[ActiveSlot],
    query: &Query,
    mut merged: Vec<Merged>,
    limit: u32,
    cache: &Cache,
) -> Result<Ranked, AnalysisError> {
    let mut warnings = Vec::new();
    let mut last: Option<(Arc<Scored>, Reranking)> = None;
    for slot in chain {
        if let Some((scored, _)) = &last {
            show_previous(&mut merged, scored);
        }
        let (answer, stand_in) = ask(slot, query, &merged, cache).await?;
        warnings.extend(stand_in.warning("reranker", slot));
        match answer {
            Ok(scored) => {
                let reranking = reranking(stand_in.by, &scored);
                last = Some((scored, reranking));
            }
            Err(error) => {
                let name = &slot.slot;
                warn!(slot = %name, error = %error, "reranker `{name}` failed; the job goes on");
                let order = match &last {
                    Some((_, reranking)) => format!("by `{}` before it", reranking.slot),
                    None => "of its sources".to_owned(),
                };
                warnings.push(format!(
                    "the reranker `{name}` failed, so evidence stands in the order {order}: {error}"
                ));
            }
        }
    }
    let (scored, reranking) = match (last, chain.last()) {
        (Some(last), _) => last,
        (None, slot) => {
            let scored = Arc::new(by_source_rank(&merged));
            let slot = slot.ok_or(AnalysisError::NoReranker)?;
            let reranking = reranking(slot, &scored);
            (scored, reranking)
        }
    };
    Ok(Ranked {
        evidence: in_order(merged, &scored, limit),
        reranking,
        warnings,
    })
}

fn reranking(slot: &ActiveSlot, scored: &Scored) -> Reranking {
    Reranking {
        slot: slot.slot.clone(),
        plugin_digest: slot.activation.plugin_digest,
        artifact_digest: slot.activation.artifact_digest,
        feature_names: scored.feature_names.clone(),
    }
}

/// Hands each candidate the score it got from the reranker before.
fn show_previous(merged: &mut [Merged], scored: &Scored) {
    for (merged, score) in merged.iter_mut().zip(&scored.scores) {
        set_signal(&mut merged.candidate.signals, "previous_score", *score);
    }
}

/// Asks one reranker and, where it cannot answer, what stands behind it.
async fn ask<'a>(
    slot: &'a ActiveSlot,
    query: &Query,
    merged: &[Merged],
    cache: &Cache,
) -> Result<(Answer, StandIn<'a>), AnalysisError> {
    let mut stand_in = StandIn::none(slot);
    loop {
        match score(stand_in.by, query, merged, cache).await? {
            Ok(scored) => return Ok((Ok(scored), stand_in)),
            Err(error) => {
                if !stand_in.step(&error) {
                    return Ok((Err(error), stand_in));
                }
            }
        }
    }
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
        // The digest was taken before the chain: a score that came since belongs to the question.
        if let Some(score) = signal(&evidence.candidate.signals, "previous_score") {
            key = key
                .value(&score.to_bits())
                .map_err(|cause| AnalysisError::Key {
                    what: "a score",
                    cause,
                })?;
        }
    }
    let load = || {
        let candidates: Vec<Candidate> = merged.iter().map(|m| m.candidate.clone()).collect();
        let (slot, query) = (slot.clone(), query.clone());
        async move {
            let reranked = slot.rerank(&query, &candidates).await?;
            Ok(Scored {
                feature_names: reranked.feature_names,
                features: reranked.features,
                scores: reranked.scores,
            })
        }
        // A call of a guest is a large future, and it would lie in each that awaits it.
        .boxed()
    };
    let (name, molecule) = (slot.slot.as_str(), &query.molecule.name);
    let answer = cache.guest_output(name, molecule, key.finish(), load).await;
    Ok(answer.map(|cached| cached.value))
}

fn signal(signals: &[Signal], name: &str) -> Option<f32> {
    signals
        .iter()
        .find(|signal| signal.name == name)
        .map(|signal| signal.value)
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
