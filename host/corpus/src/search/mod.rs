//! Answers one search: a question made of names and words, a page of candidates with signals.

mod question;

use phagen_domain::{
    evidence::{Candidate, Page, Signal},
    query::CorpusRequest,
};
use tantivy::{
    DocAddress, DocId, Searcher,
    query::{EnableScoring, Query},
};

use crate::{
    CorpusError,
    cursor::{MAX_DEPTH, Seal},
    index::{CorpusIndex, Fields, Snapshot},
};
use question::Question;

/// Bytes of stored evidence on one page; it ends early rather than go on above that.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

pub(crate) fn run(index: &CorpusIndex, request: &CorpusRequest) -> Result<Page, CorpusError> {
    check(request)?;
    let snapshot = index.snapshot()?;
    let seal = Seal::new(&snapshot.state, request);
    let offset = request
        .cursor
        .as_deref()
        .map_or(Ok(0), |cursor| seal.offset(cursor))?;
    let Some(question) = Question::new(&snapshot.searcher, &index.fields, request)
        .map_err(CorpusError::index("looking up words"))?
    else {
        return Ok(Page::default());
    };
    let limit = (request.limit as usize).min(MAX_DEPTH - offset);
    if limit == 0 {
        return Ok(Page::default());
    }
    let hits = question
        .hits(&snapshot.searcher, limit + 1, offset)
        .map_err(CorpusError::index("searching"))?;
    let mut page = page(
        &snapshot,
        &index.fields,
        &question,
        &hits[..limit.min(hits.len())],
        offset,
    )?;
    let next = offset + page.candidates.len();
    if hits.len() > page.candidates.len() && next < MAX_DEPTH {
        page.cursor = Some(seal.cursor(next));
    }
    Ok(page)
}

fn check(request: &CorpusRequest) -> Result<(), CorpusError> {
    let refuse = |reason| Err(CorpusError::InvalidRequest { reason });
    if !(1..=CorpusRequest::MAX_LIMIT).contains(&request.limit) {
        return refuse(format!(
            "the limit is {}; it may be 1 to {}",
            request.limit,
            CorpusRequest::MAX_LIMIT
        ));
    }
    match (request.year_from, request.year_to) {
        (Some(from), Some(to)) if from > to => {
            refuse(format!("no year is from {from} and up to {to}"))
        }
        _ => Ok(()),
    }
}

/// Reads what was found and gives each candidate its signals.
fn page(
    snapshot: &Snapshot,
    fields: &Fields,
    question: &Question,
    hits: &[DocAddress],
    offset: usize,
) -> Result<Page, CorpusError> {
    let failed = "scoring field by field";
    let titles = scores(
        &snapshot.searcher,
        &question.in_field(|part| &part.title),
        hits,
    )
    .map_err(CorpusError::index(failed))?;
    let bodies = scores(
        &snapshot.searcher,
        &question.in_field(|part| &part.body),
        hits,
    )
    .map_err(CorpusError::index(failed))?;
    let mut page = Page::default();
    let mut n_page_bytes = 0;
    for (n, address) in hits.iter().enumerate() {
        let (evidence, n_bytes) = snapshot.evidence(fields, *address)?;
        n_page_bytes += n_bytes;
        // The first one always fits: a page without any would never end.
        if n > 0 && n_page_bytes > MAX_PAGE_BYTES {
            break;
        }
        page.candidates.push(Candidate {
            evidence,
            signals: vec![
                signal("bm25_title", titles[n]),
                signal("bm25_body", bodies[n]),
                signal("source_rank", rank(offset + n)),
            ],
        });
    }
    Ok(page)
}

fn signal(name: &str, value: f32) -> Signal {
    Signal {
        name: name.to_owned(),
        value,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "ranks end at `MAX_DEPTH`, which `f32` counts exactly"
)]
fn rank(index: usize) -> f32 {
    (index + 1) as f32
}

/// The score that `query` gives each of `hits`; 0 where it finds nothing.
fn scores(
    searcher: &Searcher,
    query: &dyn Query,
    hits: &[DocAddress],
) -> tantivy::Result<Vec<f32>> {
    let weight = query.weight(EnableScoring::enabled_from_searcher(searcher))?;
    let mut order: Vec<usize> = (0..hits.len()).collect();
    order.sort_unstable_by_key(|n| hits[*n]);
    let mut scores = vec![0.0; hits.len()];
    let mut at = 0;
    while let Some(first) = order.get(at) {
        let segment = hits[*first].segment_ord;
        let mut scorer = weight.scorer(searcher.segment_reader(segment), 1.0)?;
        while let Some(n) = order.get(at).filter(|n| hits[**n].segment_ord == segment) {
            let wanted: DocId = hits[*n].doc_id;
            // A scorer only moves forward.
            if scorer.doc() < wanted {
                scorer.seek(wanted);
            }
            if scorer.doc() == wanted {
                scores[*n] = scorer.score();
            }
            at += 1;
        }
    }
    Ok(scores)
}
