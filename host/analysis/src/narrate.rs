//! The last step: the story in sentences from templates. Each rests on quoted places, or counts
//! what was found; none says more than its evidence does.

use std::fmt::Write as _;

use phagen_domain::{
    assessment::Assessment,
    digest::Digest,
    evidence::EvidenceKind,
    finding::Stance,
    result::{JobResult, SourceStatus},
    story::{Quote, Sentence},
    suggestion::{Basis, Suggestion},
};

use crate::{claims::kept, sentence};

/// Suggestions told of each sort.
const MAX_TOLD: usize = 3;

/// Places quoted in one sentence.
const MAX_QUOTES: usize = 2;

/// Tells a result whose evidence, suggestions and recommendation stand.
pub(crate) fn narrate(result: &JobResult) -> Vec<Sentence> {
    let mut story = vec![counted(result)];
    let of = |which: fn(&Suggestion) -> bool| {
        let all = result.repurposing_suggestions.iter();
        all.filter(move |s| which(s)).take(MAX_TOLD)
    };
    for suggestion in of(|s| s.stance == Stance::Treats && !s.known_use) {
        story.extend(new_use(result, suggestion));
    }
    for suggestion in of(|s| s.known_use) {
        story.extend(told(
            result,
            suggestion,
            format!("{} is a known use", named(suggestion)),
        ));
    }
    for suggestion in of(|s| s.stance == Stance::Causes) {
        story.extend(told(
            result,
            suggestion,
            format!("{} is told as harm, not as a use", named(suggestion)),
        ));
    }
    story.push(recommended(result, &result.recommendation));
    story
}

fn counted(result: &JobResult) -> Sentence {
    let n_asked = result
        .sources
        .iter()
        .filter(|source| source.status != SourceStatus::NotAsked)
        .count();
    let n_answered = result
        .sources
        .iter()
        .filter(|s| matches!(s.status, SourceStatus::Found | SourceStatus::Empty))
        .count();
    let name = &result.molecule.name;
    let n_kept = kept(result).count();
    let mut text = format!("{n_answered} of {n_asked} sources answered");
    if n_kept == 0 {
        let _ = write!(text, ", and no evidence that names {name} was found.");
    } else {
        let kinds: Vec<String> = EvidenceKind::ALL
            .iter()
            .filter_map(|kind| Some((kind, result.evidence.get(kind)?.len())))
            .filter(|(_, n)| *n > 0)
            .map(|(kind, n)| format!("{n} {kind}"))
            .collect();
        let _ = write!(
            text,
            "; {n_kept} pieces of evidence that name {name} were kept: {}.",
            kinds.join(", ")
        );
    }
    Sentence {
        text,
        quotes: Vec::new(),
        struck: false,
    }
}

fn new_use(result: &JobResult, suggestion: &Suggestion) -> Option<Sentence> {
    let counts = suggestion.stance_counts;
    let mut opening = format!(
        "For {}, {} for a use",
        named(suggestion),
        match counts.treats {
            1 => "1 piece of evidence speaks".to_owned(),
            n => format!("{n} pieces of evidence speak"),
        }
    );
    if counts.causes > 0 {
        let _ = write!(opening, " and {} of harm", counts.causes);
    }
    told(result, suggestion, opening)
}

/// `opening`, then what the first places of the suggestion's own stance say; none without a place.
fn told(result: &JobResult, suggestion: &Suggestion, opening: String) -> Option<Sentence> {
    let quotes = quotes(result, suggestion);
    let mut text = opening;
    for (index, (quote, words)) in quotes.iter().enumerate() {
        let joint = if index == 0 { ": " } else { "; " };
        let _ = write!(text, "{joint}{} says “{words}”", quote.evidence_id);
    }
    text.push('.');
    (!quotes.is_empty()).then(|| Sentence {
        text,
        quotes: quotes.into_iter().map(|(quote, _)| quote).collect(),
        struck: false,
    })
}

fn recommended(result: &JobResult, recommendation: &Assessment) -> Sentence {
    let about = recommendation
        .disease
        .as_ref()
        .map_or_else(String::new, |disease| format!(" for {disease}"));
    let suggestion = result
        .repurposing_suggestions
        .iter()
        .find(|s| Some(&s.mesh_id) == recommendation.mesh_id.as_ref());
    let quotes = suggestion.map_or_else(Vec::new, |suggestion| {
        cited(result, suggestion, recommendation)
    });
    Sentence {
        text: format!(
            "Recommendation{about}: {} (gate {}): {}.",
            recommendation.label.as_str(),
            recommendation.gate,
            recommendation.reasons.join("; ")
        ),
        quotes,
        struck: false,
    }
}

