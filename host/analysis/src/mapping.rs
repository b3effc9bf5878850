//! The fifth step: the diseases named in the kept evidence. A mapper that fails leaves the result
//! without suggestions, and the result says so. Every span has been checked against its text by the
//! plugin room.

use std::{collections::BTreeMap, sync::Arc};

use phagen_cache::{Cache, CacheClass};
use phagen_domain::{
    evidence::{EvidenceKind, Passage},
    finding::Finding,
    query::Query,
    result::RankedEvidence,
};
use phagen_plugin::{ActiveSlot, Document};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::{error::AnalysisError, gather::key_of};

/// What the mapper found, shared with the cache.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Findings(pub Vec<Finding>);

/// What the mapper found, or why it found nothing.
pub(crate) struct Mapped {
    pub findings: Arc<Findings>,
    pub warning: Option<String>,
}

/// Asks the mapper for the diseases in all kept evidence, in one call.
pub(crate) async fn map(
    slot: &ActiveSlot,
    query: &Query,
    evidence: &BTreeMap<EvidenceKind, Vec<RankedEvidence>>,
    cache: &Cache,
) -> Result<Mapped, AnalysisError> {
    let kept: Vec<&RankedEvidence> = evidence.values().flatten().collect();
    if kept.is_empty() {
        return Ok(Mapped {
            findings: Arc::default(),
            warning: None,
        });
    }
    let mut key = key_of("mapper.find", slot)?
        .value(&(query.as_of, &query.molecule))
        .map_err(|cause| AnalysisError::Key {
            what: "the molecule",
            cause,
        })?;
    for ranked in &kept {
        key = key
            .digest(&ranked.text_digest)
            .value(&ranked.evidence.evidence_id)
            .map_err(|cause| AnalysisError::Key {
                what: "an evidence id",
                cause,
            })?;
    }
    let load = async {
        let documents: Vec<Document> = kept.iter().map(|ranked| document(ranked)).collect();
        slot.find(query.as_of, Some(&query.molecule), &documents)
            .await
            .map(Findings)
    };
    let answer = cache
        .get_or_load(CacheClass::GuestOutput, key.finish(), load)
        .await;
    Ok(match answer {
        Ok(cached) => Mapped {
            findings: cached.value,
            warning: None,
        },
        Err(error) => {
            let name = &slot.slot.name;
            warn!(slot = %name, error = %error, "mapper `{name}` failed; the job goes on");
            Mapped {
                findings: Arc::default(),
                warning: Some(format!(
                    "the mapper `{name}` failed, so no disease is suggested: {error}"
                )),
            }
        }
    })
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
