//! How much a piece of evidence can carry: its design, read from its own words, and whether it
//! says outright that the molecule worked. What the words do not say is not guessed.

use std::sync::LazyLock;

use phagen_domain::evidence::{Evidence, EvidenceKind};

use super::{
    cue::Cues,
    trial::{self, Fate, Phase},
};

/// The design behind a piece of evidence, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// A regulator's label of this molecule.
    Label,
    Review,
    RandomisedTrial,
    Cohort,
    CaseSeries,
    /// People took part; the text does not say how.
    People,
    /// A registered trial: people are asked, and the answer is not in the record.
    Registered(Phase),
    Animal,
    InVitro,
    /// Words side by side.
    Mention,
}

/// What the text says came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Positive,
    /// No effect was found.
    Null,
    Unclear,
}

impl Level {
    /// Reads the level of `evidence`; `is_subject` says whether it is about the molecule.
    pub(crate) fn of(evidence: &Evidence, is_subject: bool) -> Self {
        match evidence.kind {
            EvidenceKind::Regulatory if is_subject => Self::Label,
            EvidenceKind::Clinical if is_subject => match trial::facts(evidence) {
                Some(facts) if !matches!(facts.fate, Fate::Stopped(_)) => {
                    Self::Registered(facts.phase)
                }
                _ => Self::Mention,
            },
            EvidenceKind::Literature => of_literature(evidence),
            _ => Self::Mention,
        }
    }

    /// One minus the chance that such evidence misleads, after the rubric's table; a registered
    /// trial counts as Open Targets scores its phase, phase 4 no higher than phase 3.
    pub(crate) fn reliability(self) -> f64 {
        match self {
            Self::Label | Self::Review => 0.95,
            Self::RandomisedTrial => 0.9,
            Self::Cohort | Self::Registered(Phase::Three | Phase::Four) => 0.7,
            Self::CaseSeries | Self::Registered(Phase::TwoThree) => 0.5,
            Self::People => 0.4,
            Self::Animal => 0.3,
            Self::Registered(Phase::Two) => 0.2,
            Self::InVitro | Self::Registered(Phase::OneTwo) => 0.15,
            Self::Registered(Phase::One | Phase::Unknown) => 0.1,
            Self::Mention => 0.05,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Review => "review or meta-analysis",
            Self::RandomisedTrial => "randomised trial",
            Self::Cohort => "controlled observation",
            Self::CaseSeries => "case report or series",
            Self::People => "study in people of unstated design",
            Self::Registered(_) => "registered trial",
            Self::Animal => "animal study",
            Self::InVitro => "study in vitro",
            Self::Mention => "mention",
        }
    }

    pub(crate) fn is_randomised_or_review(self) -> bool {
        matches!(self, Self::Review | Self::RandomisedTrial)
    }

    /// People took the molecule, or are to take it.
    pub(crate) fn is_human(self) -> bool {
        self < Self::Animal
    }
}

/// Groups of [`DESIGN`].
const REVIEW: usize = 0;
const RANDOMISED: usize = 1;
const OBSERVED: usize = 2;
const CASES: usize = 3;
const ANIMAL: usize = 4;
const HUMAN: usize = 5;
const VITRO: usize = 6;

/// Words that tell a design.
static DESIGN: LazyLock<Cues> = LazyLock::new(|| {
    Cues::new(&[
        "meta-analys*|metaanalys*|systematic review*|cochrane review|pooled analys*",
        "randomized|randomised|randomly assigned|randomly allocated|placebo-controlled|\
         placebo controlled|double-blind|double blind",
        "cohort|cohorts|case-control|prospective study|prospectively|retrospective|\
         retrospectively|cross-sectional|observational|population-based|registry",
        "case report*|case series|we report a|we describe a|we present a|a case of|year-old",
        "mice|mouse|rats|rat|murine|rabbits|rabbit|zebrafish|dogs|xenograft*|drosophila|hamsters|\
         guinea pigs",
        "patients|patient|participants|women|men|volunteers|subjects|children|adults|humans|\
         individuals",
        "in vitro|cell line*|cultured|cells|assay*|in silico",
    ])
});

fn of_literature(evidence: &Evidence) -> Level {
    let title = DESIGN.find(&evidence.title);
    let body = evidence
        .passages
        .iter()
        .fold(title, |found, passage| found.or(DESIGN.find(&passage.text)));
    let kinds = evidence
        .attributes
        .iter()
        .filter(|attribute| attribute.key == "publication_type")
        .map(|attribute| DESIGN.find(&attribute.value));
    let (title, body) = kinds.fold((title, body), |(t, b), kind| (t.or(kind), b.or(kind)));
    let is_animal = title.has(ANIMAL) || (body.has(ANIMAL) && !body.has(HUMAN));
    if title.has(REVIEW) {
        Level::Review
    } else if is_animal {
        Level::Animal
    } else if body.has(REVIEW) && !title.has(RANDOMISED) {
        Level::Review
    } else if body.has(RANDOMISED) {
        Level::RandomisedTrial
    } else if body.has(OBSERVED) {
        Level::Cohort
    } else if body.has(CASES) {
        Level::CaseSeries
    } else if body.has(HUMAN) {
        Level::People
    } else if body.has(VITRO) {
        Level::InVitro
    } else {
        Level::Mention
    }
}

/// Groups of [`OUTCOME`].
const WORKED: usize = 0;
const FAILED: usize = 1;
const OPEN: usize = 2;

