//! The sixth step, first half: findings rolled up to suggestions, each with its places in the text
//! and its verdict.

use phagen_domain::{
    evidence::EvidenceId,
    finding::{Finding, Ground, Stance},
    suggestion::{Basis, Suggestion},
};
use phagen_ranking::{EvidenceStance, RollUp, roll_up, select};

use crate::{
    assess::{self, Case, Gap, Said, level::Outcome},
    claims::Sources,
    labels::Labels,
    names::Names,
    unite::United,
    vocabulary::MeshVocabulary,
};

/// Suggestions kept, by what they are.
const MAX_NEW_USES: usize = 15;
const MAX_KNOWN_USES: usize = 10;
const MAX_NAMED: usize = 5;
const MAX_CAUSED: usize = 5;

/// Places shown of one piece of evidence, and of one suggestion.
const MAX_BASIS_PER_EVIDENCE: usize = 2;
const MAX_BASIS: usize = 12;

/// What the host knows when it rolls findings up.
pub(crate) struct Context<'a> {
    pub sources: &'a Sources<'a>,
    pub vocabulary: &'a MeshVocabulary,
    pub names: &'a Names,
    pub gaps: &'a [Gap],
    /// Some kept label is the molecule's own.
    pub has_label: bool,
    /// Regulators that approved the molecule for some use.
    pub approved_by: &'a [String],
}

/// Suggestions, best first: uses, then diseases merely named, then those the molecule causes.
pub(crate) fn suggest(united: &United, context: &Context<'_>) -> Vec<Suggestion> {
    let findings = united.findings();
    let claims = context.sources.claims(findings);
    let weight_of = |id: &EvidenceId| {
        let source = context.sources.get(id);
        source.map_or(0.0, |source| source.level.reliability())
    };
    let rolls = roll_up(&claims, weight_of, |id| context.vocabulary.descriptor(id));
    let labels = Labels::read(&claims, context.sources, context.vocabulary);
    let mut suggestions: Vec<Suggestion> = Vec::new();
    let mut room = Room::default();
    for roll in select(rolls) {
        let uses = labels.uses(&roll.descriptor);
        if room.take(roll.stance, !uses.is_empty()) {
            let case = Case {
                descriptor: &roll.descriptor,
                stance: roll.stance,
                said: said(&roll, findings, &claims, context),
                label_warnings: labels.warnings(&roll.descriptor),
                label_uses: uses,
                gaps: context.gaps,
                approved_elsewhere: !context.has_label && !context.approved_by.is_empty(),
            };
            suggestions.push(suggestion(
                &roll,
                &case,
                &Claims {
                    united,
                    claims: &claims,
                },
                context,
            ));
        }
    }
    for (rank, suggestion) in (1..).zip(&mut suggestions) {
        suggestion.rank = rank;
    }
    suggestions
}

/// What the mappers found, as far as it holds.
struct Claims<'a> {
    united: &'a United,
    /// In the order of the findings.
    claims: &'a [Finding],
}

/// How many of each sort still fit.
struct Room {
    new_uses: usize,
    known_uses: usize,
    named: usize,
    caused: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            new_uses: MAX_NEW_USES,
            known_uses: MAX_KNOWN_USES,
            named: MAX_NAMED,
            caused: MAX_CAUSED,
        }
    }
}

impl Room {
    fn take(&mut self, stance: Stance, known_use: bool) -> bool {
        let left = match stance {
            Stance::Treats if known_use => &mut self.known_uses,
            Stance::Treats => &mut self.new_uses,
            Stance::Neither => &mut self.named,
            Stance::Causes => &mut self.caused,
        };
        let fits = *left > 0;
        *left = left.saturating_sub(1);
        fits
    }
}

/// What each piece of evidence says of the pair, with what came out by its own words.
fn said(
    roll: &RollUp,
    findings: &[Finding],
    claims: &[Finding],
    context: &Context<'_>,
) -> Vec<Said> {
    roll.evidence
        .iter()
        .filter_map(|evidence| {
            let source = context.sources.get(&evidence.evidence_id)?;
            let of_pair = evidence
                .findings
                .iter()
                .map(|&index| (&findings[index], &claims[index]));
            Some(Said {
                evidence_id: evidence.evidence_id.clone(),
                stance: evidence.stance,
                negated: evidence.negated,
                level: source.level,
                outcome: outcome_of(evidence.stance, of_pair, context),
                trial: source.trial,
            })
        })
        .collect()
}

