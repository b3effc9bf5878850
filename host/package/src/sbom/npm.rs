//! A JavaScript plugin's software, from `package-lock.json`.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;

use super::{Hash, Sbom, Software, bom_ref};
use crate::{PackageError, hex::hex};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    lockfile_version: u32,
    #[serde(default)]
    packages: BTreeMap<String, Locked>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Locked {
    /// Of the root, and of a package installed under another name.
    name: Option<String>,
    version: Option<String>,
    integrity: Option<String>,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    link: bool,
    #[serde(default)]
    dependencies: BTreeMap<String, String>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, String>,
}

/// What the plugin of this lock file is made of, without what only its development needs.
pub fn from_package_lock(json: &str) -> Result<Sbom, PackageError> {
    let refused = |message: String| PackageError::Dependencies {
        what: "package-lock.json",
        message,
    };
    let lock: Lock = serde_json::from_str(json).map_err(|error| refused(error.to_string()))?;
    let root = lock.packages.get("");
    let (2.., Some(root)) = (lock.lockfile_version, root) else {
        return Err(refused(format!(
            "it is of version {} and names no root; write it again with npm 7 or newer",
            lock.lockfile_version
        )));
    };
    let name = root.name.as_deref().unwrap_or("plugin");
    let mut components = BTreeSet::new();
    let mut needs = BTreeMap::new();
    for (path, locked) in &lock.packages {
        if locked.dev || locked.link {
            continue;
        }
        let of = if path.is_empty() {
            bom_ref(name, locked.version.as_deref())
        } else {
            let software = software(path, locked).map_err(refused)?;
            let of = bom_ref(&software.name, software.version.as_deref());
            components.insert(software);
            of
        };
        let direct = locked.dependencies.keys();
        let needed: BTreeSet<String> = direct
            .chain(locked.optional_dependencies.keys())
            .filter_map(|wanted| resolve(&lock.packages, path, wanted))
            .map(|(path, locked)| bom_ref(&name_of(path, locked), locked.version.as_deref()))
            .collect();
        needs.entry(of).or_insert_with(BTreeSet::new).extend(needed);
    }
    let root = Software::root(name, root.version.as_deref());
    Ok(Sbom::of(root, components, needs))
}

fn name_of(path: &str, locked: &Locked) -> String {
    let installed = path.rsplit("node_modules/").next().unwrap_or(path);
    locked.name.clone().unwrap_or_else(|| installed.to_owned())
}

/// As Node looks a package up: below the one that needs it, then upwards. An optional package that
/// was not installed is nowhere.
fn resolve<'l>(
    packages: &'l BTreeMap<String, Locked>,
    from: &str,
    wanted: &str,
) -> Option<(&'l str, &'l Locked)> {
    let mut place = from;
    loop {
        let path = if place.is_empty() {
            format!("node_modules/{wanted}")
        } else {
            format!("{place}/node_modules/{wanted}")
        };
        if let Some((path, locked)) = packages.get_key_value(&path) {
            return Some((path, locked));
        }
        if place.is_empty() {
            return None;
        }
        place = place
            .rfind("node_modules/")
            .map_or("", |at| place[..at].trim_end_matches('/'));
    }
}

fn software(path: &str, locked: &Locked) -> Result<Software, String> {
    let name = name_of(path, locked);
    let version = locked.version.as_deref();
    let version_text = version.ok_or_else(|| format!("`{path}` has no version"))?;
    let purl = format!("pkg:npm/{}@{version_text}", name.replace('@', "%40"));
    let mut software = Software::library(&name, version, Some(purl));
    for hash in locked.integrity.iter().flat_map(|text| text.split(' ')) {
        let Some((alg, base64)) = hash.split_once('-') else {
            continue;
        };
        let alg = match alg {
            "sha512" => "SHA-512",
            "sha256" => "SHA-256",
            _ => continue,
        };
        let bytes = BASE64_STANDARD
            .decode(base64)
            .map_err(|_| format!("the integrity of `{path}` is not base64"))?;
        software.hashes.push(Hash {
            alg: alg.to_owned(),
            content: hex(&bytes),
        });
    }
    Ok(software)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"{
        "name": "scorer", "version": "0.2.0", "lockfileVersion": 3,
        "packages": {
            "": { "name": "scorer", "version": "0.2.0", "dependencies": { "a": "^1", "@x/b": "^2" }, "devDependencies": { "d": "1" } },
            "node_modules/a": { "version": "1.0.0", "integrity": "sha512-qg==", "dependencies": { "c": "1" } },
            "node_modules/a/node_modules/c": { "version": "1.5.0" },
            "node_modules/@x/b": { "version": "2.0.0", "dependencies": { "c": "2" }, "optionalDependencies": { "gone": "1" } },
            "node_modules/c": { "version": "2.0.0" },
            "node_modules/d": { "version": "1.0.0", "dev": true }
        }
    }"#;

    #[test]
    fn packages_are_found_as_node_finds_them() {
        let sbom = from_package_lock(LOCK).unwrap();
        let needs: Vec<(&str, Vec<&str>)> = sbom
            .dependencies
            .iter()
            .map(|it| {
                (
                    it.of.as_str(),
                    it.depends_on.iter().map(String::as_str).collect(),
                )
            })
            .collect();
        assert_eq!(
            needs,
            [
                ("@x/b@2.0.0", vec!["c@2.0.0"]),
                ("a@1.0.0", vec!["c@1.5.0"]),
                ("c@1.5.0", vec![]),
                ("c@2.0.0", vec![]),
                ("scorer@0.2.0", vec!["@x/b@2.0.0", "a@1.0.0"]),
            ]
        );
        assert_eq!(
            sbom.components[0].purl.as_deref(),
            Some("pkg:npm/%40x/b@2.0.0")
        );
        assert_eq!(sbom.components[1].hashes[0].content, "aa");
    }

    #[test]
    fn an_old_or_broken_lock_is_refused() {
        for (lock, expected) in [
            ("{}", "lockfileVersion"),
            (r#"{ "lockfileVersion": 1 }"#, "npm 7"),
            (&LOCK.replace("qg==", "q!")[..], "base64"),
        ] {
            let refusal = from_package_lock(lock).unwrap_err().to_string();
            assert!(refusal.contains(expected), "{refusal}");
        }
    }
}
