//! Findings rolled up by descriptor: what each piece of evidence says of the pair, counted once,
//! and what they say together. Mappers never aggregate; this is the only place that does.

use std::collections::BTreeMap;

use phagen_domain::{
    evidence::EvidenceId,
    finding::{Finding, Stance},
    mesh::{Descriptor, MeshId},
    suggestion::StanceCounts,
};

use crate::fusion::noisy_or;

/// A piece of evidence that merely names the disease beside the molecule supports a use by this
/// share of its weight: co-occurrence is hardly support.
const CO_OCCURRENCE_SHARE: f64 = 0.05;

/// A claim counts for something, however unsure its mapper is of it.
const MIN_CERTAINTY: f64 = 0.01;

/// Everything that is said of one descriptor.
#[derive(Debug, Clone)]
pub struct RollUp {
    pub descriptor: Descriptor,
    /// The claim that prevails; `neither` when no evidence claims anything.
    pub stance: Stance,
    pub counts: StanceCounts,
    /// 0..=1, uncalibrated. Every `treats` lies above every `neither`, and that above every
    /// `causes`, so that the number alone orders a list.
    pub score: f64,
    /// Strongest first, what only denies last; ties by evidence id.
    pub evidence: Vec<EvidenceStance>,
}

/// What one piece of evidence says of one descriptor.
#[derive(Debug, Clone)]
pub struct EvidenceStance {
    pub evidence_id: EvidenceId,
    pub stance: Stance,
    /// It names the disease only to deny it; `stance` then claims nothing.
    pub negated: bool,
    /// 0..=1: what the evidence weighs, for a claim times the surest score that makes it.
    pub weight: f64,
    /// Its findings, as positions in the list that was rolled up, those of its stance first.
    pub findings: Vec<usize>,
}

/// How much more support than harm makes a use. Ours: one voice for each leaves it at harm even
/// when the helpful one is a little surer.
const HARM_COUNTS: f64 = 1.5;

/// Rolls findings up by descriptor, in the order of mesh ids. A finding whose descriptor
/// `descriptor_of` does not know, or whose evidence weighs nothing, says nothing.
pub fn roll_up<'d>(
    findings: &[Finding],
    weight_of: impl Fn(&EvidenceId) -> f64,
    descriptor_of: impl Fn(&MeshId) -> Option<&'d Descriptor>,
) -> Vec<RollUp> {
    let mut by_pair: BTreeMap<&MeshId, BTreeMap<&EvidenceId, Vec<usize>>> = BTreeMap::new();
    for (index, finding) in findings.iter().enumerate() {
        by_pair
            .entry(&finding.mesh_id)
            .or_default()
            .entry(&finding.evidence_id)
            .or_default()
            .push(index);
    }
    by_pair
        .into_iter()
        .filter_map(|(mesh_id, by_evidence)| {
            let descriptor = descriptor_of(mesh_id)?.clone();
            let evidence = by_evidence
                .into_iter()
                .map(|(id, indices)| evidence_stance(id, weight_of(id), findings, indices))
                .filter(|said| said.weight > 0.0)
                .collect::<Vec<_>>();
            (!evidence.is_empty()).then(|| RollUp::of(descriptor, evidence))
        })
        .collect()
}

impl RollUp {
    fn of(descriptor: Descriptor, mut evidence: Vec<EvidenceStance>) -> Self {
        evidence.sort_by(|a, b| {
            (a.negated.cmp(&b.negated))
                .then_with(|| b.weight.total_cmp(&a.weight))
                .then_with(|| a.evidence_id.cmp(&b.evidence_id))
        });
        let counts = count(&evidence);
        let weights = |stance: Stance| {
            evidence
                .iter()
                .filter(move |said| said.stance == stance && !said.negated)
                .map(|said| said.weight)
        };
        let (treats, causes): (f64, f64) =
            (weights(Stance::Treats).sum(), weights(Stance::Causes).sum());
        let stance = prevailing(treats, causes);
        let named = weights(Stance::Neither).map(|weight| weight * CO_OCCURRENCE_SHARE);
        let within = specificity(&descriptor)
            * match stance {
                Stance::Treats => {
                    let support = noisy_or(weights(Stance::Treats).chain(named));
                    let harm = noisy_or(weights(Stance::Causes));
                    // INDRA's belief, p+ (1 − p−), with harm counted by its share of the claims: one
                    // voice among ten must not undo them.
                    support * (1.0 - harm * causes / (treats + causes))
                }
                Stance::Neither => noisy_or(weights(Stance::Neither).map(|w| w * 0.2)),
                Stance::Causes => noisy_or(weights(Stance::Causes)),
            };
        Self {
            descriptor,
            stance,
            counts,
            score: banded(stance, within),
            evidence,
        }
    }
}

