//! A digest of a plugin on its way from upload to retirement, and the record of every move.
//!
//! `uploaded → verified → compiled → checked → (shadow → canary →) active → draining → retired`;
//! `rejected` from a gate, `quarantined` from where it served; `retired` serves again without
//! another upload.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Manifest, PluginName, SlotName, World};
use crate::digest::Digest;

/// Where a version stands.
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
pub enum VersionState {
    /// Stored; no gate passed yet.
    Uploaded,
    /// Whole, of a world, signed as the policy asks.
    Verified,
    /// Machine code for this host lies in the cache.
    Compiled,
    /// It ran: self-test, golden cases, equal bits. It may serve.
    Checked,
    Shadow,
    Canary,
    Active,
    /// No slot names it any more; calls that began with it may still run.
    Draining,
    Retired,
    /// A gate refused it.
    Rejected,
    /// It failed while it served, or an operator took it out. It does not serve again unless
    /// forced.
    Quarantined,
}

impl VersionState {
    pub const ALL: [Self; 11] = [
        Self::Uploaded,
        Self::Verified,
        Self::Compiled,
        Self::Checked,
        Self::Shadow,
        Self::Canary,
        Self::Active,
        Self::Draining,
        Self::Retired,
        Self::Rejected,
        Self::Quarantined,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uploaded => "uploaded",
            Self::Verified => "verified",
            Self::Compiled => "compiled",
            Self::Checked => "checked",
            Self::Shadow => "shadow",
            Self::Canary => "canary",
            Self::Active => "active",
            Self::Draining => "draining",
            Self::Retired => "retired",
            Self::Rejected => "rejected",
            Self::Quarantined => "quarantined",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether a slot may take it.
    pub fn may_serve(self) -> bool {
        matches!(
            self,
            Self::Checked
                | Self::Shadow
                | Self::Canary
                | Self::Active
                | Self::Draining
                | Self::Retired
        )
    }

    /// Whether a gate still has to look at it.
    pub fn awaits_a_gate(self) -> bool {
        matches!(self, Self::Uploaded | Self::Verified | Self::Compiled)
    }
}

/// One digest of a plugin, as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PluginVersion {
    #[schema(value_type = String)]
    pub digest: Digest,
    /// From the manifest, else what the operator called it at upload.
    pub name: PluginName,
    /// The plugin's own version number, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    pub world: World,
    pub size_bytes: u64,
    pub state: VersionState,
    pub signature: Signature,
    /// The signature file as uploaded, in minisign's format; kept so that it can be checked again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minisig: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Manifest>,
    /// Came with the host itself.
    pub built_in: bool,
    /// What each gate saw, in order.
    pub gates: Vec<GateReport>,
    /// Why it was rejected or quarantined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub uploaded_at: DateTime<Utc>,
    pub uploaded_by: String,
}

/// What is known of who made the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Signature {
    NotSigned,
    Failed { reason: String },
    Verified { key: String },
}

/// A key whose signatures count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PublisherKey {
    /// Who holds it, for people; unique.
    pub name: String,
    /// The base64 line of a minisign public key.
    pub public_key: String,
    pub added_at: DateTime<Utc>,
    pub added_by: String,
    /// Signatures count until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// From then on none counts, whenever it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A gate between two states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    Verify,
    Compile,
    Check,
}

/// What one gate saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GateReport {
    pub gate: Gate,
    pub passed: bool,
    pub milliseconds: f64,
    /// What was looked at and found; on failure the last one says what to mend.
    pub notes: Vec<String>,
}

/// What somebody did, or the host did by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Upload,
    Verify,
    Compile,
    Check,
    Reject,
    Activate,
    Shadow,
    Canary,
    Promote,
    Rollback,
    Quarantine,
    Retire,
    /// A built-in slot was made or moved to the plugin as it is built now.
    Seed,
    /// Another artifact for the same version.
    ChangeArtifact,
    /// Another operator's side of what the version that serves may reach.
    Grant,
}

impl Verb {
    pub const ALL: [Self; 15] = [
        Self::Upload,
        Self::Verify,
        Self::Compile,
        Self::Check,
        Self::Reject,
        Self::Activate,
        Self::Shadow,
        Self::Canary,
        Self::Promote,
        Self::Rollback,
        Self::Quarantine,
        Self::Retire,
        Self::Seed,
        Self::ChangeArtifact,
        Self::Grant,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Verify => "verify",
            Self::Compile => "compile",
            Self::Check => "check",
            Self::Reject => "reject",
            Self::Activate => "activate",
            Self::Shadow => "shadow",
            Self::Canary => "canary",
            Self::Promote => "promote",
            Self::Rollback => "rollback",
            Self::Quarantine => "quarantine",
            Self::Retire => "retire",
            Self::Seed => "seed",
            Self::ChangeArtifact => "change_artifact",
            Self::Grant => "grant",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == name)
    }
}

/// Who moved something, and why. `host` is the host itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Cause {
    pub verb: Verb,
    pub actor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Cause {
    /// The actor of what the host does by itself.
    pub const HOST: &'static str = "host";

    pub fn host(verb: Verb, reason: impl Into<String>) -> Self {
        Self {
            verb,
            actor: Self::HOST.to_owned(),
            reason: Some(reason.into()),
        }
    }
}

/// One line of the append-only record of moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PluginEvent {
    /// Grows with every event, across all plugins and slots.
    pub seq: u64,
    pub at: DateTime<Utc>,
    #[serde(flatten)]
    pub cause: Cause,
    #[schema(value_type = String)]
    pub digest: Digest,
    /// State of the version after the move.
    pub state: VersionState,
    /// The slot that changed, if one did, and its generation after the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<SlotName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_verbs_are_found_by_their_names() {
        for state in VersionState::ALL {
            assert_eq!(VersionState::from_name(state.as_str()), Some(state));
        }
        for verb in Verb::ALL {
            assert_eq!(Verb::from_name(verb.as_str()), Some(verb));
        }
    }

    #[test]
    fn what_no_gate_passed_or_was_taken_out_does_not_serve() {
        use VersionState as S;
        for state in [
            S::Uploaded,
            S::Verified,
            S::Compiled,
            S::Rejected,
            S::Quarantined,
        ] {
            assert!(!state.may_serve(), "{state:?}");
        }
        assert!(S::Retired.may_serve(), "the way back needs no upload");
    }
}
