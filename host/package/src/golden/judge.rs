//! An answer held against what its case expects.

use phagen_domain::{
    evidence::{EvidenceId, Page},
    finding::Finding,
};

use super::{Expectation, ExpectedFinding, GoldenCall, GoldenCase};

/// What the plugin answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Found(Page),
    Findings(Vec<Finding>),
    /// One score per candidate, in their order.
    Ranked {
        scores: Vec<f32>,
    },
    /// The code of the guest's failure, else of the host's error.
    Failed {
        code: String,
    },
}

impl Answer {
    fn in_words(&self) -> String {
        match self {
            Self::Found(page) => format!("{} candidates", page.candidates.len()),
            Self::Findings(findings) => format!("{} findings", findings.len()),
            Self::Ranked { scores } => format!("{} scores", scores.len()),
            Self::Failed { code } => format!("the failure `{code}`"),
        }
    }
}

impl GoldenCase {
    /// Whether the answer is the expected one; if not, the first difference in words.
    pub fn judge(&self, answer: &Answer) -> Result<(), String> {
        match (&self.expect, answer) {
            (Expectation::Failure { code: expected }, Answer::Failed { code }) => {
                if code == expected {
                    return Ok(());
                }
                Err(format!("expected the failure `{expected}`, got `{code}`"))
            }
            (Expectation::Page { evidence_ids, n }, Answer::Found(page)) => {
                judge_page(evidence_ids.as_deref(), *n, page)
            }
            (Expectation::Findings(expected), Answer::Findings(findings)) => {
                judge_findings(expected, findings)
            }
            (Expectation::Ranking { order, scores }, Answer::Ranked { scores: given }) => {
                self.judge_scores(scores.as_deref(), given)?;
                self.judge_order(order.as_deref(), given)
            }
            (Expectation::Failure { code }, answer) => Err(format!(
                "expected the failure `{code}`, got {}",
                answer.in_words()
            )),
            (_, answer) => Err(format!(
                "expected an answer of a {}, got {}",
                self.call.world(),
                answer.in_words()
            )),
        }
    }

    fn judge_scores(&self, expected: Option<&[f32]>, given: &[f32]) -> Result<(), String> {
        let Some(expected) = expected else {
            return Ok(());
        };
        if expected.len() != given.len() {
            return Err(format!(
                "expected {} scores, got {}",
                expected.len(),
                given.len()
            ));
        }
        for (n, (expected, given)) in expected.iter().zip(given).enumerate() {
            let is_equal = expected.to_bits() == given.to_bits();
            // Not `>`: a NaN is close to nothing.
            let is_close = (expected - given).abs() <= self.tolerance && self.tolerance > 0.0;
            if !is_equal && !is_close {
                return Err(format!(
                    "score {n} (from 0): expected {expected} within {}, got {given}",
                    self.tolerance
                ));
            }
        }
        Ok(())
    }

    fn judge_order(&self, expected: Option<&[EvidenceId]>, scores: &[f32]) -> Result<(), String> {
        let (Some(expected), GoldenCall::Rerank(call)) = (expected, &self.call) else {
            return Ok(());
        };
        if call.candidates.len() != scores.len() {
            return Err(format!(
                "expected {} scores, got {}",
                call.candidates.len(),
                scores.len()
            ));
        }
        let mut ranking: Vec<(&EvidenceId, f32)> = call
            .candidates
            .iter()
            .map(|candidate| &candidate.evidence.evidence_id)
            .zip(scores.iter().copied())
            .collect();
        // Stable, so that equal scores keep the order of the candidates.
        ranking.sort_by(|a, b| b.1.total_cmp(&a.1));
        for (n, expected) in expected.iter().enumerate() {
            match ranking.get(n) {
                Some((given, _)) if *given == expected => {}
                Some((given, _)) => {
                    return Err(format!(
                        "rank {}: expected `{expected}`, got `{given}`",
                        n + 1
                    ));
                }
                None => {
                    return Err(format!(
                        "rank {}: expected `{expected}`, got nothing",
                        n + 1
                    ));
                }
            }
        }
        Ok(())
    }
}

