//! What an operator installs, and the slots it serves in.

mod comparison;
mod grant;
mod manifest;
mod slot;
mod version;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use comparison::{Compared, Comparison, ComparisonOutcome};
pub use grant::{Grant, HttpGrant, InvalidOrigin, Origin};
pub use manifest::{
    InstancePolicy, InvalidPluginName, Keep, LimitRequest, Manifest, PluginFacts, PluginName,
    SelfTest,
};
pub use slot::{
    Activation, Candidate, InvalidShare, InvalidSlotName, Share, Slot, SlotName, TrialMode,
};
pub use version::{
    Cause, Gate, GateReport, PluginEvent, PluginVersion, PublisherKey, Signature, Verb,
    VersionState,
};

/// The three kinds of plugin, each with a world of its own.
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
pub enum World {
    Source,
    Mapper,
    Reranker,
}

impl World {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Mapper => "mapper",
            Self::Reranker => "reranker",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Source, Self::Mapper, Self::Reranker]
            .into_iter()
            .find(|world| world.as_str() == name)
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a guest's call failed, in the guest's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} (`{code}`)")]
pub struct Failure {
    pub code: String,
    pub retryable: bool,
    pub retry_after_ms: Option<u64>,
    pub message: String,
}

impl Failure {
    /// The codes of the contract. An unknown one is never retried.
    pub const CODES: [&'static str; 8] = [
        "invalid-input",
        "invalid-config",
        "artifact-mismatch",
        "not-found",
        "denied",
        "unavailable",
        "rate-limited",
        "internal",
    ];

    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            retryable: false,
            retry_after_ms: None,
            message: message.into(),
        }
    }

    /// Whether to try again: only when the guest asks for it by a code that the host knows.
    pub fn should_retry(&self) -> bool {
        self.retryable && Self::CODES.contains(&self.code.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_code_is_not_retried() {
        let mut failure = Failure {
            retryable: true,
            ..Failure::new("unavailable", "registry is down")
        };
        assert!(failure.should_retry());
        failure.code = "gremlins".into();
        assert!(!failure.should_retry());
    }
}
