//! How verdicts are worded.

use phagen_domain::{assessment::GateInput, evidence::EvidenceId};

use super::{Case, Said, level::Level};

/// Such as `1 randomised trial, 2 registered trials speak for it`.
pub(super) fn design_counts(said: &[&Said]) -> String {
    let mut levels: Vec<Level> = said.iter().map(|said| said.level).collect();
    levels.sort_unstable();
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for level in levels {
        match counts.last_mut() {
            Some((name, n)) if *name == level.as_str() => *n += 1,
            _ => counts.push((level.as_str(), 1)),
        }
    }
    let parts: Vec<String> = counts
        .iter()
        .map(|(name, n)| format!("{n} of the kind `{name}`"))
        .collect();
    let verb = if said.len() == 1 { "speaks" } else { "speak" };
    format!("{} {verb} for it", parts.join(", "))
}

pub(super) fn says(n: usize) -> String {
    match n {
        1 => "1 piece of evidence says".to_owned(),
        n => format!("{n} pieces of evidence say"),
    }
}

/// Said where a use may be an approved one that the evidence does not show.
pub(super) fn approval_note(case: &Case<'_>) -> Option<String> {
    case.approved_elsewhere.then(|| {
        "the molecule is approved for some use, and no label of it was found: this use may be a known one"
            .to_owned()
    })
}

/// Up to five ids, and how many more.
pub(super) fn listed(ids: &[EvidenceId]) -> String {
    const N_SHOWN: usize = 5;
    let shown: Vec<&str> = ids.iter().take(N_SHOWN).map(EvidenceId::as_str).collect();
    let more = ids.len().saturating_sub(N_SHOWN);
    if more == 0 {
        shown.join(", ")
    } else {
        format!("{} and {more} more", shown.join(", "))
    }
}

pub(super) fn input(name: &str, evidence_ids: Vec<EvidenceId>) -> GateInput {
    GateInput {
        name: name.to_owned(),
        evidence_ids,
    }
}