/// Positive when a sentence that claims the use says that it worked and none says that it failed;
/// null when no claim stands and a sentence that names the molecule, or was read as a claim, says
/// that it failed.
fn outcome_of<'f>(
    stance: Stance,
    of_pair: impl Iterator<Item = (&'f Finding, &'f Finding)>,
    context: &Context<'_>,
) -> Outcome {
    let (mut worked, mut failed) = (false, false);
    for (finding, claim) in of_pair {
        let was_read_as_use = finding.stance == Stance::Treats;
        let concerns = was_read_as_use
            || context
                .sources
                .sentence(finding)
                .is_some_and(|sentence| context.names.is_in(sentence.text));
        match context.sources.outcome(finding) {
            Outcome::Positive if claim.stance == Stance::Treats && !claim.negated => worked = true,
            Outcome::Null if concerns => failed = true,
            _ => {}
        }
    }
    match (stance, worked, failed) {
        (Stance::Treats, true, false) => Outcome::Positive,
        (Stance::Causes | Stance::Neither, _, true) => Outcome::Null,
        _ => Outcome::Unclear,
    }
}

fn suggestion(
    roll: &RollUp,
    case: &Case<'_>,
    claims: &Claims<'_>,
    context: &Context<'_>,
) -> Suggestion {
    Suggestion {
        rank: 0,
        disease: roll.descriptor.name.clone(),
        mesh_id: roll.descriptor.mesh_id.clone(),
        tree_numbers: roll.descriptor.tree_numbers.clone(),
        score: as_f32(roll.score),
        stance: roll.stance,
        stance_counts: roll.counts,
        known_use: !case.label_uses.is_empty(),
        basis: basis(roll, claims, context),
        evidence_ids: roll
            .evidence
            .iter()
            .map(|e| e.evidence_id.clone())
            .collect(),
        assessment: assess::assess(case),
    }
}

/// The places that speak, those of the prevailing stance first.
fn basis(roll: &RollUp, claims: &Claims<'_>, context: &Context<'_>) -> Vec<Basis> {
    let mut evidence: Vec<&EvidenceStance> = roll.evidence.iter().collect();
    evidence.sort_by_key(|said| (said.negated, said.stance != roll.stance));
    let mut places = Vec::new();
    for said in evidence {
        let mut seen = Vec::new();
        for index in clearest_first(said, claims.claims, context) {
            let claim = &claims.claims[index];
            let sentence = context.sources.sentence(claim);
            let at = sentence.map(|s| (s.span.passage, s.span.start));
            if seen.len() >= MAX_BASIS_PER_EVIDENCE || (at.is_some() && seen.contains(&at)) {
                continue;
            }
            seen.push(at);
            let (span, note) = match &claim.ground {
                Ground::Span(span) => (Some(*span), None),
                Ground::Basis(words) => (None, Some(words.clone())),
            };
            places.push(Basis {
                evidence_id: claim.evidence_id.clone(),
                span,
                matched_text: claim.matched_text.clone(),
                quote: sentence.map(|sentence| sentence.text.to_owned()),
                note,
                stance: claim.stance,
                negated: claim.negated,
                score: claim.score,
                mappers: claims.united.by(index).to_vec(),
            });
        }
    }
    places.truncate(MAX_BASIS);
    places
}

