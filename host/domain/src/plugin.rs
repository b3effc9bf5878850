//! What an operator installs, and the slots it serves in.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{digest::Digest, evidence::Attribute};

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

/// The named place a plugin serves in: 1 to 64 of `a-z`, `0-9`, `-`, `_`, a letter first.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "clinical")]
pub struct SlotName(String);

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a slot name: expected 1 to 64 of `a-z`, `0-9`, `-` and `_`, a letter first")]
pub struct InvalidSlotName(String);

impl SlotName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SlotName {
    type Err = InvalidSlotName;

    fn from_str(text: &str) -> Result<Self, InvalidSlotName> {
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        let first_is_letter = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if first_is_letter && text.len() <= 64 && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSlotName(text.to_owned()))
        }
    }
}

impl TryFrom<String> for SlotName {
    type Error = InvalidSlotName;

    fn try_from(text: String) -> Result<Self, InvalidSlotName> {
        text.parse()
    }
}

impl From<SlotName> for String {
    fn from(name: SlotName) -> Self {
        name.0
    }
}

impl fmt::Display for SlotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which plugin, artifact and configuration serves in a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    pub name: SlotName,
    pub world: World,
    /// Name of the plugin, for people.
    pub plugin: String,
    pub plugin_digest: Digest,
    pub artifact_digest: Option<Digest>,
    pub config: Vec<Attribute>,
    pub grant: Grant,
    /// Grows by one with every change of the row.
    pub generation: u64,
}

/// What a slot's guest may reach. Everything else is denied at the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Grant {
    /// Search of the host's corpus.
    pub corpus: bool,
    /// The slot's artifact.
    pub artifact: bool,
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

    #[test]
    fn slot_names_are_plain() {
        assert!("clinical".parse::<SlotName>().is_ok());
        for text in ["", "1st", "Clinical", "a b", "../x", &"a".repeat(65)] {
            assert!(text.parse::<SlotName>().is_err(), "{text}");
        }
    }
}
