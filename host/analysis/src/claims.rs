//! What findings may claim. A mapper reads sentences; what the host knows of the evidence around
//! them can take a claim back, and never adds one.

use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use phagen_domain::{
    evidence::{EvidenceId, EvidenceKind},
    finding::{Finding, Ground, Span, Stance},
    result::{JobResult, RankedEvidence},
};

use crate::{
    assess::{
        level::{Level, Outcome, is_question, outcome},
        trial::{self, Fate, TrialFacts},
    },
    names::Names,
    sentence,
};

/// Kept evidence with what the host reads from it.
pub(crate) struct Source<'a> {
    pub ranked: &'a RankedEvidence,
    /// The evidence is about the molecule, and does not only mention it.
    pub is_subject: bool,
    pub level: Level,
    pub trial: Option<TrialFacts>,
}

/// The kept evidence of a job, by id.
pub(crate) struct Sources<'a> {
    by_id: BTreeMap<&'a EvidenceId, Source<'a>>,
    names: &'a Names,
}

/// A sentence in its evidence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sentence<'a> {
    pub span: Span,
    pub text: &'a str,
}

impl<'a> Sources<'a> {
    pub(crate) fn of(kept: impl IntoIterator<Item = &'a RankedEvidence>, names: &'a Names) -> Self {
        let read = |ranked: &'a RankedEvidence| {
            let is_subject = names.is_subject_of(&ranked.evidence);
            let source = Source {
                ranked,
                is_subject,
                level: Level::of(&ranked.evidence, is_subject),
                trial: trial::facts(&ranked.evidence),
            };
            (&ranked.evidence.evidence_id, source)
        };
        Self {
            by_id: kept.into_iter().map(read).collect(),
            names,
        }
    }

    pub(crate) fn get(&self, id: &EvidenceId) -> Option<&Source<'a>> {
        self.by_id.get(id)
    }

    /// Whether some label is the molecule's own.
    pub(crate) fn has_label(&self) -> bool {
        self.by_id
            .values()
            .any(|source| source.level == Level::Label)
    }

    /// The sentence a finding stands in; none when it stands in no text.
    pub(crate) fn sentence(&self, finding: &Finding) -> Option<Sentence<'a>> {
        let Ground::Span(span) = &finding.ground else {
            return None;
        };
        let text = self
            .get(&finding.evidence_id)?
            .ranked
            .evidence
            .text_of(span.passage)?;
        span.of(text)?;
        let place: Range<usize> = sentence::around(text, span.start as usize..span.end as usize);
        Some(Sentence {
            span: Span {
                passage: span.passage,
                start: u32::try_from(place.start).ok()?,
                end: u32::try_from(place.end).ok()?,
            },
            text: &text[place],
        })
    }

    /// The heading a finding stands under, in lower case.
    pub(crate) fn section(&self, finding: &Finding) -> Option<String> {
        let Ground::Span(span) = &finding.ground else {
            return None;
        };
        let evidence = &self.get(&finding.evidence_id)?.ranked.evidence;
        let passage = evidence
            .passages
            .iter()
            .find(|p| p.ordinal == span.passage)?;
        passage
            .section
            .as_ref()
            .map(|section| section.to_lowercase())
    }

    /// The findings with the claims that hold; a claim that does not becomes `neither`.
    pub(crate) fn claims<'f>(&self, findings: &'f [Finding]) -> Cow<'f, [Finding]> {
        let mut claims = Cow::Borrowed(findings);
        for (index, finding) in findings.iter().enumerate() {
            let holds = match finding.stance {
                Stance::Treats => self.may_claim_use(finding),
                Stance::Causes => self.may_claim_harm(finding),
                Stance::Neither => true,
            };
            if !holds {
                claims.to_mut()[index].stance = Stance::Neither;
            }
        }
        claims
    }

    /// What the sentence of a finding says came out.
    pub(crate) fn outcome(&self, finding: &Finding) -> Outcome {
        self.sentence(finding).map_or(Outcome::Unclear, |sentence| {
            outcome(self.section(finding).as_deref(), sentence.text)
        })
    }

    /// Not where a trial was stopped, where a trial or a label is another substance's, where a
    /// label's section is not about uses, where a list of interventions describes another one, and
    /// where the sentence itself says that it failed.
    fn may_claim_use(&self, finding: &Finding) -> bool {
        let Some(source) = self.get(&finding.evidence_id) else {
            return false;
        };
        let section = self.section(finding).unwrap_or_default();
        match source.ranked.evidence.kind {
            EvidenceKind::Regulatory => source.is_subject && is_about_uses(&section),
            EvidenceKind::Clinical => {
                let is_running = source
                    .trial
                    .is_none_or(|trial| !matches!(trial.fate, Fate::Stopped(_)));
                let is_of_another = section.contains("intervention")
                    && self
                        .sentence(finding)
                        .is_none_or(|sentence| !self.names.is_in(sentence.text));
                source.is_subject && is_running && !is_of_another
            }
            _ => self.outcome(finding) != Outcome::Null,
        }
    }

    /// Not in a registry's record, which tells of plans, and not where the sentence only asks. The
    /// molecule's own label warns in the words of a question ("may cause"), and means it.
    fn may_claim_harm(&self, finding: &Finding) -> bool {
        let Some(source) = self.get(&finding.evidence_id) else {
            return false;
        };
        let asks = || {
            self.sentence(finding)
                .is_some_and(|sentence| is_question(sentence.text))
        };
        let is_own_label =
            source.ranked.evidence.kind == EvidenceKind::Regulatory && source.is_subject;
        is_own_label || (source.trial.is_none() && !asks())
    }
}

