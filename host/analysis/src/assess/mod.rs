//! The sixth step, second half: what the evidence allows one to say of a pair, gate by gate. The
//! rules are in [`gates`]; this module orders them and writes the verdict down so that it can be
//! checked by hand.

mod case;
pub(crate) mod cue;
mod gates;
pub(crate) mod level;
mod overall;
pub(crate) mod trial;
mod wording;

use phagen_domain::{
    assessment::{Assessment, GateInput, Recommendation},
    evidence::EvidenceKind,
    result::{SourceReport, SourceStatus},
};

pub(crate) use case::{Case, Said};
pub(crate) use overall::recommend;

/// Version of the gates. A change of any rule changes it.
pub const RULE_SET: &str = "phagen-gates/1";

/// Kinds of evidence without which a pair is not judged.
const REQUIRED_KINDS: [EvidenceKind; 3] = [
    EvidenceKind::Clinical,
    EvidenceKind::Literature,
    EvidenceKind::Regulatory,
];

/// A required kind of evidence that nobody answered for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    pub kind: EvidenceKind,
    pub why: String,
}

/// What a gate decided.
pub(crate) struct Verdict {
    pub label: Recommendation,
    pub reasons: Vec<String>,
    pub inputs: Vec<GateInput>,
    pub smallest_change: String,
}

/// The required kinds that no source answered for. `kinds` gives the kind of each reported source.
pub(crate) fn gaps(sources: &[(Option<EvidenceKind>, &SourceReport)]) -> Vec<Gap> {
    REQUIRED_KINDS
        .into_iter()
        .filter_map(|kind| {
            let of_kind: Vec<&SourceReport> = sources
                .iter()
                .filter(|(of, _)| *of == Some(kind))
                .map(|(_, report)| *report)
                .collect();
            let answered = of_kind
                .iter()
                .any(|r| matches!(r.status, SourceStatus::Found | SourceStatus::Empty));
            (!answered).then(|| Gap {
                kind,
                why: why_missing(kind, &of_kind),
            })
        })
        .collect()
}

fn why_missing(kind: EvidenceKind, of_kind: &[&SourceReport]) -> String {
    match of_kind.iter().find(|r| r.status == SourceStatus::Failed) {
        Some(failed) => format!(
            "the {kind} source `{}` failed: {}",
            failed.slot,
            failed.error.as_deref().unwrap_or("no reason given")
        ),
        None if of_kind.is_empty() => format!("no source gives {kind} evidence"),
        None => format!("no {kind} source was asked"),
    }
}

/// Sends a case through the gates, in order; the first that decides, decides.
pub(crate) fn assess(case: &Case<'_>) -> Assessment {
    for gate in &gates::GATES {
        if let Some(verdict) = (gate.decide)(case) {
            return Assessment {
                label: verdict.label,
                gate: gate.number,
                rule: gate.rule.to_owned(),
                rule_source: gate.source.to_owned(),
                rule_set: RULE_SET.to_owned(),
                reasons: verdict.reasons,
                inputs: verdict.inputs,
                smallest_change: verdict.smallest_change,
                disease: Some(case.descriptor.name.clone()),
                mesh_id: Some(case.descriptor.mesh_id.clone()),
            };
        }
    }
    unreachable!("the last gate always decides")
}