/// The findings of one piece of evidence: those of its stance, then those in a sentence that names
/// the molecule, then the surest.
fn clearest_first(said: &EvidenceStance, claims: &[Finding], context: &Context<'_>) -> Vec<usize> {
    let mut found: Vec<(bool, bool, usize)> = said
        .findings
        .iter()
        .map(|&index| {
            let claim = &claims[index];
            let sentence = context.sources.sentence(claim);
            let is_named = sentence.is_some_and(|sentence| context.names.is_in(sentence.text));
            (
                claim.negated || claim.stance != said.stance,
                !is_named,
                index,
            )
        })
        .collect();
    found.sort_by(|a, b| {
        (a.0, a.1)
            .cmp(&(b.0, b.1))
            .then(claims[b.2].score.total_cmp(&claims[a.2].score))
    });
    found.into_iter().map(|(_, _, index)| index).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a score in 0..=1 orders a list; f32 keeps enough of it"
)]
fn as_f32(score: f64) -> f32 {
    score as f32
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use phagen_domain::{
        digest::Digest,
        evidence::{Attribute, Evidence, EvidenceKind, Passage},
        finding::Span,
        mesh::{Descriptor, MeshId},
        molecule::Molecule,
        result::RankedEvidence,
    };
    use phagen_ranking::is_ancestor;

    use super::*;
    use crate::unite::Findings;

    fn vocabulary() -> MeshVocabulary {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/vocabulary");
        MeshVocabulary::read(&folder).unwrap()
    }

    /// The first `n` diseases of which none is a form of another.
    fn unrelated(vocabulary: &MeshVocabulary, n: usize) -> Vec<MeshId> {
        let mut chosen: Vec<&Descriptor> = Vec::new();
        for number in 1_000..20_000 {
            let id = format!("D{number:06}").parse().unwrap();
            let found = vocabulary.descriptor(&id).filter(|found| {
                let mut places = found.tree_numbers.iter();
                !found.tree_numbers.is_empty()
                    && places.all(|place| !place.starts_with("C23") && !place.starts_with("C25"))
                    && chosen
                        .iter()
                        .all(|other| !is_ancestor(other, found) && !is_ancestor(found, other))
            });
            chosen.extend(found);
            if chosen.len() == n {
                break;
            }
        }
        assert_eq!(chosen.len(), n);
        chosen.iter().map(|found| found.mesh_id.clone()).collect()
    }

    /// Evidence of `texts`, a passage each, that is the molecule's own where it is a label.
    fn evidence(id: u64, kind: EvidenceKind, texts: &[&str]) -> RankedEvidence {
        let passage = |(ordinal, text): (u32, &&str)| Passage {
            ordinal,
            section: None,
            text: (*text).to_owned(),
        };
        RankedEvidence {
            text_digest: Digest::of(b""),
            evidence: Evidence {
                evidence_id: EvidenceId::pubmed(id),
                kind,
                title: "A document".to_owned(),
                citation: String::new(),
                url: None,
                date: None,
                passages: (1..).zip(texts).map(passage).collect(),
                attributes: vec![Attribute {
                    key: "drugs".to_owned(),
                    value: "Aspirin".to_owned(),
                }],
            },
            rank: 1,
            score: 0.0,
            signals: vec![],
            features: vec![],
            provenance: vec![],
            same_text_as: vec![],
        }
    }

    /// A finding on the first word of a passage.
    fn finding(id: u64, passage: u32, mesh_id: &MeshId, stance: Stance) -> Finding {
        Finding {
            evidence_id: EvidenceId::pubmed(id),
            ground: Ground::Span(Span {
                passage,
                start: 0,
                end: 4,
            }),
            mesh_id: mesh_id.clone(),
            matched_text: "This".to_owned(),
            negated: false,
            stance,
            score: 0.9,
        }
    }

    fn suggested(
        kept: &[RankedEvidence],
        findings: &[Finding],
        vocabulary: &MeshVocabulary,
    ) -> Vec<Suggestion> {
        let names = Names::of(&Molecule {
            name: "aspirin".to_owned(),
            ..Molecule::default()
        });
        let context = Context {
            sources: &Sources::of(kept, &names),
            vocabulary,
            names: &names,
            gaps: &[],
            has_label: true,
            approved_by: &[],
        };
        let findings = Arc::new(Findings(findings.to_vec()));
        let united = United::of(vec![(Digest::of(b"mapper"), findings)]);
        suggest(&united, &context)
    }

    #[test]
    fn suggestions_are_bounded_by_what_they_are() {
        let sorts = [
            (MAX_NEW_USES, Stance::Treats, EvidenceKind::Literature),
            (MAX_KNOWN_USES, Stance::Treats, EvidenceKind::Regulatory),
            (MAX_NAMED, Stance::Neither, EvidenceKind::Literature),
            (MAX_CAUSED, Stance::Causes, EvidenceKind::Literature),
        ];
        let one_too_many = sorts
            .iter()
            .flat_map(|&(n_most, stance, kind)| std::iter::repeat_n((stance, kind), n_most + 1));
        let said: Vec<(Stance, EvidenceKind)> = one_too_many.collect();
        let vocabulary = vocabulary();
        let diseases = unrelated(&vocabulary, said.len());
        let (mut kept, mut findings) = (Vec::new(), Vec::new());
        for (id, (&(stance, kind), disease)) in (1..).zip(said.iter().zip(&diseases)) {
            kept.push(evidence(id, kind, &["This was told of aspirin."]));
            findings.push(finding(id, 1, disease, stance));
        }

        let suggestions = suggested(&kept, &findings, &vocabulary);
        let n_of = |stance: Stance, known_use: bool| {
            let of_sort = |s: &&Suggestion| s.stance == stance && s.known_use == known_use;
            suggestions.iter().filter(of_sort).count()
        };
        assert_eq!(n_of(Stance::Treats, false), 15);
        assert_eq!(n_of(Stance::Treats, true), 10);
        assert_eq!(n_of(Stance::Neither, false), 5);
        assert_eq!(n_of(Stance::Causes, false), 5);
        let ranks: Vec<u32> = suggestions.iter().map(|s| s.rank).collect();
        assert_eq!(ranks, (1..=35).collect::<Vec<u32>>());
    }

    #[test]
    fn a_suggestion_shows_two_places_of_each_evidence_and_twelve_in_all() {
        let vocabulary = vocabulary();
        let disease = &unrelated(&vocabulary, 1)[0];
        let texts = ["This was told of aspirin."; 3];
        let n_shown = |n_evidence: u64| {
            let (mut kept, mut findings) = (Vec::new(), Vec::new());
            for id in 1..=n_evidence {
                kept.push(evidence(id, EvidenceKind::Literature, &texts));
                findings.extend((1..=3).map(|at| finding(id, at, disease, Stance::Treats)));
            }
            suggested(&kept, &findings, &vocabulary)[0].basis.len()
        };
        assert_eq!([1, 6, 7].map(n_shown), [2, 12, 12]);
    }
}
