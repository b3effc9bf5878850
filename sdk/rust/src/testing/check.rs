//! The rules of the contract that an answer can break.

use std::fmt;

use crate::{Document, Failure, Finding, Ground, Page, Reranked, Span};

fn broken(how: fmt::Arguments<'_>) -> Failure {
    Failure::internal(format!("the answer breaks the contract: {how}"))
}

/// At most `limit` candidates, each with an id that can be cited and passages that count from 1.
pub(super) fn page(page: &Page, limit: u32) -> Result<(), Failure> {
    let n_found = page.candidates.len();
    if n_found > limit as usize {
        return Err(broken(format_args!(
            "{n_found} candidates where {limit} were asked for"
        )));
    }
    for candidate in &page.candidates {
        let evidence = &candidate.evidence;
        let id = &evidence.evidence_id;
        let citable = |b: u8| b.is_ascii_graphic() && b != b'#';
        if !(1..=200).contains(&id.len()) || !id.bytes().all(citable) {
            return Err(broken(format_args!(
                "`{id}` is not an evidence id: expected 1 to 200 printable ASCII characters without spaces or `#`"
            )));
        }
        if evidence.passages.iter().any(|passage| passage.ordinal == 0) {
            return Err(broken(format_args!(
                "a passage of `{id}` has ordinal 0, which is the title's; the body counts from 1"
            )));
        }
        if let Some(signal) = candidate.signals.iter().find(|s| !s.value.is_finite()) {
            return Err(broken(format_args!(
                "signal `{}` of `{id}` is not finite",
                signal.name
            )));
        }
    }
    Ok(())
}

/// Each finding stands where it says, or names its basis.
pub(super) fn findings(findings: &[Finding], documents: &[Document]) -> Result<(), Failure> {
    for finding in findings {
        let id = &finding.evidence_id;
        let document = documents
            .iter()
            .find(|document| &document.evidence_id == id)
            .ok_or_else(|| {
                broken(format_args!(
                    "a finding is of `{id}`, which was not asked about"
                ))
            })?;
        if !finding.score.is_finite() {
            return Err(broken(format_args!(
                "a finding of `{id}` has a score that is not finite"
            )));
        }
        if !(finding.mesh_id.starts_with('D') || finding.mesh_id.starts_with('C')) {
            return Err(broken(format_args!(
                "`{}` is not a MeSH id: expected `D…` or `C…`",
                finding.mesh_id
            )));
        }
        match &finding.ground {
            Ground::Span(span) => self::span(*span, document, &finding.matched_text)?,
            Ground::Basis(basis) if basis.is_empty() => {
                return Err(broken(format_args!(
                    "a finding of `{id}` has an empty basis"
                )));
            }
            Ground::Basis(_) => {}
        }
    }
    Ok(())
}

/// The span lies in its passage, on whole characters, and holds the matched text.
fn span(span: Span, document: &Document, matched: &str) -> Result<(), Failure> {
    let Span {
        passage,
        start,
        end,
    } = span;
    let id = &document.evidence_id;
    let text = document
        .passages
        .iter()
        .find(|candidate| candidate.ordinal == passage)
        .map(|passage| &passage.text)
        .ok_or_else(|| broken(format_args!("`{id}` has no passage {passage}")))?;
    match text.get(start as usize..end as usize) {
        Some(spanned) if spanned == matched => Ok(()),
        Some(spanned) => Err(broken(format_args!(
            "bytes {start}..{end} of `{id}#{passage}` are `{spanned}`, not `{matched}`"
        ))),
        None => Err(broken(format_args!(
            "bytes {start}..{end} are no span of `{id}#{passage}`, which has {} bytes",
            text.len()
        ))),
    }
}

/// One row per candidate, one finite value per name.
pub(super) fn features(
    rows: &[Vec<f32>],
    names: &[String],
    n_candidates: usize,
) -> Result<(), Failure> {
    if rows.len() != n_candidates {
        return Err(broken(format_args!(
            "{} rows of features for {n_candidates} candidates",
            rows.len()
        )));
    }
    for (row, values) in rows.iter().enumerate() {
        if values.len() != names.len() {
            return Err(broken(format_args!(
                "row {row} has {} features, and there are {} names",
                values.len(),
                names.len()
            )));
        }
        if let Some(column) = values.iter().position(|value| !value.is_finite()) {
            return Err(broken(format_args!(
                "feature `{}` of row {row} is not finite",
                names[column]
            )));
        }
    }
    Ok(())
}

/// One finite score per candidate.
pub(super) fn scores(scores: &[f32], n_candidates: usize) -> Result<(), Failure> {
    if scores.len() != n_candidates {
        return Err(broken(format_args!(
            "{} scores for {n_candidates} candidates",
            scores.len()
        )));
    }
    match scores.iter().position(|score| !score.is_finite()) {
        Some(row) => Err(broken(format_args!("score {row} is not finite"))),
        None => Ok(()),
    }
}

