//! A disease that a job proposes for its molecule.

use serde::{Deserialize, Serialize};

use crate::{
    assessment::Assessment,
    digest::Digest,
    evidence::EvidenceId,
    finding::{Span, Stance},
    mesh::MeshId,
};

/// How many pieces of evidence take each stance on the pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StanceCounts {
    pub treats: u32,
    pub causes: u32,
    pub neither: u32,
    /// Evidence that names the disease only to deny it.
    pub negated: u32,
}

/// One place that speaks for, against or merely of the pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Basis {
    pub evidence_id: EvidenceId,
    /// None when the mapper knows from elsewhere; `note` then says from where.
    pub span: Option<Span>,
    /// The words that named the disease.
    pub matched_text: String,
    /// The sentence around them.
    pub quote: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    pub stance: Stance,
    pub negated: bool,
    /// The mapper's raw score.
    pub score: f32,
    /// Digests of the plugins that named the disease in this passage.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub mappers: Vec<Digest>,
}

/// A molecule–descriptor pair that a job proposes: findings rolled up by the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Suggestion {
    /// 1-based.
    pub rank: u32,
    pub disease: String,
    pub mesh_id: MeshId,
    pub tree_numbers: Vec<String>,
    /// 0..=1, uncalibrated; orders the list and nothing else.
    pub score: f32,
    /// The stance that prevails.
    pub stance: Stance,
    pub stance_counts: StanceCounts,
    /// A regulator's label already names this use.
    pub known_use: bool,
    pub basis: Vec<Basis>,
    pub evidence_ids: Vec<EvidenceId>,
    pub assessment: Assessment,
}
