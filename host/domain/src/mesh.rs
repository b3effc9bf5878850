//! Medical Subject Headings, the vocabulary of diseases.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A MeSH identifier: `D…` for a descriptor, `C…` for a supplementary record, six or nine digits.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "D003110")]
pub struct MeshId(String);

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a MeSH id: expected `D` or `C` and six to nine digits")]
pub struct InvalidMeshId(String);

impl MeshId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MeshId {
    type Err = InvalidMeshId;

    fn from_str(text: &str) -> Result<Self, InvalidMeshId> {
        let digits = text.strip_prefix(['C', 'D']).unwrap_or_default();
        if matches!(digits.len(), 6..=9) && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidMeshId(text.to_owned()))
        }
    }
}

impl TryFrom<String> for MeshId {
    type Error = InvalidMeshId;

    fn try_from(text: String) -> Result<Self, InvalidMeshId> {
        text.parse()
    }
}

impl From<MeshId> for String {
    fn from(id: MeshId) -> Self {
        id.0
    }
}

impl fmt::Display for MeshId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A heading with its places in the tree. A supplementary record stands at its parents' places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    pub mesh_id: MeshId,
    pub name: String,
    /// Such as `C04.588.274`; a prefix up to a dot is an ancestor.
    pub tree_numbers: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_descriptors_and_supplementary_records_only() {
        assert!("D003110".parse::<MeshId>().is_ok());
        assert!("C000591739".parse::<MeshId>().is_ok());
        for text in [
            "",
            "D",
            "D12",
            "d003110",
            "D003110 ",
            "OMIM:1234",
            "D00311x",
            "D0031101234",
        ] {
            assert!(text.parse::<MeshId>().is_err(), "{text}");
        }
    }
}