/// Whether `above` stands above `below` in the tree, at any of their places.
pub fn is_ancestor(above: &Descriptor, below: &Descriptor) -> bool {
    above.tree_numbers.iter().any(|above| {
        below.tree_numbers.iter().any(|below| {
            below
                .strip_prefix(above.as_str())
                .is_some_and(|rest| rest.starts_with('.'))
        })
    })
}

/// What one piece of evidence says: its claims outvote its silence, a tie of claims is read as
/// harm, and only what is denied throughout counts as denied.
fn evidence_stance(
    id: &EvidenceId,
    weight: f64,
    findings: &[Finding],
    mut indices: Vec<usize>,
) -> EvidenceStance {
    let total = |stance: Stance| -> f64 {
        indices
            .iter()
            .map(|&index| &findings[index])
            .filter(|finding| !finding.negated && finding.stance == stance)
            .map(|finding| f64::from(finding.score).clamp(MIN_CERTAINTY, 1.0))
            .sum()
    };
    let stance = prevailing(total(Stance::Treats), total(Stance::Causes));
    let negated = indices.iter().all(|&index| findings[index].negated);
    let surest = indices
        .iter()
        .map(|&index| &findings[index])
        .filter(|finding| finding.stance == stance && !finding.negated)
        .map(|finding| f64::from(finding.score).clamp(0.0, 1.0))
        .fold(0.0, f64::max);
    let certainty = if stance == Stance::Neither {
        1.0
    } else {
        surest.max(MIN_CERTAINTY)
    };
    indices.sort_by_key(|&index| {
        let finding = &findings[index];
        (finding.negated, finding.stance != stance, index)
    });
    EvidenceStance {
        evidence_id: id.clone(),
        stance,
        negated,
        weight: weight.clamp(0.0, 1.0) * certainty,
        findings: indices,
    }
}

/// In doubt it is harm: to sell a side effect as a use is the worse mistake.
fn prevailing(treats: f64, causes: f64) -> Stance {
    if treats > causes * HARM_COUNTS {
        Stance::Treats
    } else if causes > 0.0 {
        Stance::Causes
    } else {
        Stance::Neither
    }
}

fn count(evidence: &[EvidenceStance]) -> StanceCounts {
    let mut counts = StanceCounts::default();
    for said in evidence {
        let place = match (said.negated, said.stance) {
            (true, _) => &mut counts.negated,
            (_, Stance::Treats) => &mut counts.treats,
            (_, Stance::Causes) => &mut counts.causes,
            (_, Stance::Neither) => &mut counts.neither,
        };
        *place += 1;
    }
    counts
}

/// 0.3..=1 by depth in the tree: `Neoplasms` says less than `Colorectal Neoplasms`. What stands
/// only among signs, symptoms and pathological processes (C23) says less than a disease.
fn specificity(descriptor: &Descriptor) -> f64 {
    let deepest = descriptor
        .tree_numbers
        .iter()
        .map(|place| place.matches('.').count())
        .max();
    let by_depth = match deepest {
        Some(0) => 0.3,
        Some(1) => 0.6,
        Some(2) => 0.85,
        // A record without a place in the tree is a supplementary one, and specific.
        Some(_) | None => 1.0,
    };
    let only_signs = !descriptor.tree_numbers.is_empty()
        && descriptor
            .tree_numbers
            .iter()
            .all(|place| place.starts_with("C23"));
    if only_signs { by_depth * 0.6 } else { by_depth }
}

fn banded(stance: Stance, within: f64) -> f64 {
    match stance {
        Stance::Treats => 0.2 + 0.8 * within,
        Stance::Neither => 0.1 + 0.1 * within,
        Stance::Causes => 0.1 * within,
    }
}

#[cfg(test)]
mod tests {
    use phagen_domain::finding::{Ground, Span};
    use proptest::prelude::*;

    use super::*;

    fn descriptor(mesh_id: &str, tree_numbers: &[&str]) -> Descriptor {
        Descriptor {
            mesh_id: mesh_id.parse().unwrap(),
            name: mesh_id.to_owned(),
            tree_numbers: tree_numbers.iter().map(|&place| place.to_owned()).collect(),
        }
    }

    fn finding(evidence: u64, mesh_id: &str, stance: Stance, negated: bool) -> Finding {
        Finding {
            evidence_id: EvidenceId::pubmed(evidence),
            ground: Ground::Span(Span {
                passage: 1,
                start: 0,
                end: 4,
            }),
            mesh_id: mesh_id.parse().unwrap(),
            matched_text: "gout".to_owned(),
            negated,
            stance,
            score: 0.9,
        }
    }

