//! The narrative of a result, every sentence tied to the text it rests on.

use serde::{Deserialize, Serialize};

use crate::{digest::Digest, evidence::EvidenceId, finding::Span};

/// A place in stored text, locked by the digest of what stood there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Quote {
    pub evidence_id: EvidenceId,
    pub span: Span,
    /// blake3 of the spanned bytes when the sentence was written.
    #[schema(value_type = String)]
    pub digest: Digest,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Sentence {
    pub text: String,
    pub quotes: Vec<Quote>,
    /// Set on reading, when a quote no longer matches the stored text; `text` is then empty.
    #[serde(default, skip_serializing_if = "is_false")]
    pub struck: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it by reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}
