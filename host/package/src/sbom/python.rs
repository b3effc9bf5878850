//! A Python plugin's software, from a list of pinned or installed packages (`pip freeze`).

use std::collections::{BTreeMap, BTreeSet};

use super::{Hash, Sbom, Software, bom_ref};
use crate::PackageError;

/// What the plugin `name` is made of: every package that the text pins by `==`. A line that pins
/// nothing is refused, since a list must say which version it means.
pub fn from_requirements(name: &str, version: &str, text: &str) -> Result<Sbom, PackageError> {
    let mut components = BTreeSet::new();
    let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
    for line in joined.lines() {
        let line = without_comment(line).trim();
        if line.is_empty() || line.starts_with('-') {
            continue;
        }
        components.insert(software(line)?);
    }
    let root = Software::root(name, Some(version));
    let needed = components
        .iter()
        .filter_map(|software: &Software| software.bom_ref.clone())
        .collect();
    let needs = BTreeMap::from([(bom_ref(name, Some(version)), needed)]);
    Ok(Sbom::of(root, components, needs))
}

/// `#` begins a comment at the start of a line or after a space; within a word it is an anchor.
fn without_comment(line: &str) -> &str {
    match line.find(" #") {
        Some(at) => &line[..at],
        None if line.starts_with('#') => "",
        None => line,
    }
}

fn software(line: &str) -> Result<Software, PackageError> {
    let refused = || PackageError::Dependencies {
        what: "requirements",
        message: format!("`{line}` pins no version; give the output of `pip freeze`"),
    };
    // A package installed from a place of its own has no version here, and the place may be a path
    // on somebody's machine, which is nobody's business.
    if let Some((name, _)) = line.split_once(" @ ") {
        return Ok(Software::library(&normalised(name), None, None));
    }
    let mut words = line.split_whitespace();
    let mut requirement = words.next().ok_or_else(refused)?.to_owned();
    let mut hashes = Vec::new();
    for word in words {
        if let Some(hash) = word.strip_prefix("--hash=sha256:") {
            hashes.push(Hash {
                alg: "SHA-256".to_owned(),
                content: hash.to_owned(),
            });
        } else if word.starts_with("==") || requirement.ends_with("==") {
            // `name == 1.2`, with spaces.
            requirement.push_str(word);
        } else if word.starts_with(';') {
            break;
        }
    }
    let requirement = requirement.split(';').next().unwrap_or_default();
    let (name, version) = requirement.split_once("==").ok_or_else(refused)?;
    let name = normalised(name.split('[').next().unwrap_or(name));
    let version = version.trim_start_matches('=');
    let is_plain = |text: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-.+!_".contains(&b);
        !text.is_empty() && text.bytes().all(allowed)
    };
    if !is_plain(&name) || !is_plain(version) {
        return Err(refused());
    }
    let purl = format!("pkg:pypi/{name}@{}", version.replace('+', "%2B"));
    hashes.sort();
    let mut software = Software::library(&name, Some(version), Some(purl));
    software.hashes = hashes;
    Ok(software)
}

/// One package, one name, as `PyPI` compares them.
fn normalised(name: &str) -> String {
    let mut normalised = String::new();
    for c in name.trim().chars() {
        let is_separator = matches!(c, '-' | '_' | '.');
        if !is_separator {
            normalised.push(c.to_ascii_lowercase());
        } else if !normalised.ends_with('-') {
            normalised.push('-');
        }
    }
    normalised
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinned_packages_are_listed_under_one_name_each() {
        let text = "# made by pip\ncomponentize-py==0.17.1\nTyping_Extensions == 4.12.2 # why\n\
            rich[jupyter]==13.9.4; python_version >= \"3.9\"\n--index-url https://example.org\n\
            pinned==1.0 \\\n    --hash=sha256:bb \\\n    --hash=sha256:aa\n\
            local @ file:///home/somebody/local\n";
        let sbom = from_requirements("scorer", "0.1.0", text).unwrap();
        let purls: Vec<Option<&str>> = sbom
            .components
            .iter()
            .map(|software| software.purl.as_deref())
            .collect();
        assert_eq!(
            purls,
            [
                Some("pkg:pypi/componentize-py@0.17.1"),
                None,
                Some("pkg:pypi/pinned@1.0"),
                Some("pkg:pypi/rich@13.9.4"),
                Some("pkg:pypi/typing-extensions@4.12.2"),
            ]
        );
        assert_eq!(sbom.components[2].hashes[0].content, "aa");
        let json = String::from_utf8(sbom.to_json()).unwrap();
        assert!(!json.contains("somebody"), "{json}");
    }

    #[test]
    fn an_unpinned_package_is_refused() {
        for line in ["rich", "rich>=13", "rich==", "==1.0", "ri ch==1.0"] {
            let refusal = from_requirements("scorer", "0.1.0", line).unwrap_err();
            assert!(refusal.to_string().contains("pip freeze"), "{refusal}");
        }
    }
}