    fn roll_up_one(findings: &[Finding]) -> RollUp {
        let gout = descriptor("D006073", &["C05.550.114.423"]);
        roll_up(
            findings,
            |_| 0.5,
            |id| (*id == gout.mesh_id).then_some(&gout),
        )
        .remove(0)
    }

    #[test]
    fn a_piece_of_evidence_counts_once_however_often_it_speaks() {
        let roll = roll_up_one(&[
            finding(1, "D006073", Stance::Neither, false),
            finding(1, "D006073", Stance::Treats, false),
            finding(1, "D006073", Stance::Neither, false),
            finding(2, "D006073", Stance::Neither, true),
        ]);
        assert_eq!(
            roll.counts,
            StanceCounts {
                treats: 1,
                negated: 1,
                ..StanceCounts::default()
            }
        );
        assert_eq!(roll.stance, Stance::Treats);
        assert_eq!(roll.evidence[0].findings, [1, 0, 2]);
    }

    #[test]
    fn a_tie_of_claims_is_read_as_harm() {
        let roll = roll_up_one(&[
            finding(1, "D006073", Stance::Treats, false),
            finding(2, "D006073", Stance::Causes, false),
        ]);
        assert_eq!(roll.stance, Stance::Causes);
    }

    #[test]
    fn a_use_needs_clearly_more_support_than_harm() {
        let surer = Finding {
            score: 1.0,
            ..finding(1, "D006073", Stance::Treats, false)
        };
        let harm = finding(2, "D006073", Stance::Causes, false);
        let second = finding(3, "D006073", Stance::Treats, false);
        let roll = roll_up_one(&[surer.clone(), harm.clone()]);
        assert_eq!(roll.stance, Stance::Causes);
        let roll = roll_up_one(&[surer, harm, second]);
        assert_eq!(roll.stance, Stance::Treats);
    }

    #[test]
    fn what_is_denied_claims_nothing() {
        let roll = roll_up_one(&[finding(1, "D006073", Stance::Treats, true)]);
        assert_eq!((roll.stance, roll.counts.negated), (Stance::Neither, 1));
        assert_eq!(roll.counts.treats, 0);
    }

    #[test]
    fn an_unknown_descriptor_is_left_out() {
        let findings = [finding(1, "D000001", Stance::Treats, false)];
        assert!(roll_up(&findings, |_| 1.0, |_| None).is_empty());
    }

    #[test]
    fn a_prefix_is_an_ancestor_only_up_to_a_dot() {
        let at = |place: &str| descriptor("D006073", &[place]);
        assert!(is_ancestor(&at("C04"), &at("C04.588")));
        assert!(!is_ancestor(&at("C04.58"), &at("C04.588")));
        assert!(!is_ancestor(&at("C04"), &at("C04")));
    }

    fn any_finding() -> impl Strategy<Value = Finding> {
        let stance = prop_oneof![
            Just(Stance::Treats),
            Just(Stance::Causes),
            Just(Stance::Neither)
        ];
        (1_u64..8, stance, any::<bool>())
            .prop_map(|(evidence, stance, negated)| finding(evidence, "D006073", stance, negated))
    }

    proptest! {
        #[test]
        fn a_roll_up_counts_every_piece_of_evidence_exactly_once(
            findings in prop::collection::vec(any_finding(), 1..40),
        ) {
            let roll = roll_up_one(&findings);
            let mut ids: Vec<_> = findings.iter().map(|f| f.evidence_id.clone()).collect();
            ids.sort();
            ids.dedup();
            let counts = roll.counts;
            let total = counts.treats + counts.causes + counts.neither + counts.negated;
            prop_assert_eq!(usize::try_from(total).unwrap(), ids.len());
            let n_indices: usize = roll.evidence.iter().map(|said| said.findings.len()).sum();
            prop_assert_eq!(n_indices, findings.len());
            prop_assert!((0.0..=1.0).contains(&roll.score));
        }

        #[test]
        fn harm_never_outscores_use(
            findings in prop::collection::vec(any_finding(), 1..40),
        ) {
            let roll = roll_up_one(&findings);
            let in_band = match roll.stance {
                Stance::Treats => roll.score > 0.2,
                Stance::Neither => (0.1..=0.2).contains(&roll.score),
                Stance::Causes => roll.score <= 0.1,
            };
            prop_assert!(in_band, "{:?} {}", roll.stance, roll.score);
        }
    }
}