/// The places that the verdict rests on: those of its inputs, the deciding input first.
fn cited(result: &JobResult, suggestion: &Suggestion, verdict: &Assessment) -> Vec<Quote> {
    let mut quoted: Vec<Quote> = Vec::new();
    for id in verdict.inputs.iter().flat_map(|input| &input.evidence_ids) {
        let is_new = quoted.iter().all(|quote| &quote.evidence_id != id);
        if quoted.len() < MAX_QUOTES && is_new {
            let place = suggestion
                .basis
                .iter()
                .find(|place| &place.evidence_id == id);
            quoted.extend(
                place
                    .and_then(|place| quote(result, place))
                    .map(|(quote, _)| quote),
            );
        }
    }
    quoted
}

/// The first places of the stance that is told, one per piece of evidence, with their words.
fn quotes<'a>(result: &'a JobResult, suggestion: &Suggestion) -> Vec<(Quote, &'a str)> {
    let stance = if suggestion.known_use {
        Stance::Treats
    } else {
        suggestion.stance
    };
    let mut quoted: Vec<(Quote, &str)> = Vec::new();
    for place in &suggestion.basis {
        let is_new = quoted
            .iter()
            .all(|(quote, _)| quote.evidence_id != place.evidence_id);
        if quoted.len() < MAX_QUOTES && is_new && place.stance == stance && !place.negated {
            quoted.extend(quote(result, place));
        }
    }
    quoted
}

fn quote<'a>(result: &'a JobResult, place: &Basis) -> Option<(Quote, &'a str)> {
    let mut span = place.span?;
    let evidence = result.find_evidence(&place.evidence_id)?;
    let text = evidence.evidence.text_of(span.passage)?;
    span.of(text)?;
    let range = sentence::around(text, span.start as usize..span.end as usize);
    span.start = u32::try_from(range.start).ok()?;
    span.end = u32::try_from(range.end).ok()?;
    let words = &text[range];
    let quote = Quote {
        evidence_id: place.evidence_id.clone(),
        span,
        digest: Digest::of(words.as_bytes()),
    };
    Some((quote, words))
}