/// Words that tell an outcome: it worked; it did not; it is still a question.
static OUTCOME: LazyLock<Cues> = LazyLock::new(|| {
    Cues::new(&[
        "significantly reduced|significantly reduces|significantly lower|significantly lowered|\
         significantly decreased|significantly improved|significantly better|\
         significantly increased survival|significant reduction|significant decrease|\
         significant improvement|reduced the risk|reduces the risk|reduced the incidence|\
         reduced the occurrence|substantially reduced|reduced risk of|reduction in the risk|\
         decreased the risk|lowered the risk|lower risk of|superior to|more effective than|\
         was effective|were effective|is effective|prolonged survival|improved survival|\
         improves survival|prevented|be beneficial|beneficial effect*",
        "no significant|not significant|not significantly|nonsignificant|non-significant|did not|\
         does not|do not|no difference|not superior|not effective|ineffective|no benefit|\
         failed to|no effect|no reduction|no improvement|no evidence|not associated|\
         no better than",
        "whether|to assess|to determine|to evaluate|to investigate|to examine|to compare|\
         hypothesi*|may|might|could|unclear|unknown|and risk of|and the risk of|and incidence of|\
         and the incidence of",
    ])
});

/// Headings under which an abstract says what was known or asked, and not what came out.
const BEFORE_RESULTS: [&str; 10] = [
    "BACKGROUND",
    "OBJECTIVE",
    "CONTEXT",
    "INTRODUCTION",
    "AIM",
    "PURPOSE",
    "METHODS",
    "DESIGN",
    "IMPORTANCE",
    "RATIONALE",
];

/// What one sentence, under its heading, says came out.
pub(crate) fn outcome(section: Option<&str>, sentence: &str) -> Outcome {
    let found = OUTCOME.find(sentence);
    let is_before_results = BEFORE_RESULTS.iter().any(|heading| {
        sentence.starts_with(heading)
            || section.is_some_and(|section| section.to_uppercase().starts_with(heading))
    });
    if found.has(FAILED) {
        Outcome::Null
    } else if found.has(WORKED) && !found.has(OPEN) && !is_before_results {
        Outcome::Positive
    } else {
        Outcome::Unclear
    }
}

/// Whether a sentence asks rather than tells.
pub(crate) fn is_question(sentence: &str) -> bool {
    sentence.ends_with('?') || OUTCOME.find(sentence).has(OPEN)
}

#[cfg(test)]
mod tests {
    use phagen_domain::evidence::{Attribute, EvidenceId, Passage};

    use super::*;

    fn evidence(kind: EvidenceKind, title: &str, text: &str) -> Evidence {
        Evidence {
            evidence_id: EvidenceId::pubmed(1),
            kind,
            title: title.to_owned(),
            citation: String::new(),
            url: None,
            date: None,
            passages: vec![Passage {
                ordinal: 1,
                section: None,
                text: text.to_owned(),
            }],
            attributes: vec![],
        }
    }

    #[test]
    fn a_design_is_read_from_the_text_itself() {
        for (title, text, level) in [
            (
                "Aspirin: a meta-analysis",
                "Trials were pooled.",
                Level::Review,
            ),
            (
                "Aspirin",
                "In a double-blind trial, 40 patients took it.",
                Level::RandomisedTrial,
            ),
            ("Aspirin in mice", "They were randomized.", Level::Animal),
            ("Aspirin", "Rats were randomized to aspirin.", Level::Animal),
            ("Aspirin", "A cohort of 400 women.", Level::Cohort),
            ("Aspirin", "A 40-year-old man took it.", Level::CaseSeries),
            (
                "Aspirin",
                "It slowed cultured HT-29 growth.",
                Level::InVitro,
            ),
            ("Aspirin", "Nine patients took it.", Level::People),
            ("Aspirin", "It is old.", Level::Mention),
        ] {
            let read = Level::of(&evidence(EvidenceKind::Literature, title, text), true);
            assert_eq!(read, level, "{title}: {text}");
        }
    }

    #[test]
    fn a_stopped_trial_and_another_drugs_label_are_mentions() {
        let mut trial = evidence(EvidenceKind::Clinical, "Aspirin", "");
        let attribute = |key: &str, value: &str| Attribute {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        trial.attributes = vec![
            attribute("phase", "PHASE3"),
            attribute("status", "COMPLETED"),
        ];
        assert_eq!(Level::of(&trial, true), Level::Registered(Phase::Three));
        trial.attributes[1].value = "TERMINATED".to_owned();
        assert_eq!(Level::of(&trial, true), Level::Mention);
        let label = evidence(EvidenceKind::Regulatory, "Lisinopril", "");
        assert_eq!(Level::of(&label, false), Level::Mention);
        assert_eq!(Level::of(&label, true), Level::Label);
    }

    #[test]
    fn an_outcome_needs_words_for_it() {
        for (sentence, expected) in [
            ("Aspirin significantly reduced stroke.", Outcome::Positive),
            ("Aspirin did not reduce stroke.", Outcome::Null),
            ("There was no significant reduction.", Outcome::Null),
            ("Aspirin and stroke were studied.", Outcome::Unclear),
            (
                "To assess whether aspirin reduces the risk of stroke.",
                Outcome::Unclear,
            ),
            (
                "Aspirin may have reduced the risk of stroke.",
                Outcome::Unclear,
            ),
            (
                "BACKGROUND Aspirin reduces the risk of stroke.",
                Outcome::Unclear,
            ),
        ] {
            assert_eq!(outcome(None, sentence), expected, "{sentence}");
        }
        let worked = "It reduced the risk of stroke.";
        assert_eq!(outcome(Some("Results"), worked), Outcome::Positive);
        assert_eq!(outcome(Some("Objectives"), worked), Outcome::Unclear);
    }

    #[test]
    fn a_question_is_no_claim() {
        assert!(is_question(
            "Dexamethasone and risk of nausea after tonsillectomy."
        ));
        assert!(is_question("Does aspirin cause asthma?"));
        assert!(!is_question("Aspirin caused bleeding."));
    }
}
