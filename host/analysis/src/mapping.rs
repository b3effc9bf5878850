//! The fifth step: the diseases named in the kept evidence, by every mapper of the chain. One that
//! fails is left out, and the result says so. Every span has been checked against its text by the
//! plugin room.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::join_all;
use phagen_cache::Cache;
use phagen_domain::{
    evidence::{EvidenceKind, Passage},
    query::Query,
    result::RankedEvidence,
};
use phagen_plugin::{ActiveSlot, Document, PluginError};
use tracing::warn;

use crate::{
    error::AnalysisError,
    gather::key_of,
    stand_in::StandIn,
    unite::{Findings, United},
};

/// What the mappers found, and which did not answer.
pub(crate) struct Mapped {
    pub findings: United,
    pub warnings: Vec<String>,
}

/// Asks every mapper for the diseases in all kept evidence, in one call each, side by side.
pub(crate) async fn map(
    slots: &[ActiveSlot],
    query: &Query,
    evidence: &BTreeMap<EvidenceKind, Vec<RankedEvidence>>,
    cache: &Cache,
) -> Result<Mapped, AnalysisError> {
    let kept: Vec<&RankedEvidence> = evidence.values().flatten().collect();
    let mut warnings = Vec::new();
    if kept.is_empty() {
        return Ok(Mapped {
            findings: United::of(Vec::new()),
            warnings,
        });
    }
    let asked = slots.iter().map(|slot| ask(slot, query, &kept, cache));
    let mut found = Vec::new();
    for (slot, answer) in slots.iter().zip(join_all(asked).await) {
        let name = &slot.slot;
        let (answer, stand_in) = answer?;
        warnings.extend(stand_in.warning("mapper", slot));
        match answer {
            Ok(findings) => found.push((stand_in.by.activation.plugin_digest, findings)),
            Err(error) => {
                warn!(slot = %name, error = %error, "mapper `{name}` failed; the job goes on");
                warnings.push(format!(
                    "the mapper `{name}` failed, so no disease is suggested by it: {error}"
                ));
            }
        }
    }
    Ok(Mapped {
        findings: United::of(found),
        warnings,
    })
}

type Answer = Result<Arc<Findings>, Arc<PluginError>>;

/// Asks one mapper and, where it cannot answer, what stands behind it.
async fn ask<'a>(
    slot: &'a ActiveSlot,
    query: &Query,
    kept: &[&RankedEvidence],
    cache: &Cache,
) -> Result<(Answer, StandIn<'a>), AnalysisError> {
    let mut stand_in = StandIn::none(slot);
    loop {
        match find(stand_in.by, query, kept, cache).await? {
            Ok(findings) => return Ok((Ok(findings), stand_in)),
            Err(error) => {
                if !stand_in.step(&error) {
                    return Ok((Err(error), stand_in));
                }
            }
        }
    }
}

async fn find(
    slot: &ActiveSlot,
    query: &Query,
    kept: &[&RankedEvidence],
    cache: &Cache,
) -> Result<Answer, AnalysisError> {
    let mut key = key_of("mapper.find", slot)?
        .value(&(query.as_of, &query.molecule))
        .map_err(|cause| AnalysisError::Key {
            what: "the molecule",
            cause,
        })?;
    for ranked in kept {
        key = key
            .digest(&ranked.text_digest)
            .value(&ranked.evidence.evidence_id)
            .map_err(|cause| AnalysisError::Key {
                what: "an evidence id",
                cause,
            })?;
    }
    let load = || {
        let documents: Vec<Document> = kept.iter().map(|ranked| document(ranked)).collect();
        let (slot, as_of, molecule) = (slot.clone(), query.as_of, query.molecule.clone());
        async move {
            slot.find(as_of, Some(&molecule), &documents)
                .await
                .map(Findings)
        }
    };
    let (name, molecule) = (slot.slot.as_str(), &query.molecule.name);
    let answer = cache.guest_output(name, molecule, key.finish(), load).await;
    Ok(answer.map(|cached| cached.value))
}

/// The passages of evidence, its title first as ordinal 0.
fn document(ranked: &RankedEvidence) -> Document {
    let evidence = &ranked.evidence;
    let title = Passage {
        ordinal: 0,
        section: None,
        text: evidence.title.clone(),
    };
    Document {
        evidence_id: evidence.evidence_id.clone(),
        passages: std::iter::once(title)
            .chain(evidence.passages.iter().cloned())
            .collect(),
    }
}