fn named(suggestion: &Suggestion) -> String {
    format!("{} ({})", suggestion.disease, suggestion.mesh_id)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use chrono::NaiveDate;
    use phagen_domain::{
        assessment::GateInput,
        evidence::{Evidence, EvidenceId, Passage},
        finding::Span,
        molecule::ResolvedMolecule,
        result::{RankedEvidence, Reranking, Versions},
        suggestion::StanceCounts,
    };

    use super::*;
    use crate::assess;

    const TEXT: &str = "Nine men came. Aspirin cured gout in all. They left.";

    /// A result in which one piece of evidence speaks for one use.
    pub(crate) fn result_with_one_use() -> JobResult {
        let mut result = empty_result();
        let evidence = Evidence {
            evidence_id: EvidenceId::pubmed(1),
            kind: EvidenceKind::Literature,
            title: "Aspirin".to_owned(),
            citation: String::new(),
            url: None,
            date: None,
            passages: vec![Passage {
                ordinal: 1,
                section: None,
                text: TEXT.to_owned(),
            }],
            attributes: vec![],
        };
        let ranked = RankedEvidence {
            text_digest: evidence.text_digest(),
            evidence,
            rank: 1,
            score: 1.0,
            signals: vec![],
            features: vec![],
            provenance: vec![],
            same_text_as: vec![],
        };
        result
            .evidence
            .insert(EvidenceKind::Literature, vec![ranked]);
        result.repurposing_suggestions = vec![suggestion()];
        result.recommendation = result.repurposing_suggestions[0].assessment.clone();
        result.innovation_story = narrate(&result);
        result
    }

    pub(crate) fn use_of(result: &mut JobResult) -> &mut RankedEvidence {
        result
            .evidence
            .values_mut()
            .flatten()
            .next()
            .expect("it has one piece of evidence")
    }

    fn empty_result() -> JobResult {
        let digest = Digest::of(b"");
        JobResult {
            molecule: ResolvedMolecule {
                name: "aspirin".to_owned(),
                preferred_name: None,
                drug_id: None,
                synonyms: vec![],
                smiles: None,
                inchi_key: None,
                properties: None,
                mechanism: None,
                targets: vec![],
                approved_by: vec![],
                also_named: vec![],
                notes: vec![],
            },
            as_of: NaiveDate::default(),
            evidence: BTreeMap::new(),
            reranking: Reranking {
                slot: "reranker".parse().unwrap(),
                plugin_digest: digest,
                artifact_digest: None,
                feature_names: vec![],
            },
            repurposing_suggestions: vec![],
            recommendation: assess::recommend("aspirin", &[], 0, &[]),
            innovation_story: vec![],
            sources: vec![],
            degraded: false,
            warnings: vec![],
            timings: BTreeMap::new(),
            versions: Versions {
                phagen: String::new(),
                wasmtime: String::new(),
                contract: String::new(),
                rule_set: String::new(),
                vocabulary_digest: digest,
                drug_list_digest: digest,
                corpus_generation: 0,
                corpus_digest: None,
                slots: vec![],
            },
            recording: None,
        }
    }

    fn suggestion() -> Suggestion {
        let start = u32::try_from(TEXT.find("gout").unwrap()).unwrap();
        let mut assessment = assess::recommend("aspirin", &[], 1, &[]);
        assessment.disease = Some("Gout".to_owned());
        assessment.mesh_id = Some("D006073".parse().unwrap());
        assessment.inputs = vec![GateInput {
            name: "supporting".to_owned(),
            evidence_ids: vec![EvidenceId::pubmed(1)],
        }];
        Suggestion {
            rank: 1,
            disease: "Gout".to_owned(),
            mesh_id: "D006073".parse().unwrap(),
            tree_numbers: vec![],
            score: 0.5,
            stance: Stance::Treats,
            stance_counts: StanceCounts {
                treats: 1,
                ..StanceCounts::default()
            },
            known_use: false,
            basis: vec![Basis {
                evidence_id: EvidenceId::pubmed(1),
                span: Some(Span {
                    passage: 1,
                    start,
                    end: start + 4,
                }),
                matched_text: "gout".to_owned(),
                quote: None,
                note: None,
                stance: Stance::Treats,
                negated: false,
                score: 1.0,
                mappers: vec![Digest::of(b"mapper")],
            }],
            evidence_ids: vec![EvidenceId::pubmed(1)],
            assessment,
        }
    }

    #[test]
    fn a_sentence_quotes_what_it_rests_on() {
        let result = result_with_one_use();
        let told = &result.innovation_story[1];
        assert_eq!(
            told.text,
            "For Gout (D006073), 1 piece of evidence speaks for a use: PMID:1 says “Aspirin cured gout in all.”."
        );
        let span = told.quotes[0].span;
        assert_eq!(span.of(TEXT), Some("Aspirin cured gout in all."));
    }

    #[test]
    fn nothing_found_is_told_as_such() {
        let story = narrate(&empty_result());
        assert_eq!(
            story[0].text,
            "0 of 0 sources answered, and no evidence that names aspirin was found."
        );
        assert!(story.iter().all(|sentence| sentence.quotes.is_empty()));
        assert!(
            story[1]
                .text
                .starts_with("Recommendation: insufficient_evidence")
        );
    }

    #[test]
    fn at_most_three_suggestions_of_each_sort_are_told() {
        let mut result = result_with_one_use();
        let suggestion = suggestion();
        let known = Suggestion {
            known_use: true,
            ..suggestion.clone()
        };
        let mut harm = suggestion.clone();
        harm.stance = Stance::Causes;
        harm.basis[0].stance = Stance::Causes;
        let sorts = [suggestion, known, harm];
        let four_each = sorts.iter().flat_map(|one| std::iter::repeat_n(one, 4));
        result.repurposing_suggestions = four_each.cloned().collect();
        let story = narrate(&result);
        let n_told = |words: &str| story.iter().filter(|s| s.text.contains(words)).count();
        assert_eq!(n_told("for a use"), 3);
        assert_eq!(n_told("is a known use"), 3);
        assert_eq!(n_told("is told as harm"), 3);
    }

    #[test]
    fn a_sentence_quotes_at_most_two_places() {
        let mut result = result_with_one_use();
        for id in [2, 3].map(EvidenceId::pubmed) {
            let mut ranked = use_of(&mut result).clone();
            ranked.evidence.evidence_id = id.clone();
            let kept = result.evidence.values_mut().next().unwrap();
            kept.push(ranked);
            let suggestion = &mut result.repurposing_suggestions[0];
            let mut place = suggestion.basis[0].clone();
            place.evidence_id = id.clone();
            suggestion.basis.push(place);
            result.recommendation.inputs[0].evidence_ids.push(id);
        }
        let story = narrate(&result);
        let n_quotes: Vec<usize> = story.iter().map(|s| s.quotes.len()).collect();
        // The count, the use, and the recommendation.
        assert_eq!(n_quotes, [0, 2, 2]);
    }
}
