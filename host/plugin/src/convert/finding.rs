//! Findings of a mapper, checked against the very text it was given.

use std::collections::HashMap;

use phagen_domain::{
    evidence::Passage,
    finding::{Finding, Ground, Span, Stance},
    mesh::InvalidMeshId,
};

use crate::{bindings::v0_1_0::mapping, slot::Document};

/// A mapper's findings in `documents`, or what is wrong with the first that is wrong. Without a
/// molecule there is nothing to take a stance on.
pub(crate) fn findings(
    findings: Vec<mapping::Finding>,
    documents: &[Document],
    has_molecule: bool,
) -> Result<Vec<Finding>, String> {
    let given: HashMap<&str, &Document> = documents
        .iter()
        .map(|document| (document.evidence_id.as_str(), document))
        .collect();
    findings
        .into_iter()
        .map(|finding| {
            let document = given
                .get(finding.evidence_id.as_str())
                .ok_or_else(|| format!("evidence `{}` was not given", finding.evidence_id))?;
            check(finding, document, has_molecule)
        })
        .collect()
}

fn check(
    finding: mapping::Finding,
    document: &Document,
    has_molecule: bool,
) -> Result<Finding, String> {
    let id = &document.evidence_id;
    if !finding.score.is_finite() {
        return Err(format!("a score of {} in `{id}`", finding.score));
    }
    let stance = Stance::from_name(&finding.stance);
    if !has_molecule && stance != Stance::Neither {
        return Err(format!(
            "stance `{stance}` in `{id}` on no molecule",
            stance = finding.stance
        ));
    }
    let mesh_id = finding
        .mesh_id
        .parse()
        .map_err(|error: InvalidMeshId| format!("in `{id}`: {error}"))?;
    let ground = match finding.ground {
        mapping::Ground::Span(span) => {
            Ground::Span(check_span(span, &finding.matched_text, document)?)
        }
        mapping::Ground::Basis(basis) if basis.trim().is_empty() => {
            return Err(format!(
                "`{mesh_id}` in `{id}` has neither a span nor a basis"
            ));
        }
        mapping::Ground::Basis(basis) => Ground::Basis(basis),
    };
    Ok(Finding {
        evidence_id: id.clone(),
        ground,
        mesh_id,
        matched_text: finding.matched_text,
        negated: finding.negated,
        stance,
        score: finding.score,
    })
}

fn check_span(
    span: mapping::Span,
    matched_text: &str,
    document: &Document,
) -> Result<Span, String> {
    let span = Span {
        passage: span.passage,
        start: span.start,
        end: span.end,
    };
    let at = format!(
        "{}..{} of `{}`",
        span.start,
        span.end,
        document.evidence_id.passage(span.passage)
    );
    let passage = find_passage(&document.passages, span.passage)
        .ok_or_else(|| format!("a span at {at}, a passage that was not given"))?;
    let text = span
        .of(&passage.text)
        .ok_or_else(|| format!("a span at {at}, which leaves the text or splits a character"))?;
    if text.is_empty() {
        return Err(format!("an empty span at {at}"));
    }
    if text != matched_text {
        return Err(format!(
            "`{matched_text}` for {at}, where the text is `{text}`"
        ));
    }
    Ok(span)
}

/// Mostly the ordinal is the index, title first.
fn find_passage(passages: &[Passage], ordinal: u32) -> Option<&Passage> {
    passages
        .get(ordinal as usize)
        .filter(|passage| passage.ordinal == ordinal)
        .or_else(|| passages.iter().find(|passage| passage.ordinal == ordinal))
}

