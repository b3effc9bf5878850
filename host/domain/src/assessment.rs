//! What the evidence allows one to say of a pair, gate by gate.

use serde::{Deserialize, Serialize};

use crate::{evidence::EvidenceId, mesh::MeshId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recommendation {
    Go,
    Investigate,
    NoGo,
    InsufficientEvidence,
}

impl Recommendation {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Investigate => "investigate",
            Self::NoGo => "no_go",
            Self::InsufficientEvidence => "insufficient_evidence",
        }
    }
}

/// One named list of evidence that a gate looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GateInput {
    /// Such as `completed_trials`, `terminated_trials`, `label_indications`.
    pub name: String,
    pub evidence_ids: Vec<EvidenceId>,
}

/// The verdict on one pair, with everything needed to check it by hand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Assessment {
    pub label: Recommendation,
    /// Number of the gate that decided, in the order of `docs/architecture.md`.
    pub gate: u32,
    /// The rule of that gate, in words.
    pub rule: String,
    /// Where the rule comes from.
    pub rule_source: String,
    /// Version of the set of rules, such as `phagen-gates/1`.
    pub rule_set: String,
    pub reasons: Vec<String>,
    pub inputs: Vec<GateInput>,
    /// The smallest change of the evidence that would alter the label.
    pub smallest_change: String,
    /// The pair that the verdict is about; none when there is nothing to judge.
    pub disease: Option<String>,
    pub mesh_id: Option<MeshId>,
}
