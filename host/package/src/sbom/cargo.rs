//! A Rust plugin's software, from the `Cargo.lock` of its workspace.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Hash, Sbom, Software, bom_ref};
use crate::PackageError;

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    /// `name`, or `name version`, or `name version (source)` where the shorter is not clear.
    #[serde(default)]
    dependencies: Vec<String>,
}

/// What `package` of this lock file is made of: everything that it needs, directly or not. A lock
/// file does not tell apart what only builds or tests need, so that is in the list too.
pub fn from_cargo_lock(lock: &str, package: &str) -> Result<Sbom, PackageError> {
    let refused = |message: String| PackageError::Dependencies {
        what: "Cargo.lock",
        message,
    };
    let lock: Lock = toml::from_str(lock).map_err(|error| refused(error.message().to_owned()))?;
    let root = lock
        .package
        .iter()
        .find(|locked| locked.name == package && locked.source.is_none())
        .ok_or_else(|| {
            refused(format!(
                "there is no package `{package}` of the workspace in it"
            ))
        })?;
    let mut by_name: BTreeMap<&str, Vec<&Locked>> = BTreeMap::new();
    for locked in &lock.package {
        by_name.entry(&locked.name).or_default().push(locked);
    }
    let mut components = BTreeSet::new();
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut waiting = vec![root];
    while let Some(locked) = waiting.pop() {
        let of = bom_ref(&locked.name, Some(&locked.version));
        if needs.contains_key(&of) {
            continue;
        }
        let mut needed = BTreeSet::new();
        for dependency in &locked.dependencies {
            let found = find(&by_name, dependency).ok_or_else(|| {
                refused(format!("`{dependency}`, which `{of}` needs, is not in it"))
            })?;
            needed.insert(bom_ref(&found.name, Some(&found.version)));
            components.insert(software(found));
            waiting.push(found);
        }
        needs.insert(of, needed);
    }
    let root = Software::root(&root.name, Some(&root.version));
    Ok(Sbom::of(root, components, needs))
}

fn find<'l>(by_name: &BTreeMap<&str, Vec<&'l Locked>>, dependency: &str) -> Option<&'l Locked> {
    let mut words = dependency.split(' ');
    let name = words.next()?;
    let (version, source) = (words.next(), words.next());
    let is_meant = |locked: &&&Locked| {
        version.is_none_or(|version| locked.version == version)
            && source.is_none_or(|source| {
                let own = locked.source.as_deref().unwrap_or_default();
                source.trim_matches(['(', ')']) == own
            })
    };
    by_name.get(name)?.iter().find(is_meant).copied()
}

fn software(locked: &Locked) -> Software {
    let is_public = locked
        .source
        .as_deref()
        .is_some_and(|source| source.contains("github.com/rust-lang/crates.io-index"));
    let purl = is_public.then(|| format!("pkg:cargo/{}@{}", locked.name, locked.version));
    let mut software = Software::library(&locked.name, Some(&locked.version), purl);
    software.hashes = locked
        .checksum
        .iter()
        .map(|checksum| Hash {
            alg: "SHA-256".to_owned(),
            content: checksum.clone(),
        })
        .collect();
    software
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 4

[[package]]
name = "plugin"
version = "0.3.0"
dependencies = ["sdk", "twice 2.0.0"]

[[package]]
name = "sdk"
version = "0.1.0"
dependencies = ["twice 1.0.0", "plugin"]

[[package]]
name = "twice"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "aa"

[[package]]
name = "twice"
version = "2.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "bb"

[[package]]
name = "elsewhere"
version = "9.0.0"
"#;

    #[test]
    fn a_list_holds_what_the_plugin_needs_and_nothing_else() {
        let sbom = from_cargo_lock(LOCK, "plugin").unwrap();
        let refs: Vec<String> = sbom
            .components
            .iter()
            .filter_map(|software| software.bom_ref.clone())
            .collect();
        assert_eq!(
            refs,
            ["plugin@0.3.0", "sdk@0.1.0", "twice@1.0.0", "twice@2.0.0"]
        );
        let twice = &sbom.components[3];
        assert_eq!(twice.purl.as_deref(), Some("pkg:cargo/twice@2.0.0"));
        assert_eq!(twice.hashes[0].content, "bb");
        assert_eq!(
            sbom.dependencies[0].depends_on,
            ["sdk@0.1.0", "twice@2.0.0"]
        );
        assert_eq!(
            sbom.to_json(),
            from_cargo_lock(LOCK, "plugin").unwrap().to_json()
        );
        assert_eq!(super::super::read_sbom(&sbom.to_json()).unwrap(), sbom);
    }

    #[test]
    fn a_package_that_is_not_there_is_named() {
        for (lock, package, expected) in [
            (LOCK, "other", "`other`"),
            (LOCK, "twice", "`twice`"),
            (
                &LOCK.replacen("\"sdk\"", "\"gone\"", 1)[..],
                "plugin",
                "`gone`",
            ),
            ("package = 1", "plugin", "Cargo.lock"),
        ] {
            let refusal = from_cargo_lock(lock, package).unwrap_err().to_string();
            assert!(refusal.contains(expected), "{refusal}");
        }
    }
}
