//! The named places that plugins serve in, and what serves there.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Grant, World};
use crate::{digest::Digest, evidence::Attribute};

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

/// One place and everything that was decided about it: the one record of what serves where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    pub name: SlotName,
    pub world: World,
    /// Order within a chain, smallest first: of the rerankers the last one ranks.
    pub place: u32,
    pub serving: Activation,
    /// What served before, kept for the way back.
    pub previous: Option<Activation>,
    /// What is being tried beside `serving`.
    pub candidate: Option<Candidate>,
    /// Grows by one with every change of the row.
    pub generation: u64,
}

impl Slot {
    /// Every digest of a component that the slot names.
    pub fn plugin_digests(&self) -> impl Iterator<Item = Digest> {
        [Some(&self.serving), self.previous.as_ref()]
            .into_iter()
            .chain([self
                .candidate
                .as_ref()
                .map(|candidate| &candidate.activation)])
            .flatten()
            .map(|activation| activation.plugin_digest)
    }
}

/// A version with the artifact, the configuration and the grant that it serves with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// Name of the plugin, for people.
    pub plugin: String,
    pub plugin_digest: Digest,
    pub artifact_digest: Option<Digest>,
    pub config: Vec<Attribute>,
    /// The operator's side of what the guest may reach; the manifest's is the other.
    pub grant: Grant,
}

/// A version on trial beside the one that serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    pub activation: Activation,
    pub mode: TrialMode,
    pub share: Share,
}

/// How a candidate is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrialMode {
    /// It works on copies of finished jobs, and no result shows it.
    Shadow,
    /// It serves a share of the jobs.
    Canary,
}

impl TrialMode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Canary => "canary",
        }
    }
}

/// A part of all jobs: above 0, at most 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "f64", into = "f64")]
#[schema(value_type = f64, example = 0.1)]
pub struct Share(f64);

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a share of jobs: expected more than 0 and at most 1, such as 0.1")]
pub struct InvalidShare(f64);

impl Share {
    pub const ALL: Self = Self(1.0);

    pub fn new(share: f64) -> Result<Self, InvalidShare> {
        if share > 0.0 && share <= 1.0 {
            Ok(Self(share))
        } else {
            Err(InvalidShare(share))
        }
    }

    pub fn get(self) -> f64 {
        self.0
    }

    /// Whether the job whose random part is `lot` belongs to the share. The same job gets the same
    /// answer on every host and at every attempt.
    pub fn takes(self, lot: u32) -> bool {
        f64::from(lot) < self.0 * (f64::from(u32::MAX) + 1.0)
    }
}

impl TryFrom<f64> for Share {
    type Error = InvalidShare;

    fn try_from(share: f64) -> Result<Self, InvalidShare> {
        Self::new(share)
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        share.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slot_names_are_plain() {
        assert!("clinical".parse::<SlotName>().is_ok());
        for text in ["", "1st", "Clinical", "a b", "../x", &"a".repeat(65)] {
            assert!(text.parse::<SlotName>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_takes_its_part() {
        for share in [0.0, -0.1, 1.1, f64::NAN] {
            assert!(Share::new(share).is_err(), "{share}");
        }
        let tenth = Share::new(0.1).unwrap();
        let lots = (0..1_000_u32).map(|n| n * (u32::MAX / 1_000));
        let n_taken = lots.filter(|lot| tenth.takes(*lot)).count();
        assert!((99..=101).contains(&n_taken), "{n_taken}");
        assert!(Share::ALL.takes(u32::MAX));
    }
}