/// What is answered at once is what is answered one by one, to the bit.
pub(super) fn reranked(at_once: &Reranked, apart: &Reranked) -> Result<(), Failure> {
    let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let same = |a: &[f32], b: &[f32]| bits(a) == bits(b);
    let what = if at_once.feature_names != apart.feature_names {
        "feature names"
    } else if !same(&at_once.features, &apart.features) {
        "features"
    } else if !same(&at_once.scores, &apart.scores) {
        "scores"
    } else {
        return Ok(());
    };
    Err(broken(format_args!(
        "`rerank` gives other {what} than the calls one by one"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Candidate, Evidence, Passage, Signal};

    fn candidate(id: &str) -> Candidate {
        Candidate {
            evidence: Evidence {
                evidence_id: id.into(),
                ..Evidence::default()
            },
            signals: Vec::new(),
        }
    }

    #[test]
    fn a_page_keeps_to_its_limit_and_to_citable_ids() {
        let of = |candidates: Vec<Candidate>| Page {
            candidates,
            cursor: None,
        };
        assert!(page(&of(vec![candidate("PMID:1")]), 1).is_ok());
        assert!(page(&of(vec![candidate("PMID:1")]), 0).is_err());
        for id in ["", "a b", "PMID:1#2", &"x".repeat(201)] {
            assert!(page(&of(vec![candidate(id)]), 9).is_err(), "{id}");
        }
        let mut titled = candidate("PMID:1");
        titled.evidence.passages.push(Passage::title("x"));
        assert!(page(&of(vec![titled]), 9).is_err());
        let mut infinite = candidate("PMID:1");
        infinite
            .signals
            .push(Signal::new("bm25_title", f32::INFINITY));
        assert!(page(&of(vec![infinite]), 9).is_err());
    }

    fn finding(ground: Ground) -> Finding {
        Finding {
            evidence_id: "PMID:1".into(),
            ground,
            mesh_id: "D001249".into(),
            matched_text: "asthma".into(),
            negated: false,
            stance: "neither".into(),
            score: 1.0,
        }
    }

    #[test]
    fn a_finding_stands_where_it_says() {
        let document = Document {
            evidence_id: "PMID:1".into(),
            passages: vec![Passage::title("é asthma")],
        };
        let at = |start, end| {
            let span = Span {
                passage: 0,
                start,
                end,
            };
            findings(
                &[finding(Ground::Span(span))],
                std::slice::from_ref(&document),
            )
        };
        assert!(at(3, 9).is_ok());
        for (start, end) in [(2, 8), (1, 9), (3, 10), (9, 3)] {
            assert!(at(start, end).is_err(), "{start}..{end}");
        }
        let other = |change: fn(&mut Finding)| {
            let mut finding = finding(Ground::Basis("DrugCentral".into()));
            change(&mut finding);
            findings(&[finding], std::slice::from_ref(&document))
        };
        assert!(other(|_| ()).is_ok());
        assert!(other(|f| f.ground = Ground::Basis(String::new())).is_err());
        assert!(other(|f| f.evidence_id = "PMID:2".into()).is_err());
        assert!(other(|f| f.score = f32::NAN).is_err());
        assert!(other(|f| f.mesh_id = "asthma".into()).is_err());
    }

    #[test]
    fn features_and_scores_are_finite_and_complete() {
        let names = ["a".to_owned()];
        assert!(features(&[vec![1.0]], &names, 1).is_ok());
        assert!(features(&[], &names, 1).is_err());
        assert!(features(&[vec![1.0, 2.0]], &names, 1).is_err());
        assert!(features(&[vec![f32::NAN]], &names, 1).is_err());
        assert!(scores(&[1.0], 1).is_ok());
        assert!(scores(&[], 1).is_err());
        assert!(scores(&[f32::INFINITY], 1).is_err());
    }

    #[test]
    fn an_answer_at_once_is_the_answers_one_by_one() {
        let answer = Reranked {
            feature_names: vec!["a".into()],
            features: vec![0.0],
            scores: vec![1.0],
        };
        assert!(reranked(&answer, &answer).is_ok());
        let changed = |change: fn(&mut Reranked)| {
            let mut other = answer.clone();
            change(&mut other);
            reranked(&other, &answer).unwrap_err().message
        };
        assert!(changed(|a| a.feature_names[0] = "b".into()).contains("other feature names"));
        assert!(changed(|a| a.features[0] = -0.0).contains("other features"));
        assert!(changed(|a| a.scores[0] = 1.5).contains("other scores"));
    }
}
