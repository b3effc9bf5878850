//! Which roll-ups a reader gets to see: the specific before the general, uses before side effects.

use std::collections::BTreeSet;

use phagen_domain::evidence::EvidenceId;

use crate::rollup::{RollUp, is_ancestor};

/// Places in MeSH that qualify a disease and are none: chromosome aberrations; death; disease itself;
/// acute, chronic, recurrent, progressing; side effects as such. What stands only at or below them
/// is left out.
const QUALIFIERS: [&str; 5] = [
    "C23.550.210",
    "C23.550.260",
    "C23.550.288",
    "C23.550.291",
    "C25.100",
];

/// The roll-ups worth showing, best first; ties by mesh id.
///
/// Left out: qualifiers, what is only denied, and a general descriptor all of whose evidence also
/// speaks of a more specific one that is kept and makes the same claim.
pub fn select(rolls: Vec<RollUp>) -> Vec<RollUp> {
    let candidates: Vec<RollUp> = rolls
        .into_iter()
        .filter(|roll| !is_qualifier(roll) && !is_only_denied(roll))
        .collect();
    let spoken: Vec<BTreeSet<EvidenceId>> = candidates.iter().map(evidence_ids).collect();
    let is_covered = |general: usize| {
        (0..candidates.len()).any(|special| {
            is_ancestor(
                &candidates[general].descriptor,
                &candidates[special].descriptor,
            ) && candidates[general].stance == candidates[special].stance
                && spoken[general].is_subset(&spoken[special])
        })
    };
    let covered: Vec<bool> = (0..candidates.len()).map(is_covered).collect();
    let mut kept: Vec<RollUp> = candidates
        .into_iter()
        .zip(covered)
        .filter_map(|(roll, covered)| (!covered).then_some(roll))
        .collect();
    kept.sort_by(|a, b| {
        (b.score.total_cmp(&a.score)).then_with(|| a.descriptor.mesh_id.cmp(&b.descriptor.mesh_id))
    });
    kept
}

fn is_qualifier(roll: &RollUp) -> bool {
    let places = &roll.descriptor.tree_numbers;
    !places.is_empty()
        && places.iter().all(|place| {
            QUALIFIERS.iter().any(|qualifier| {
                place
                    .strip_prefix(qualifier)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        })
}

fn is_only_denied(roll: &RollUp) -> bool {
    roll.evidence.iter().all(|said| said.negated)
}

fn evidence_ids(roll: &RollUp) -> BTreeSet<EvidenceId> {
    roll.evidence
        .iter()
        .map(|said| said.evidence_id.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use phagen_domain::{finding::Stance, mesh::Descriptor, suggestion::StanceCounts};

    use super::*;
    use crate::rollup::EvidenceStance;

    fn roll(name: &str, place: &str, stance: Stance, score: f64, evidence: &[u64]) -> RollUp {
        let mesh_id = format!("D{:06}", place.bytes().map(u32::from).sum::<u32>());
        RollUp {
            descriptor: Descriptor {
                mesh_id: mesh_id.parse().unwrap(),
                name: name.to_owned(),
                tree_numbers: vec![place.to_owned()],
            },
            stance,
            counts: StanceCounts::default(),
            score,
            evidence: evidence
                .iter()
                .map(|&id| EvidenceStance {
                    evidence_id: EvidenceId::pubmed(id),
                    stance,
                    negated: false,
                    weight: 0.5,
                    findings: vec![],
                })
                .collect(),
        }
    }

    fn names(rolls: &[RollUp]) -> Vec<&str> {
        rolls.iter().map(|r| r.descriptor.name.as_str()).collect()
    }

    #[test]
    fn a_general_descriptor_goes_when_a_specific_one_says_the_same() {
        let colorectal = || roll("Colorectal", "C04.588.274", Stance::Treats, 0.6, &[1, 2]);
        let same = roll("Neoplasms", "C04", Stance::Treats, 0.9, &[1]);
        let more = roll("Neoplasms", "C04", Stance::Treats, 0.9, &[1, 3]);
        let other_claim = roll("Neoplasms", "C04", Stance::Neither, 0.1, &[1]);
        assert_eq!(names(&select(vec![same, colorectal()])), ["Colorectal"]);
        assert_eq!(
            names(&select(vec![more, colorectal()])),
            ["Neoplasms", "Colorectal"]
        );
        assert_eq!(
            names(&select(vec![other_claim, colorectal()])),
            ["Colorectal", "Neoplasms"]
        );
    }

    #[test]
    fn qualifiers_and_denials_are_no_suggestions() {
        let recurrence = roll("Recurrence", "C23.550.291.937", Stance::Treats, 0.9, &[1]);
        let mut denied = roll("Gout", "C05.550.114.423", Stance::Neither, 0.1, &[2]);
        denied.evidence[0].negated = true;
        assert!(select(vec![recurrence, denied]).is_empty());
    }
}
