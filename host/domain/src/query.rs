//! What is asked of a source, and what a source asks of the corpus.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    evidence::{Attribute, EvidenceKind},
    molecule::Molecule,
};

/// What a job wants to know, as every guest sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Query {
    pub molecule: Molecule,
    /// Today, for the guest: a replay must see the date of the first run.
    pub as_of: NaiveDate,
    pub attributes: Vec<Attribute>,
}

/// A search of the host's own corpus.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CorpusRequest {
    /// A document that holds none of these, as a phrase, is not found. Empty: `text` alone decides.
    pub names: Vec<String>,
    /// Further words that lift a document but need not occur.
    pub text: String,
    pub kind: Option<EvidenceKind>,
    pub year_from: Option<u16>,
    pub year_to: Option<u16>,
    /// 1 to [`CorpusRequest::MAX_LIMIT`].
    pub limit: u32,
    pub cursor: Option<String>,
}

impl CorpusRequest {
    pub const MAX_LIMIT: u32 = 200;
}
