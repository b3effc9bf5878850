//! Why an analysis ends without a result. A source, mapper or reranker that fails is no such
//! reason: it degrades the result.

use crate::structure::SmilesError;

#[derive(Debug, thiserror::Error)]
pub enum AnalysisError {
    #[error("source `{asked}` does not exist; there are `{}`", known.join("`, `"))]
    UnknownSource { asked: String, known: Vec<String> },
    #[error("the structure of `{molecule}` cannot be read")]
    Smiles {
        molecule: String,
        #[source]
        cause: SmilesError,
    },
    #[error("resolving `{molecule}` was interrupted")]
    Interrupted { molecule: String },
    #[error(
        "no slot holds a reranker: activate one, or restart `phagen serve` to seed the built-in one"
    )]
    NoReranker,
    #[error("{what} cannot be written as a cache key")]
    Key {
        what: &'static str,
        #[source]
        cause: serde_json::Error,
    },
}

impl AnalysisError {
    /// Whether the same job may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Interrupted { .. } => true,
            Self::UnknownSource { .. }
            | Self::Smiles { .. }
            | Self::NoReranker
            | Self::Key { .. } => false,
        }
    }
}
