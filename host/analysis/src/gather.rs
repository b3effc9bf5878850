//! The second step: every asked source, side by side, each with its deadline and through the
//! cache. A source that fails is listed and costs the job nothing else. What does not name the
//! molecule is left out here, so that no later step sees it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{FutureExt as _, future::join_all};
use phagen_cache::{Cache, CacheKey};
use phagen_domain::{
    digest::Digest,
    evidence::{Candidate, Signal},
    plugin::SlotName,
    query::Query,
};
use phagen_plugin::{ActiveSlot, PluginError};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    analysis::CorpusState,
    asked::{Asked, SourceAnswer},
    error::AnalysisError,
    names::Names,
    page::{self, Asking},
    sketch::Sketch,
    stand_in::StandIn,
    turn::Turns,
};

/// Most pages read of one source's answer.
const MAX_PAGES: usize = 4;

/// Most candidates asked for in one page; the corpus gives no more.
const MAX_PAGE_CANDIDATES: u32 = 200;

/// Candidates gathered for each that is kept, so that the reranker has something to choose from.
const CANDIDATES_PER_KEPT: u32 = 2;

/// What is asked of the sources.
pub(crate) struct Request<'a> {
    pub query: &'a Query,
    pub names: &'a Names,
    /// Pieces of evidence kept per kind.
    pub limit: u32,
    pub deadline: Duration,
    pub corpus: CorpusState,
    pub turns: &'a Arc<Turns>,
}

/// What one source answered, cleared of what does not name the molecule. This is what is cached.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub n_returned: u32,
    pub n_off_topic: u32,
    /// In the source's order.
    pub found: Vec<Found>,
}

/// A candidate that names the molecule, with only the passages that speak of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Found {
    pub candidate: Candidate,
    /// Of the candidate as it stands here.
    pub digest: Digest,
    /// Of the whole text as it came.
    pub sketch: Sketch,
}

/// Asks the sources that `wanted` names, or all, and reports on every one, in the set's order.
pub(crate) async fn gather<'a>(
    request: &Request<'_>,
    sources: &'a [ActiveSlot],
    wanted: Option<&[SlotName]>,
    cache: &Cache,
) -> Result<Vec<Asked<'a>>, AnalysisError> {
    if let Some(unknown) = wanted
        .unwrap_or_default()
        .iter()
        .find(|name| sources.iter().all(|source| source.slot != **name))
    {
        return Err(AnalysisError::UnknownSource {
            asked: unknown.to_string(),
            known: sources.iter().map(|s| s.slot.to_string()).collect(),
        });
    }
    let answers = sources.iter().map(|source| async {
        if wanted.is_some_and(|wanted| !wanted.contains(&source.slot)) {
            return Ok(Asked::not_asked(source));
        }
        ask(request, source, cache).await
    });
    join_all(answers).await.into_iter().collect()
}

/// What a guest's answer depends on besides its request.
pub(crate) fn key_of(operation: &str, slot: &ActiveSlot) -> Result<CacheKey, AnalysisError> {
    let serving = &slot.activation;
    CacheKey::new(operation)
        .digest(&serving.plugin_digest)
        .optional_digest(serving.artifact_digest.as_ref())
        .value(&(&serving.config, &serving.grant))
        .map_err(|cause| AnalysisError::Key {
            what: "the configuration of a slot",
            cause,
        })
}

async fn ask<'a>(
    request: &Request<'_>,
    source: &'a ActiveSlot,
    cache: &Cache,
) -> Result<Asked<'a>, AnalysisError> {
    let started = Instant::now();
    let mut stand_in = StandIn::none(source);
    loop {
        let answer = answer_of(request, stand_in.by, cache).await?;
        if let Err(error) = &answer
            && stand_in.step(error)
        {
            continue;
        }
        let mut asked = Asked::answered(stand_in.by, answer, started.elapsed());
        if asked.report.error.is_none() {
            asked.report.error = stand_in.warning("source", source);
        }
        return Ok(asked);
    }
}

async fn answer_of(
    request: &Request<'_>,
    source: &ActiveSlot,
    cache: &Cache,
) -> Result<SourceAnswer, AnalysisError> {
    let key = key_of("source.search", source)?
        .value(&(request.query, request.limit))
        .map_err(|cause| AnalysisError::Key {
            what: "the query",
            cause,
        })?
        .generation(request.corpus.generation)
        .optional_digest(request.corpus.digest.as_ref())
        .finish();
    // A kept answer may be renewed after this job, so a load holds all it needs.
    let load = || {
        let (query, names) = (request.query.clone(), request.names.clone());
        let (source, limit, deadline) = (source.clone(), request.limit, request.deadline);
        let turns = Arc::clone(request.turns);
        async move {
            let until = Instant::now() + deadline;
            let asking = Asking {
                source: &source,
                turns: &turns,
                until,
            };
            tokio::time::timeout_at(until, read_pages(&query, &names, limit, &asking))
                .await
                .unwrap_or(Err(PluginError::Timeout {
                    call: "search",
                    deadline,
                }))
        }
    };
    let (slot, molecule) = (source.slot.as_str(), &request.query.molecule.name);
    Ok(cache.retrieval(slot, molecule, key, load).await)
}

async fn read_pages(
    query: &Query,
    names: &Names,
    limit: u32,
    asking: &Asking<'_>,
) -> Result<Answer, PluginError> {
    let n_wanted = limit.saturating_mul(CANDIDATES_PER_KEPT);
    let mut answer = Answer {
        n_returned: 0,
        n_off_topic: 0,
        found: Vec::new(),
    };
    let mut seen = BTreeSet::new();
    let mut cursor: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let limit = n_wanted.min(MAX_PAGE_CANDIDATES);
        // A call of a guest is a large future, and it would lie in each that awaits it.
        let page = page::read(query, asking, limit, cursor.as_deref());
        let page = page.boxed().await?;
        for candidate in page.candidates {
            if !seen.insert(candidate.evidence.evidence_id.clone()) {
                continue;
            }
            answer.n_returned += 1;
            match on_topic(candidate, names, answer.n_returned) {
                Some(found) => answer.found.push(found),
                None => answer.n_off_topic += 1,
            }
        }
        let has_enough = answer.found.len() >= n_wanted as usize;
        if page.cursor.is_none() || page.cursor == cursor || has_enough {
            break;
        }
        cursor = page.cursor;
    }
    Ok(answer)
}

/// Keeps a candidate that names the molecule: whole when its title does, else only the passages
/// that do.
fn on_topic(mut candidate: Candidate, names: &Names, rank: u32) -> Option<Found> {
    let sketch = Sketch::of(&candidate.evidence);
    let naming = names.find_in(&candidate.evidence)?;
    if !naming.subject {
        let mut named = naming.passages.iter();
        candidate
            .evidence
            .passages
            .retain(|_| named.next().is_some_and(|named| *named));
    }
    if candidate.signals.iter().all(|s| s.name != "source_rank") {
        candidate.signals.push(Signal {
            name: "source_rank".to_owned(),
            value: as_f32(rank),
        });
    }
    let written = serde_json::to_vec(&candidate).unwrap_or_default();
    Some(Found {
        digest: Digest::of(&written),
        sketch,
        candidate,
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "ranks stay far below 2^24, where f32 is exact"
)]
pub(crate) fn as_f32(rank: u32) -> f32 {
    rank as f32
}
