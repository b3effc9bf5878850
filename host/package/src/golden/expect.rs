//! What a case expects, said as loosely as its author likes.

use phagen_domain::{evidence::EvidenceId, finding::Stance, mesh::MeshId};
use serde::{Deserialize, Serialize};

use super::GoldenCall;

/// Findings that one case may expect: they are matched pair by pair.
pub const MAX_EXPECTED_FINDINGS: usize = 1_000;

#[derive(Debug, Clone, PartialEq)]
pub enum Expectation {
    /// The call fails with this code.
    Failure { code: String },
    Page {
        /// Exactly these, in this order.
        evidence_ids: Option<Vec<EvidenceId>>,
        /// So many candidates.
        n: Option<usize>,
    },
    /// Exactly these, in any order.
    Findings(Vec<ExpectedFinding>),
    Ranking {
        /// These first and in this order, best first; others may follow.
        order: Option<Vec<EvidenceId>>,
        /// One per candidate, in their order, within the case's tolerance.
        scores: Option<Vec<f32>>,
    },
}

/// A finding as far as a case cares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedFinding {
    pub mesh_id: MeshId,
    pub matched_text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_id: Option<EvidenceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negated: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stance: Option<Stance>,
}

/// An expectation as it is written: one object, of which each call uses its own keys.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExpectationText {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence_ids: Option<Vec<EvidenceId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<ExpectedFinding>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<Vec<EvidenceId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<Vec<f32>>,
}

impl ExpectationText {
    /// Refuses a key that the call does not answer, and an expectation that any answer meets.
    pub(super) fn for_call(self, case: &str, call: &GoldenCall) -> Result<Expectation, String> {
        let own_keys = match call {
            GoldenCall::Search(_) => "`evidence_ids`, `n`",
            GoldenCall::Find(_) => "`findings`",
            GoldenCall::Rerank(_) => "`order`, `scores`",
        };
        let refused = || {
            format!(
                "`expect` of case `{case}`, which asks a {}, must hold {own_keys} or, alone, `error`",
                call.world()
            )
        };
        let is_page = self.evidence_ids.is_some() || self.n.is_some();
        let is_ranking = self.order.is_some() || self.scores.is_some();
        let is_findings = self.findings.is_some();
        let expectation = match (self.error, is_page, is_findings, is_ranking, call) {
            (Some(code), false, false, false, _) => Expectation::Failure { code },
            (None, true, false, false, GoldenCall::Search(_)) => Expectation::Page {
                evidence_ids: self.evidence_ids,
                n: self.n,
            },
            (None, false, true, false, GoldenCall::Find(_)) => {
                let findings = self.findings.unwrap_or_default();
                if findings.len() > MAX_EXPECTED_FINDINGS {
                    return Err(format!(
                        "case `{case}` expects {} findings, more than the {MAX_EXPECTED_FINDINGS} that are allowed; split it",
                        findings.len()
                    ));
                }
                Expectation::Findings(findings)
            }
            (None, false, false, true, GoldenCall::Rerank(call)) => {
                let n_candidates = call.candidates.len();
                if let Some(scores) = &self.scores
                    && scores.len() != n_candidates
                {
                    return Err(format!(
                        "`expect.scores` of case `{case}` has {} numbers for {n_candidates} candidates",
                        scores.len()
                    ));
                }
                Expectation::Ranking {
                    order: self.order,
                    scores: self.scores,
                }
            }
            _ => return Err(refused()),
        };
        Ok(expectation)
    }
}

impl From<Expectation> for ExpectationText {
    fn from(expectation: Expectation) -> Self {
        let none = Self::default();
        match expectation {
            Expectation::Failure { code } => Self {
                error: Some(code),
                ..none
            },
            Expectation::Page { evidence_ids, n } => Self {
                evidence_ids,
                n,
                ..none
            },
            Expectation::Findings(findings) => Self {
                findings: Some(findings),
                ..none
            },
            Expectation::Ranking { order, scores } => Self {
                order,
                scores,
                ..none
            },
        }
    }
}
