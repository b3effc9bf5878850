//! What a registry record says of a trial's fate. A trial that was stopped supports nothing; only
//! one that was stopped for want of effect or for harm speaks against the pair. A trial that ran
//! out of money says nothing of the molecule.

use phagen_domain::evidence::{Evidence, EvidenceKind};

/// What a registry says of one trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TrialFacts {
    pub phase: Phase,
    pub fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Not given, or not applicable.
    Unknown,
    One,
    OneTwo,
    Two,
    TwoThree,
    Three,
    Four,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Planned, running, or not heard of for long.
    Open,
    Completed,
    /// Terminated, withdrawn or suspended.
    Stopped(StopClass),
}

/// Why a trial stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopClass {
    /// It did not work.
    Negative,
    /// It did harm.
    Safety,
    Business,
    Enrolment,
    Logistics,
    Covid,
    /// No reason, or none that is understood: the absence of a reason is no reason.
    Unknown,
}

impl StopClass {
    /// Whether the stop says something of the molecule.
    pub(crate) fn speaks_against(self) -> bool {
        matches!(self, Self::Negative | Self::Safety)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Negative => "for want of effect",
            Self::Safety => "for harm",
            Self::Business => "for business reasons",
            Self::Enrolment => "for want of participants",
            Self::Logistics => "for practical reasons",
            Self::Covid => "because of the pandemic",
            Self::Unknown => "for a reason that is not given",
        }
    }
}

/// Words that give a class, in the order they are looked for: what speaks of the molecule first.
const STOP_WORDS: [(StopClass, &str); 6] = [
    (
        StopClass::Negative,
        "futility|lack of efficacy|lack of effect|no efficacy|insufficient efficacy|\
         lack of benefit|no benefit|not effective|ineffective|inefficacy|did not meet|not met|\
         failed to meet|no difference|negative result|no improvement|lack of activity|\
         no activity|lack of response|no response",
    ),
    (
        StopClass::Safety,
        "safety|toxicit|adverse event|adverse effect|adverse reaction|side effect|harm|\
         increased mortality|deaths|hepatotox|cardiotox",
    ),
    (StopClass::Covid, "covid|pandemic|coronavirus|sars-cov-2"),
    (
        StopClass::Enrolment,
        "accrual|enrol|recruit|inclusion rate|few patients|few participants|no participants|\
         lack of participants|lack of patients|slow inclusion",
    ),
    (
        StopClass::Business,
        "business|funding|financial|funds|money|budget|commercial|strategic|bankrupt|sponsor|\
         company|portfolio|grant",
    ),
    (
        StopClass::Logistics,
        "logistic|investigator left|pi left|left the institution|staff|supply|\
         no longer available|unavailab|drug availability|technical|redesign|expired|moved to|\
         relocat|contract|not started|never started",
    ),
];

/// Words that, just before a word of harm or futility, deny it.
const DENIALS: &str = "unrelated to|not related to|not due to|not because of|no |not for|\
                       not based on|without|independent of|rather than";

/// Bytes before a word in which its denial is looked for.
const DENIAL_WINDOW_BYTES: usize = 40;

/// The facts of a trial record; none when the evidence is no trial record.
pub(crate) fn facts(evidence: &Evidence) -> Option<TrialFacts> {
    if evidence.kind != EvidenceKind::Clinical {
        return None;
    }
    let status = evidence.attribute("status").unwrap_or_default();
    let fate = match status.to_ascii_uppercase().as_str() {
        "COMPLETED" => Fate::Completed,
        "TERMINATED" | "WITHDRAWN" | "SUSPENDED" => Fate::Stopped(classify_stop(
            evidence.attribute("why_stopped").unwrap_or_default(),
        )),
        _ => Fate::Open,
    };
    Some(TrialFacts {
        phase: phase(evidence.attribute("phase").unwrap_or_default()),
        fate,
    })
}

/// Reads the free text of a registry's `why_stopped`.
pub(crate) fn classify_stop(why: &str) -> StopClass {
    let why = why.to_lowercase();
    STOP_WORDS
        .iter()
        .find(|(class, words)| {
            words
                .split('|')
                .any(|word| says(&why, word, class.speaks_against()))
        })
        .map_or(StopClass::Unknown, |(class, _)| *class)
}

/// Whether `text` has `word`, and, where that matters, does not deny it.
fn says(text: &str, word: &str, may_be_denied: bool) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let from = (at.saturating_sub(DENIAL_WINDOW_BYTES)..=at)
            .find(|i| text.is_char_boundary(*i))
            .unwrap_or(at);
        // A denial does not reach over the end of its clause.
        let before = text[from..at]
            .rsplit(['.', ';', ','])
            .next()
            .unwrap_or_default();
        !(may_be_denied && DENIALS.split('|').any(|denial| before.contains(denial)))
    })
}

fn phase(text: &str) -> Phase {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    match digits.as_str() {
        "1" => Phase::One,
        "12" => Phase::OneTwo,
        "2" => Phase::Two,
        "23" => Phase::TwoThree,
        "3" => Phase::Three,
        "4" => Phase::Four,
        _ => Phase::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_for_money_is_not_a_negative_trial() {
        for (why, class) in [
            ("loss of funding", StopClass::Business),
            ("Business reason", StopClass::Business),
            (
                "Strategic business decision (unrelated to safety)",
                StopClass::Business,
            ),
            (
                "Sponsor decision, not due to any safety concerns",
                StopClass::Business,
            ),
            ("No safety concerns; funding withdrawn", StopClass::Business),
            ("Terminated due to poor accrual", StopClass::Enrolment),
            ("Low Enrollment", StopClass::Enrolment),
            ("recruitment challenges", StopClass::Enrolment),
            (
                "COVID and the Study was withdrawn (limited recruitment within study timeline)",
                StopClass::Covid,
            ),
            ("Study drug no longer available", StopClass::Logistics),
            ("", StopClass::Unknown),
            (
                "Considiering to change the Chemotherapy into Gefitinib",
                StopClass::Unknown,
            ),
        ] {
            assert_eq!(classify_stop(why), class, "{why}");
            assert!(!classify_stop(why).speaks_against(), "{why}");
        }
    }

    #[test]
    fn futility_and_harm_speak_against() {
        for (why, class) in [
            (
                "DSMB recommendation per Charter stopping rules. The study surpassed the pre-planned futility boundary.",
                StopClass::Negative,
            ),
            ("Lack of efficacy", StopClass::Negative),
            (
                "Similar study has revealed result of no benefit for participants",
                StopClass::Negative,
            ),
            ("Excess toxicity in the treatment arm", StopClass::Safety),
            ("Serious adverse events; low enrollment", StopClass::Safety),
        ] {
            assert_eq!(classify_stop(why), class, "{why}");
            assert!(classify_stop(why).speaks_against(), "{why}");
        }
    }

    #[test]
    fn phases_are_read_as_the_registry_writes_them() {
        for (text, expected) in [
            ("PHASE3", Phase::Three),
            ("PHASE1/PHASE2", Phase::OneTwo),
            ("EARLY_PHASE1", Phase::One),
            ("NA", Phase::Unknown),
            ("", Phase::Unknown),
        ] {
            assert_eq!(phase(text), expected, "{text}");
        }
    }
}
