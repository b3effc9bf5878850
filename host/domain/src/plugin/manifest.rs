//! What a plugin says of itself before any of its code runs: `plugin.toml`, which `phagen plugin
//! build` embeds into the component. Reading the file and the component is `phagen-package`'s.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Grant, World};

/// `plugin.toml`. A key that nobody knows is refused: a misspelt limit must not be none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub plugin: PluginFacts,
    /// What it asks for.
    #[serde(default)]
    pub grant: Grant,
    #[serde(default)]
    pub limits: LimitRequest,
    #[serde(default)]
    pub instance: InstancePolicy,
    #[serde(default)]
    pub self_test: SelfTest,
}

/// Who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginFacts {
    pub name: PluginName,
    /// Semantic version of the plugin itself, for people; its identity is its digest.
    pub version: String,
    pub world: World,
    /// SPDX expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
}

/// What it needs beyond the host's defaults. The operator's caps are the last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Wall time of one call, after `init`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_milliseconds: Option<u64>,
    /// Wall time of instantiation and `init`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_deadline_milliseconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
}

/// How long an instance lives. Without `keep` each call gets a fresh one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InstancePolicy {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Keep>,
}

/// When a kept instance is discarded. Only for guests that hold nothing between calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    pub max_calls: u32,
    pub max_age_seconds: u64,
    /// Linear memory past which it is not kept.
    pub max_memory_bytes: u64,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            max_calls: 10_000,
            max_age_seconds: 600,
            max_memory_bytes: 32 << 20,
        }
    }
}

/// Calls with known answers, run before the version may serve.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SelfTest {
    /// File of the cases, beside `plugin.toml`; `build` embeds it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cases: Option<String>,
    /// A candidate's score depends on its place in the list, as where the second of two alike
    /// counts less. Otherwise the host holds that it does not. For rerankers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reads_order: bool,
}

/// 1 to 64 of `a-z`, `0-9` and `-`, a letter first.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "evidence-reranker")]
pub struct PluginName(String);

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a plugin name: expected 1 to 64 of `a-z`, `0-9` and `-`, a letter first")]
pub struct InvalidPluginName(String);

impl PluginName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PluginName {
    type Err = InvalidPluginName;

    fn from_str(text: &str) -> Result<Self, InvalidPluginName> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let first_is_letter = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if first_is_letter && text.len() <= 64 && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPluginName(text.to_owned()))
        }
    }
}

impl TryFrom<String> for PluginName {
    type Error = InvalidPluginName;

    fn try_from(text: String) -> Result<Self, InvalidPluginName> {
        text.parse()
    }
}

impl From<PluginName> for String {
    fn from(name: PluginName) -> Self {
        name.0
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugin_names_are_plain() {
        assert!("evidence-reranker".parse::<PluginName>().is_ok());
        for text in ["", "-a", "A", "a_b", "a/b", &"a".repeat(65)] {
            assert!(text.parse::<PluginName>().is_err(), "{text}");
        }
    }
}