fn judge_page(ids: Option<&[EvidenceId]>, n: Option<usize>, page: &Page) -> Result<(), String> {
    let given: Vec<&EvidenceId> = page
        .candidates
        .iter()
        .map(|candidate| &candidate.evidence.evidence_id)
        .collect();
    if let Some(n) = n
        && n != given.len()
    {
        return Err(format!("expected {n} candidates, got {}", given.len()));
    }
    let Some(ids) = ids else { return Ok(()) };
    for place in 0..ids.len().max(given.len()) {
        match (ids.get(place), given.get(place)) {
            (Some(expected), Some(given)) if expected == *given => {}
            (Some(expected), Some(given)) => {
                return Err(format!(
                    "candidate {place} (from 0): expected `{expected}`, got `{given}`"
                ));
            }
            (Some(expected), None) => {
                return Err(format!(
                    "candidate {place} (from 0): expected `{expected}`, got no more"
                ));
            }
            (None, Some(given)) => {
                return Err(format!(
                    "candidate {place} (from 0): expected no more, got `{given}`"
                ));
            }
            (None, None) => {}
        }
    }
    Ok(())
}

/// Each expected finding takes one of its own. A loosely said one must not take what a closer one
/// needs, so a finding already taken is given up when its taker has another to go to.
fn judge_findings(expected: &[ExpectedFinding], given: &[Finding]) -> Result<(), String> {
    let mut taken_by: Vec<Option<usize>> = vec![None; given.len()];
    for (wanted, expectation) in expected.iter().enumerate() {
        let mut seen = vec![false; given.len()];
        if !take(wanted, expected, given, &mut taken_by, &mut seen) {
            return Err(format!(
                "expected a finding of {} in `{}`, got {}",
                expectation.mesh_id,
                expectation.matched_text,
                nearest(expectation, given)
            ));
        }
    }
    let unexpected = taken_by.iter().position(Option::is_none);
    match unexpected.and_then(|n| given.get(n)) {
        None => Ok(()),
        Some(finding) => Err(format!(
            "an unexpected finding of {} in `{}` of `{}`",
            finding.mesh_id, finding.matched_text, finding.evidence_id
        )),
    }
}

fn take(
    wanted: usize,
    expected: &[ExpectedFinding],
    given: &[Finding],
    taken_by: &mut [Option<usize>],
    seen: &mut [bool],
) -> bool {
    for n in 0..given.len() {
        if seen[n] || !fits(&expected[wanted], &given[n]) {
            continue;
        }
        seen[n] = true;
        let is_free = match taken_by[n] {
            None => true,
            Some(other) => take(other, expected, given, taken_by, seen),
        };
        if is_free {
            taken_by[n] = Some(wanted);
            return true;
        }
    }
    false
}

fn fits(expected: &ExpectedFinding, given: &Finding) -> bool {
    expected.mesh_id == given.mesh_id
        && expected.matched_text == given.matched_text
        && expected
            .evidence_id
            .as_ref()
            .is_none_or(|id| *id == given.evidence_id)
        && expected
            .negated
            .is_none_or(|negated| negated == given.negated)
        && expected.stance.is_none_or(|stance| stance == given.stance)
}

/// What stands closest to a missing finding, for the message.
fn nearest(expected: &ExpectedFinding, given: &[Finding]) -> String {
    let same = given.iter().find(|finding| {
        finding.mesh_id == expected.mesh_id && finding.matched_text == expected.matched_text
    });
    if let Some(finding) = same {
        let negated = if finding.negated { ", negated" } else { "" };
        return format!(
            "it in `{}` with stance `{}`{negated}",
            finding.evidence_id,
            finding.stance.as_str()
        );
    }
    let descriptors: std::collections::BTreeSet<String> = given
        .iter()
        .take(8)
        .map(|finding| format!("{} in `{}`", finding.mesh_id, finding.matched_text))
        .collect();
    if descriptors.is_empty() {
        return "no findings".to_owned();
    }
    descriptors.into_iter().collect::<Vec<_>>().join(", ")
}
