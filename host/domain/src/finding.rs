//! What a mapper says of one span of one passage.

use serde::{Deserialize, Serialize};

use crate::{evidence::EvidenceId, mesh::MeshId};

/// What a passage says of a molecule and a disease.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Stance {
    Treats,
    Causes,
    Neither,
}

impl Stance {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Treats => "treats",
            Self::Causes => "causes",
            Self::Neither => "neither",
        }
    }

    /// Total: an unknown stance claims nothing.
    pub fn from_name(name: &str) -> Self {
        match name {
            "treats" => Self::Treats,
            "causes" => Self::Causes,
            _ => Self::Neither,
        }
    }
}

/// UTF-8 byte offsets into the text of a passage, end excluded.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
pub struct Span {
    /// The passage's ordinal, 0 for the title.
    pub passage: u32,
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// The spanned part of `text`; none when the span leaves it or splits a character.
    pub fn of(self, text: &str) -> Option<&str> {
        text.get(self.start as usize..self.end as usize)
    }
}

/// Where a finding comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    Span(Span),
    /// A place outside the text, in words.
    Basis(String),
}

/// One disease in one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub evidence_id: EvidenceId,
    pub ground: Ground,
    pub mesh_id: MeshId,
    pub matched_text: String,
    /// The text denies the disease.
    pub negated: bool,
    pub stance: Stance,
    /// Raw and uncalibrated, higher is surer.
    pub score: f32,
}
