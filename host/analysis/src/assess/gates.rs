//! The gates as a table, in the order in which they are tried. Each is a pure function of a
//! [`Case`]; none guesses what the evidence does not say. Gate 4 (exposure) is not in the table:
//! no source gives concentrations yet, so nothing is decided on them.

use phagen_domain::{assessment::Recommendation, evidence::EvidenceId, finding::Stance};

use super::{
    Case, Said, Verdict,
    trial::Phase,
    wording::{approval_note, design_counts, input, listed, says},
};

pub(super) struct Gate {
    pub number: u32,
    pub rule: &'static str,
    pub source: &'static str,
    pub decide: fn(&Case<'_>) -> Option<Verdict>,
}

/// Gate 1 stands after 2 and 3: harm and failure need no further source.
pub(super) const GATES: [Gate; 7] = [
    Gate {
        number: 0,
        rule: "a label of the molecule already names this use",
        source: "drug labels (FDA); a known use is no repurposing",
        decide: known_use,
    },
    Gate {
        number: 2,
        rule: "a label's contraindications or boxed warning name the disease",
        source: "drug labels (FDA); FDA RFI 2026, (iii) comparable safety",
        decide: warned_against,
    },
    Gate {
        number: 3,
        rule: "a phase 3 trial, or two of phase 2, stopped for want of effect or for harm, and no positive randomised result",
        source: "OCEBM 2011 level 2; Open Targets stop classes",
        decide: failed_in_trials,
    },
    Gate {
        number: 1,
        rule: "a required kind of evidence (clinical, literature, regulatory) failed or was not asked",
        source: "GRADE: what was not looked for cannot be weighed",
        decide: not_covered,
    },
    Gate {
        number: 5,
        rule: "a randomised trial or a review says outright that it worked, and nothing of that level says otherwise",
        source: "DREL 4 (Oprea & Overington 2015); OCEBM 2011 levels 1-2; FDA one-trial default",
        decide: shown_to_work,
    },
    Gate {
        number: 6,
        rule: "evidence in people speaks for it, or support and refutation of one level conflict",
        source: "DREL 3 (Oprea & Overington 2015)",
        decide: seen_in_people,
    },
    Gate {
        number: 7,
        rule: "nothing beyond animals, cells and co-occurrence speaks for it",
        source: "DREL 0-2 without exposure (Oprea & Overington 2015); OCEBM 2011 level 5",
        decide: hypothesis,
    },
];

fn known_use(case: &Case<'_>) -> Option<Verdict> {
    let labels = &case.label_uses;
    (!labels.is_empty()).then(|| Verdict {
        label: Recommendation::Go,
        reasons: vec![format!(
            "{} {}, or a form of it, as a use: known, not new",
            if labels.len() == 1 {
                "1 label names".to_owned()
            } else {
                format!("{} labels name", labels.len())
            },
            case.descriptor.name
        )],
        inputs: vec![input("label_indications", labels.clone())],
        smallest_change: format!("without {} it would be judged as a new use", listed(labels)),
    })
}

fn warned_against(case: &Case<'_>) -> Option<Verdict> {
    let labels = &case.label_warnings;
    (!labels.is_empty()).then(|| Verdict {
        label: Recommendation::NoGo,
        reasons: vec![format!(
            "{} against the molecule in {}",
            if labels.len() == 1 {
                "1 label warns".to_owned()
            } else {
                format!("{} labels warn", labels.len())
            },
            case.descriptor.name
        )],
        inputs: vec![input("label_warnings", labels.clone())],
        smallest_change: format!(
            "a label without that warning in place of {}",
            listed(labels)
        ),
    })
}

fn failed_in_trials(case: &Case<'_>) -> Option<Verdict> {
    let failed = case.stopped_against();
    let of_phase = |phases: &[Phase]| {
        failed
            .iter()
            .filter(|(_, phase, _)| phases.contains(phase))
            .count()
    };
    let decisive = of_phase(&[Phase::Three, Phase::TwoThree, Phase::Four]) >= 1
        || of_phase(&[Phase::Two, Phase::OneTwo]) >= 2;
    (decisive && case.positives().is_empty()).then(|| Verdict {
        label: Recommendation::NoGo,
        reasons: failed
            .iter()
            .map(|(id, _, class)| format!("trial {id} was stopped {}", class.as_str()))
            .collect(),
        inputs: vec![input(
            "failed_trials",
            failed.iter().map(|(id, _, _)| id.clone()).collect(),
        )],
        smallest_change: "one randomised trial that says outright that it worked".to_owned(),
    })
}

fn not_covered(case: &Case<'_>) -> Option<Verdict> {
    (!case.gaps.is_empty()).then(|| Verdict {
        label: Recommendation::InsufficientEvidence,
        reasons: case.gaps.iter().map(|gap| gap.why.clone()).collect(),
        inputs: vec![input("supporting", case.supporting())],
        smallest_change: next_query(case.gaps),
    })
}

/// What to ask for, so that the gap closes.
pub(super) fn next_query(gaps: &[super::Gap]) -> String {
    let kinds: Vec<&str> = gaps.iter().map(|gap| gap.kind.as_str()).collect();
    format!(
        "an answer, even an empty one, from a source of {} evidence: ask again with it",
        kinds.join(", of ")
    )
}

fn shown_to_work(case: &Case<'_>) -> Option<Verdict> {
    let (positives, refuting) = (case.positives(), case.refuting());
    if case.stance != Stance::Treats
        || positives.is_empty()
        || !refuting.is_empty()
        || !case.stopped_against().is_empty()
    {
        return None;
    }
    let mut reasons: Vec<String> = case
        .said
        .iter()
        .filter(|said| positives.contains(&said.evidence_id))
        .map(|said| {
            format!(
                "{} ({}) says that it worked",
                said.evidence_id,
                said.level.as_str()
            )
        })
        .collect();
    reasons.push(
        "dose, route and safety in these patients were not compared: no source gives them yet"
            .to_owned(),
    );
    reasons.extend(approval_note(case));
    Some(Verdict {
        label: Recommendation::Go,
        reasons,
        smallest_change: match positives.as_slice() {
            [only] => format!("without {only} it would be at most `investigate`"),
            _ => "one randomised trial that found no effect would make it `investigate`".to_owned(),
        },
        inputs: vec![
            input("positive_randomised", positives),
            input("supporting", case.supporting()),
        ],
    })
}

fn seen_in_people(case: &Case<'_>) -> Option<Verdict> {
    let human: Vec<&Said> = case
        .said
        .iter()
        .filter(|said| said.supports() && said.level.is_human())
        .collect();
    if case.stance != Stance::Treats || human.is_empty() {
        return None;
    }
    let refuting = case.refuting();
    let stopped: Vec<EvidenceId> = case
        .stopped_against()
        .into_iter()
        .map(|(id, _, _)| id)
        .collect();
    let mut reasons = vec![design_counts(&human)];
    if !refuting.is_empty() || !stopped.is_empty() {
        let against: Vec<EvidenceId> = refuting.iter().chain(&stopped).cloned().collect();
        reasons.push(format!(
            "conflict: {} found no effect or harm",
            listed(&against)
        ));
    }
    if case.positives().is_empty() {
        reasons.push("no randomised result says outright that it worked".to_owned());
    }
    reasons.extend(approval_note(case));
    Some(Verdict {
        label: Recommendation::Investigate,
        reasons,
        inputs: [
            (
                "supporting",
                human.iter().map(|s| s.evidence_id.clone()).collect(),
            ),
            ("refuting", refuting),
            ("failed_trials", stopped),
            ("stopped_trials", case.stopped_neutrally()),
        ]
        .into_iter()
        .map(|(name, ids): (&str, Vec<EvidenceId>)| input(name, ids))
        .filter(|input| !input.evidence_ids.is_empty())
        .collect(),
        smallest_change: if case.refuting().is_empty() {
            "one randomised trial that says outright that it worked would make it `go`".to_owned()
        } else {
            "a review of the randomised trials that settles the conflict".to_owned()
        },
    })
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it stands in the table of gates, and decides whatever is left"
)]
fn hypothesis(case: &Case<'_>) -> Option<Verdict> {
    let counts = |stance: Stance| {
        case.said
            .iter()
            .filter(|said| said.stance == stance && !said.negated)
            .map(|said| said.evidence_id.clone())
            .collect::<Vec<_>>()
    };
    let (treats, causes) = (counts(Stance::Treats), counts(Stance::Causes));
    let reason = if case.stance == Stance::Causes {
        format!(
            "{} that the molecule causes it, {} that it treats it: a side effect is no use",
            says(causes.len()),
            says(treats.len())
        )
    } else if treats.is_empty() {
        "the molecule and the disease are named together, and no claim of a use stands".to_owned()
    } else {
        let supporting: Vec<&Said> = case.said.iter().filter(|said| said.supports()).collect();
        format!("{}: a hypothesis", design_counts(&supporting))
    };
    let mut reasons = vec![reason];
    let stopped = case.stopped_neutrally();
    if !stopped.is_empty() {
        reasons.push(format!(
            "{} {} stopped for other reasons than effect or harm: neither support nor refutation",
            listed(&stopped),
            if stopped.len() == 1 { "was" } else { "were" }
        ));
    }
    Some(Verdict {
        label: Recommendation::InsufficientEvidence,
        reasons,
        inputs: [
            ("supporting", treats),
            ("causing", causes),
            ("stopped_trials", stopped),
        ]
        .into_iter()
        .map(|(name, ids)| input(name, ids))
        .filter(|input| !input.evidence_ids.is_empty())
        .collect(),
        smallest_change: "one study in people that speaks for it would make it `investigate`"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use phagen_domain::{evidence::EvidenceKind, mesh::Descriptor};

    use super::*;
    use crate::assess::{
        Gap,
        level::{Level, Outcome},
        trial::{Fate, StopClass, TrialFacts},
    };

    fn id(text: &str) -> EvidenceId {
        EvidenceId::from_str(text).unwrap()
    }

    fn said(text: &str, stance: Stance, level: Level, outcome: Outcome) -> Said {
        Said {
            evidence_id: id(text),
            stance,
            negated: false,
            level,
            outcome,
            trial: None,
        }
    }

    fn trial(text: &str, phase: Phase, fate: Fate) -> Said {
        Said {
            trial: Some(TrialFacts { phase, fate }),
            ..said(text, Stance::Neither, Level::Mention, Outcome::Unclear)
        }
    }

    fn gout() -> Descriptor {
        Descriptor {
            mesh_id: "D006073".parse().unwrap(),
            name: "Gout".to_owned(),
            tree_numbers: vec![],
        }
    }

    /// Gate and label of a pair whose evidence is `said`.
    fn decided(said: Vec<Said>) -> (u32, Recommendation) {
        let descriptor = gout();
        let case = case(&descriptor, said);
        let assessment = crate::assess::assess(&case);
        (assessment.gate, assessment.label)
    }

    fn case(descriptor: &Descriptor, said: Vec<Said>) -> Case<'_> {
        Case {
            descriptor,
            stance: Stance::Treats,
            said,
            label_uses: vec![],
            label_warnings: vec![],
            gaps: &[],
            approved_elsewhere: false,
        }
    }

    fn positive() -> Said {
        said(
            "PMID:1",
            Stance::Treats,
            Level::RandomisedTrial,
            Outcome::Positive,
        )
    }

    fn observed() -> Said {
        said("PMID:2", Stance::Treats, Level::Cohort, Outcome::Unclear)
    }

    #[test]
    fn gate_0_a_use_on_a_label_is_known() {
        let descriptor = gout();
        let mut case = case(&descriptor, vec![positive()]);
        case.label_uses = vec![id("label:a")];
        // It stands before the warning that the same labels give.
        case.label_warnings = vec![id("label:a")];
        let assessment = crate::assess::assess(&case);
        assert_eq!((assessment.gate, assessment.label), (0, Recommendation::Go));
        assert_eq!(assessment.inputs[0].evidence_ids, [id("label:a")]);
    }

    #[test]
    fn gate_1_a_missing_kind_of_evidence_is_named_with_the_next_query() {
        let descriptor = gout();
        let gaps = [Gap {
            kind: EvidenceKind::Regulatory,
            why: "the regulatory source `regulatory` failed: down".to_owned(),
        }];
        let mut case = case(&descriptor, vec![positive()]);
        case.gaps = &gaps;
        let assessment = crate::assess::assess(&case);
        assert_eq!(assessment.gate, 1);
        assert_eq!(assessment.label, Recommendation::InsufficientEvidence);
        assert_eq!(assessment.reasons, [gaps[0].why.clone()]);
        assert!(assessment.smallest_change.contains("regulatory"));
    }

    #[test]
    fn gate_2_a_warning_on_a_label_outweighs_support_and_gaps() {
        let descriptor = gout();
        let gaps = [Gap {
            kind: EvidenceKind::Clinical,
            why: String::new(),
        }];
        let mut case = case(&descriptor, vec![positive()]);
        case.label_warnings = vec![id("label:a")];
        case.gaps = &gaps;
        let assessment = crate::assess::assess(&case);
        assert_eq!(
            (assessment.gate, assessment.label),
            (2, Recommendation::NoGo)
        );
    }

    #[test]
    fn gate_3_trials_that_failed_refuse_the_pair() {
        let failed = |text, phase| trial(text, phase, Fate::Stopped(StopClass::Negative));
        let harmed = trial("NCT3", Phase::Three, Fate::Stopped(StopClass::Safety));
        let no_go = (3, Recommendation::NoGo);
        assert_eq!(
            decided(vec![observed(), failed("NCT1", Phase::Three)]),
            no_go
        );
        assert_eq!(decided(vec![observed(), harmed]), no_go);
        let two = vec![
            failed("NCT1", Phase::Two),
            failed("NCT2", Phase::OneTwo),
            observed(),
        ];
        assert_eq!(decided(two), no_go);
        // One of phase 2 is not enough, and a positive randomised result makes it a conflict.
        let one = vec![failed("NCT1", Phase::Two), observed()];
        assert_eq!(decided(one), (6, Recommendation::Investigate));
        let conflict = vec![failed("NCT1", Phase::Three), positive()];
        assert_eq!(decided(conflict), (6, Recommendation::Investigate));
    }

    #[test]
    fn a_trial_stopped_for_money_is_neither_negative_nor_support() {
        for class in [
            StopClass::Business,
            StopClass::Enrolment,
            StopClass::Logistics,
            StopClass::Covid,
            StopClass::Unknown,
        ] {
            let stopped = || trial("NCT1", Phase::Three, Fate::Stopped(class));
            assert_eq!(
                decided(vec![stopped(), positive()]),
                (5, Recommendation::Go),
                "{class:?}"
            );
            assert_eq!(
                decided(vec![stopped()]),
                (7, Recommendation::InsufficientEvidence),
                "{class:?}"
            );
        }
    }

    #[test]
    fn gate_5_needs_an_outright_positive_randomised_result() {
        let go = (5, Recommendation::Go);
        let investigate = (6, Recommendation::Investigate);
        let review = said("PMID:3", Stance::Treats, Level::Review, Outcome::Positive);
        let silent = said(
            "PMID:4",
            Stance::Treats,
            Level::RandomisedTrial,
            Outcome::Unclear,
        );
        let null = said(
            "PMID:5",
            Stance::Neither,
            Level::RandomisedTrial,
            Outcome::Null,
        );
        let harm = said("PMID:6", Stance::Causes, Level::Review, Outcome::Unclear);
        assert_eq!(decided(vec![positive()]), go);
        assert_eq!(decided(vec![review]), go);
        assert_eq!(decided(vec![silent]), investigate);
        assert_eq!(decided(vec![positive(), null]), investigate);
        assert_eq!(decided(vec![positive(), harm]), investigate);
    }

    #[test]
    fn a_use_that_may_be_approved_says_so() {
        let descriptor = gout();
        for said in [positive(), observed()] {
            let mut case = case(&descriptor, vec![said]);
            case.approved_elsewhere = true;
            let assessment = crate::assess::assess(&case);
            let note = assessment.reasons.last().unwrap();
            assert!(note.contains("may be a known one"), "{note}");
        }
    }

    #[test]
    fn gate_6_evidence_in_people_is_worth_investigating() {
        let open = Said {
            stance: Stance::Treats,
            level: Level::Registered(Phase::Two),
            ..trial("NCT1", Phase::Two, Fate::Open)
        };
        for people in [observed(), open] {
            assert_eq!(decided(vec![people]), (6, Recommendation::Investigate));
        }
    }

    #[test]
    fn gate_7_animals_and_cells_are_a_hypothesis() {
        for level in [Level::Animal, Level::InVitro, Level::Mention] {
            let said = said("PMID:1", Stance::Treats, level, Outcome::Positive);
            assert_eq!(
                decided(vec![said]),
                (7, Recommendation::InsufficientEvidence)
            );
        }
    }

    #[test]
    fn gate_7_a_side_effect_is_no_use() {
        let descriptor = gout();
        let harm = said(
            "PMID:1",
            Stance::Causes,
            Level::RandomisedTrial,
            Outcome::Unclear,
        );
        let mut case = case(&descriptor, vec![harm]);
        case.stance = Stance::Causes;
        let assessment = crate::assess::assess(&case);
        assert_eq!(assessment.gate, 7);
        assert!(assessment.reasons[0].contains("a side effect is no use"));
    }

    #[test]
    fn the_named_change_alters_the_verdict() {
        // Gate 5 says what its only result is worth: without it the pair is investigated.
        assert_eq!(decided(vec![positive(), observed()]).0, 5);
        assert_eq!(decided(vec![observed()]).0, 6);
        // Gate 6 asks for a positive randomised trial, gate 7 for evidence in people.
        assert_eq!(decided(vec![observed(), positive()]).0, 5);
    }

    #[test]
    fn every_verdict_says_what_would_change_it() {
        let descriptor = gout();
        for said in [vec![], vec![observed()], vec![positive()]] {
            let assessment = crate::assess::assess(&case(&descriptor, said));
            assert!(!assessment.smallest_change.is_empty());
            assert!(!assessment.reasons.is_empty());
        }
    }
}
