//! The recommendation for the molecule: the verdict on its best new use, or why there is none.

use phagen_domain::{
    assessment::{Assessment, GateInput, Recommendation},
    finding::Stance,
    suggestion::Suggestion,
};

use super::{Gap, RULE_SET, gates::next_query};

/// The best verdict among suggestions that are no known use; of equal verdicts, that of the higher
/// rank.
pub(crate) fn recommend(
    molecule: &str,
    suggestions: &[Suggestion],
    n_evidence: usize,
    gaps: &[Gap],
) -> Assessment {
    let new_uses = suggestions
        .iter()
        .filter(|s| !s.known_use && s.stance == Stance::Treats);
    if let Some(best) = new_uses.min_by_key(|s| (order(s.assessment.label), s.rank)) {
        return best.assessment.clone();
    }
    let known: Vec<&Suggestion> = suggestions.iter().filter(|s| s.known_use).collect();
    if !gaps.is_empty() {
        let mut reasons = vec![found(molecule, n_evidence)];
        reasons.extend(gaps.iter().map(|gap| gap.why.clone()));
        return nothing_new(1, reasons, Vec::new(), next_query(gaps));
    }
    if !known.is_empty() {
        let names: Vec<&str> = known.iter().map(|s| s.disease.as_str()).collect();
        let inputs = known
            .iter()
            .flat_map(|s| s.assessment.inputs.iter().cloned())
            .collect();
        return nothing_new(
            0,
            vec![format!(
                "every use that the evidence speaks for is on a label already: {}",
                names.join(", ")
            )],
            inputs,
            "one study in people that speaks for another disease".to_owned(),
        );
    }
    nothing_new(
        if n_evidence == 0 { 1 } else { 7 },
        vec![found(molecule, n_evidence)],
        Vec::new(),
        if n_evidence == 0 {
            format!(
                "one piece of evidence that names {molecule}: check the spelling, or add a synonym"
            )
        } else {
            "one study in people that speaks for a use".to_owned()
        },
    )
}

fn order(label: Recommendation) -> u8 {
    match label {
        Recommendation::Go => 0,
        Recommendation::Investigate => 1,
        // Of what is not recommended the higher rank decides.
        Recommendation::NoGo | Recommendation::InsufficientEvidence => 2,
    }
}

fn found(molecule: &str, n_evidence: usize) -> String {
    match n_evidence {
        0 => format!("no evidence names {molecule}"),
        1 => format!("1 piece of evidence names {molecule}, and speaks for no use"),
        n => format!("{n} pieces of evidence name {molecule}, and none speaks for a use"),
    }
}

fn nothing_new(
    gate: u32,
    reasons: Vec<String>,
    inputs: Vec<GateInput>,
    smallest_change: String,
) -> Assessment {
    let rule = match gate {
        0 => "known uses are no repurposing",
        1 => "without evidence of every required kind nothing is judged",
        _ => "without a claim of a use nothing is suggested",
    };
    Assessment {
        label: Recommendation::InsufficientEvidence,
        gate,
        rule: rule.to_owned(),
        rule_source: "GRADE: no evidence, no judgement".to_owned(),
        rule_set: RULE_SET.to_owned(),
        reasons,
        inputs,
        smallest_change,
        disease: None,
        mesh_id: None,
    }
}