/// Whether the heading of a label's section is that of its uses.
pub(crate) fn is_about_uses(section: &str) -> bool {
    !["warning", "contraindication", "adverse", "precaution"]
        .iter()
        .any(|word| section.contains(word))
}

/// All kept evidence of a result, by kind and rank.
pub(crate) fn kept(result: &JobResult) -> impl Iterator<Item = &RankedEvidence> {
    result.evidence.values().flatten()
}

#[cfg(test)]
mod tests {
    use phagen_domain::{
        digest::Digest,
        evidence::{Attribute, Evidence, Passage},
        molecule::Molecule,
    };

    use super::*;

    /// The stance that is left of a claim on `gout` in the only passage.
    fn left_of(
        stance: Stance,
        kind: EvidenceKind,
        passage: (&str, &str),
        facts: &[(&str, &str)],
    ) -> Stance {
        let (section, text) = passage;
        let evidence = Evidence {
            evidence_id: EvidenceId::pubmed(1),
            kind,
            title: "A document".to_owned(),
            citation: String::new(),
            url: None,
            date: None,
            passages: vec![Passage {
                ordinal: 1,
                section: Some(section.to_owned()),
                text: text.to_owned(),
            }],
            attributes: facts
                .iter()
                .map(|&(key, value)| Attribute {
                    key: key.to_owned(),
                    value: value.to_owned(),
                })
                .collect(),
        };
        let ranked = RankedEvidence {
            text_digest: Digest::of(b""),
            evidence,
            rank: 1,
            score: 0.0,
            signals: vec![],
            features: vec![],
            provenance: vec![],
            same_text_as: vec![],
        };
        let names = Names::of(&Molecule {
            name: "aspirin".to_owned(),
            ..Molecule::default()
        });
        let start = u32::try_from(text.find("gout").unwrap()).unwrap();
        let finding = Finding {
            evidence_id: EvidenceId::pubmed(1),
            ground: Ground::Span(Span {
                passage: 1,
                start,
                end: start + 4,
            }),
            mesh_id: "D006073".parse().unwrap(),
            matched_text: "gout".to_owned(),
            negated: false,
            stance,
            score: 0.9,
        };
        Sources::of([&ranked], &names).claims(&[finding])[0].stance
    }

    const CURED: (&str, &str) = ("RESULTS", "Aspirin cured gout.");

    #[test]
    fn a_stopped_trial_supports_nothing() {
        let trial = |status: &str, drug: &str| {
            let facts = [("status", status), ("interventions", drug)];
            left_of(Stance::Treats, EvidenceKind::Clinical, CURED, &facts)
        };
        assert_eq!(trial("COMPLETED", "Aspirin"), Stance::Treats);
        assert_eq!(trial("TERMINATED", "Aspirin"), Stance::Neither);
        assert_eq!(trial("COMPLETED", "Docetaxel"), Stance::Neither);
    }

    #[test]
    fn a_list_of_interventions_speaks_only_of_the_one_it_names() {
        let facts = [
            ("interventions", "Aspirin"),
            ("interventions", "Colchicine"),
        ];
        let listed = |text: &str| {
            let passage = ("INTERVENTIONS", text);
            left_of(Stance::Treats, EvidenceKind::Clinical, passage, &facts)
        };
        assert_eq!(listed("DRUG: Aspirin, given for gout"), Stance::Treats);
        assert_eq!(listed("DRUG: Colchicine, given for gout"), Stance::Neither);
    }

    #[test]
    fn a_label_speaks_for_its_own_drug_and_under_uses() {
        let label = |section: &str, drug: &str| {
            let passage = (section, "It is given for gout.");
            left_of(
                Stance::Treats,
                EvidenceKind::Regulatory,
                passage,
                &[("drugs", drug)],
            )
        };
        assert_eq!(label("INDICATIONS AND USAGE", "Aspirin"), Stance::Treats);
        assert_eq!(
            label("INDICATIONS AND USAGE", "Lisinopril"),
            Stance::Neither
        );
        assert_eq!(label("adverse reactions", "Aspirin"), Stance::Neither);
    }

    #[test]
    fn a_label_warns_of_its_own_drug_by_what_may_happen() {
        let label = |drug: &str| {
            let passage = ("WARNINGS", "It may cause gout.");
            let facts = [("drugs", drug)];
            left_of(Stance::Causes, EvidenceKind::Regulatory, passage, &facts)
        };
        assert_eq!(label("Aspirin"), Stance::Causes);
        assert_eq!(label("Lisinopril"), Stance::Neither);
    }

    #[test]
    fn what_failed_is_no_use_and_what_is_asked_no_harm() {
        let literature = |stance: Stance, text: &str| {
            left_of(stance, EvidenceKind::Literature, ("RESULTS", text), &[])
        };
        assert_eq!(
            literature(Stance::Treats, "Aspirin cured gout."),
            Stance::Treats
        );
        assert_eq!(
            literature(Stance::Treats, "Aspirin did not cure gout."),
            Stance::Neither
        );
        assert_eq!(
            literature(Stance::Causes, "Aspirin causes gout."),
            Stance::Causes
        );
        assert_eq!(
            literature(Stance::Causes, "Does aspirin cause gout?"),
            Stance::Neither
        );
        let registry = left_of(Stance::Causes, EvidenceKind::Clinical, CURED, &[]);
        assert_eq!(registry, Stance::Neither);
    }
}
