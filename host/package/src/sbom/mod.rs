//! The list of software in a plugin, as `CycloneDX` 1.6 JSON, made from what its build locked.
//!
//! The list says what the lock file says; it looks into no binary and asks no network.

mod cargo;
mod npm;
mod python;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use cargo::from_cargo_lock;
pub use npm::from_package_lock;
pub use python::from_requirements;

use crate::PackageError;

const FORMAT: &str = "CycloneDX";

/// Bytes of a list.
pub const MAX_SBOM_BYTES: usize = 4 << 20;

/// A software list in the part of `CycloneDX` 1.6 that we write. Reading takes lists of other tools
/// too and drops what is not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sbom {
    pub bom_format: String,
    pub spec_version: String,
    #[serde(default = "one")]
    pub version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    #[serde(default)]
    pub components: Vec<Software>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
}

/// What the list is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Software>,
}

/// One package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Software {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default, rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    pub bom_ref: Option<String>,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hashes: Vec<Hash>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hash {
    /// `SHA-256` or `SHA-512`.
    pub alg: String,
    /// Hexadecimal.
    pub content: String,
}

/// What one package needs directly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependency {
    #[serde(rename = "ref")]
    pub of: String,
    #[serde(default, rename = "dependsOn", skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
}

fn one() -> u32 {
    1
}

/// Reads a list, of ours or of another tool.
pub fn read_sbom(json: &[u8]) -> Result<Sbom, PackageError> {
    let refused = |message: String| PackageError::Sbom { message };
    if json.len() > MAX_SBOM_BYTES {
        return Err(PackageError::TooLarge {
            what: "software list",
            size: json.len(),
            limit: MAX_SBOM_BYTES,
        });
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let sbom: Sbom = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| refused(format!("at `{}`: {}", error.path(), error.inner())))?;
    deserializer
        .end()
        .map_err(|error| refused(error.to_string()))?;
    if sbom.bom_format != FORMAT {
        return Err(refused(format!("`bomFormat` is `{}`", sbom.bom_format)));
    }
    Ok(sbom)
}

impl Sbom {
    /// The same software gives the same bytes: there is no serial number and no time in it.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and lists alone: there is nothing that JSON cannot write.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// `needs` names by `bom-ref` what each package needs directly.
    fn of(
        root: Software,
        components: BTreeSet<Software>,
        needs: BTreeMap<String, BTreeSet<String>>,
    ) -> Self {
        Self {
            bom_format: FORMAT.to_owned(),
            spec_version: "1.6".to_owned(),
            version: 1,
            metadata: Some(Metadata {
                component: Some(root),
            }),
            components: components.into_iter().collect(),
            dependencies: needs
                .into_iter()
                .map(|(of, needed)| Dependency {
                    of,
                    depends_on: needed.into_iter().collect(),
                })
                .collect(),
        }
    }
}

impl Software {
    fn root(name: &str, version: Option<&str>) -> Self {
        Self {
            kind: "application".to_owned(),
            bom_ref: Some(bom_ref(name, version)),
            name: name.to_owned(),
            version: version.map(str::to_owned),
            purl: None,
            hashes: Vec::new(),
        }
    }

    /// `purl` where a public registry has it.
    fn library(name: &str, version: Option<&str>, purl: Option<String>) -> Self {
        Self {
            kind: "library".to_owned(),
            purl,
            ..Self::root(name, version)
        }
    }
}

fn bom_ref(name: &str, version: Option<&str>) -> String {
    match version {
        Some(version) => format!("{name}@{version}"),
        None => name.to_owned(),
    }
}

/// The list as it is given, once it is known to be one: a list of another tool says more than we
/// read.
pub(crate) fn to_embedded(json: &[u8]) -> Result<Vec<u8>, PackageError> {
    read_sbom(json)?;
    Ok(json.to_vec())
}