impl From<Finding> for mapping::Finding {
    fn from(finding: Finding) -> Self {
        Self {
            evidence_id: finding.evidence_id.into(),
            ground: match finding.ground {
                Ground::Span(span) => mapping::Ground::Span(mapping::Span {
                    passage: span.passage,
                    start: span.start,
                    end: span.end,
                }),
                Ground::Basis(basis) => mapping::Ground::Basis(basis),
            },
            mesh_id: finding.mesh_id.into(),
            matched_text: finding.matched_text,
            negated: finding.negated,
            stance: finding.stance.as_str().to_owned(),
            score: finding.score,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn documents() -> Vec<Document> {
        let passage = |ordinal, text: &str| Passage {
            ordinal,
            section: None,
            text: text.to_owned(),
        };
        vec![Document {
            evidence_id: "PMID:1".parse().unwrap(),
            passages: vec![
                passage(0, "Title"),
                passage(2, "Ménière disease, untreated"),
            ],
        }]
    }

    fn finding() -> mapping::Finding {
        mapping::Finding {
            evidence_id: "PMID:1".to_owned(),
            ground: mapping::Ground::Span(mapping::Span {
                passage: 2,
                start: 0,
                end: 17,
            }),
            mesh_id: "D008575".to_owned(),
            matched_text: "Ménière disease".to_owned(),
            negated: false,
            stance: "treats".to_owned(),
            score: 1.0,
        }
    }

    fn span(passage: u32, start: u32, end: u32) -> mapping::Ground {
        mapping::Ground::Span(mapping::Span {
            passage,
            start,
            end,
        })
    }

    type Change = fn(&mut mapping::Finding);

    fn refused(change: Change) -> String {
        let mut broken = finding();
        change(&mut broken);
        findings(vec![finding(), broken], &documents(), true).unwrap_err()
    }

    #[test]
    fn a_span_must_hold_the_words_it_names() {
        assert!(findings(vec![finding()], &documents(), true).is_ok());
        let cases: [(Change, &str); 7] = [
            (
                |f| f.ground = span(1, 0, 17),
                "a passage that was not given",
            ),
            (|f| f.ground = span(2, 0, 99), "leaves the text"),
            (|f| f.ground = span(2, 0, 2), "splits a character"),
            (|f| f.ground = span(2, 17, 0), "leaves the text"),
            (|f| f.ground = span(2, 3, 3), "an empty span"),
            (|f| f.ground = span(2, 0, 16), "where the text is"),
            (
                |f| f.ground = mapping::Ground::Basis(" ".to_owned()),
                "neither a span nor a basis",
            ),
        ];
        for (change, named) in cases {
            let what = refused(change);
            assert!(what.contains(named), "{what}");
        }
    }

    #[test]
    fn ids_and_scores_must_be_what_they_are_called() {
        let cases: [(Change, &str); 3] = [
            (
                |f| f.evidence_id = "PMID:2".to_owned(),
                "`PMID:2` was not given",
            ),
            (
                |f| f.mesh_id = "OMIM:1".to_owned(),
                "`OMIM:1` is not a MeSH id",
            ),
            (|f| f.score = f32::INFINITY, "a score of inf"),
        ];
        for (change, named) in cases {
            let what = refused(change);
            assert!(what.contains(named), "{what}");
        }
    }

    #[test]
    fn without_a_molecule_a_mapper_only_recognises() {
        let what = findings(vec![finding()], &documents(), false).unwrap_err();
        assert!(what.contains("on no molecule"), "{what}");
        let neither = mapping::Finding {
            stance: "neither".to_owned(),
            ..finding()
        };
        assert!(findings(vec![neither], &documents(), false).is_ok());
    }

    #[test]
    fn an_unknown_stance_claims_nothing() {
        let odd = mapping::Finding {
            stance: "cures".to_owned(),
            ..finding()
        };
        let found = findings(vec![odd], &documents(), true).unwrap();
        assert_eq!(found[0].stance, Stance::Neither);
    }

    proptest! {
        #[test]
        fn a_finding_crosses_twice_unchanged(
            (passage, start, end) in prop_oneof![Just((0_usize, 0_u32, 5_u32)), Just((1, 9, 17)), Just((1, 10, 26))],
            stance in prop_oneof![Just(Stance::Treats), Just(Stance::Causes), Just(Stance::Neither)],
            basis in proptest::option::of("[a-z]{1,9}"),
            negated: bool,
            score in -1e9_f32..1e9,
        ) {
            let documents = documents();
            let passage = &documents[0].passages[passage];
            let span = Span { passage: passage.ordinal, start, end };
            prop_assume!(span.of(&passage.text).is_some());
            let given = Finding {
                evidence_id: documents[0].evidence_id.clone(),
                ground: basis.map_or(Ground::Span(span), Ground::Basis),
                mesh_id: "D008575".parse().unwrap(),
                matched_text: span.of(&passage.text).unwrap().to_owned(),
                negated,
                stance,
                score,
            };
            let there = mapping::Finding::from(given.clone());
            prop_assert_eq!(findings(vec![there], &documents, true), Ok(vec![given]));
        }
    }
}
