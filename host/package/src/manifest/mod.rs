//! `plugin.toml` as text, and the rules that types alone do not hold.
//!
//! A manifest only asks. What a plugin gets is decided elsewhere, from this and the operator's word.

mod place;
mod rules;

use phagen_domain::plugin::Manifest;

use crate::PackageError;

/// Bytes of a manifest, as TOML or embedded as JSON. The longest of ours has under 2 KiB.
pub const MAX_MANIFEST_BYTES: usize = 64 << 10;

/// A rule that a manifest breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Dotted path of the key.
    pub(crate) key: String,
    pub(crate) message: String,
}

/// Reads `plugin.toml`. Unknown keys are refused: a misspelt limit must not be none.
pub fn parse_manifest(toml: &str) -> Result<Manifest, PackageError> {
    check_size(toml.len())?;
    let refused = |key: String, message: String, at: usize| {
        let (line, column) = place::line_and_column(toml, at);
        PackageError::Manifest {
            line,
            column,
            key,
            message,
        }
    };
    let start = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
    let deserializer = toml::Deserializer::parse(toml)
        .map_err(|error| refused(String::new(), one_line(error.message()), start(&error)))?;
    let manifest: Manifest = serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let key = path_text(error.path());
        refused(key, one_line(error.inner().message()), start(error.inner()))
    })?;
    rules::check(&manifest).map_err(|fault| {
        let at = place::of_key(toml, &fault.key);
        refused(fault.key, fault.message, at)
    })?;
    Ok(manifest)
}

/// As `plugin.toml` shows it. What [`parse_manifest`] reads from it is the same manifest.
pub fn write_manifest(manifest: &Manifest) -> String {
    // Strings, numbers, lists and tables, of which TOML can write every one: there is no failure.
    toml::to_string_pretty(manifest).unwrap_or_default()
}

/// One form for one manifest, so that the same build gives the same component.
pub(crate) fn to_embedded(manifest: &Manifest) -> Result<Vec<u8>, PackageError> {
    rules::check(manifest).map_err(embedded_fault)?;
    let json = serde_json::to_vec(manifest).map_err(|error| PackageError::EmbeddedManifest {
        key: String::new(),
        message: error.to_string(),
    })?;
    check_size(json.len())?;
    Ok(json)
}

pub(crate) fn from_embedded(json: &[u8]) -> Result<Manifest, PackageError> {
    check_size(json.len())?;
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let manifest = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        PackageError::EmbeddedManifest {
            key: path_text(error.path()),
            message: error.inner().to_string(),
        }
    })?;
    deserializer
        .end()
        .map_err(|error| PackageError::EmbeddedManifest {
            key: String::new(),
            message: error.to_string(),
        })?;
    rules::check(&manifest).map_err(embedded_fault)?;
    Ok(manifest)
}

fn embedded_fault(fault: Fault) -> PackageError {
    PackageError::EmbeddedManifest {
        key: fault.key,
        message: fault.message,
    }
}

fn check_size(size: usize) -> Result<(), PackageError> {
    if size <= MAX_MANIFEST_BYTES {
        return Ok(());
    }
    Err(PackageError::TooLarge {
        what: "manifest",
        size,
        limit: MAX_MANIFEST_BYTES,
    })
}

/// `.` is the path of the whole file, which needs no name.
fn path_text(path: &serde_path_to_error::Path) -> String {
    let text = path.to_string();
    if text == "." { String::new() } else { text }
}

fn one_line(message: &str) -> String {
    message.trim().replace('\n', "; ")
}

#[cfg(test)]
mod tests {
    use phagen_domain::plugin::World;

    use super::*;

    const WHOLE: &str = r#"
[plugin]
name = "fda-labels"
version = "1.2.0-rc.1"
world = "source"
license = "Apache-2.0"
description = "Labels of the FDA"
repository = "https://example.org/fda-labels"

[grant]
corpus = true
artifact = true

[[grant.http]]
origin = "https://api.fda.gov"
methods = ["GET", "HEAD"]
path = "/drug"
secrets = ["fda-key"]

[limits]
memory_bytes = 134217728
deadline_milliseconds = 5000

[instance.keep]
max_calls = 100

[self_test]
cases = "golden.json"
"#;

    #[test]
    fn a_whole_manifest_is_read_and_written_back() {
        let manifest = parse_manifest(WHOLE).unwrap();
        assert_eq!(manifest.plugin.world, World::Source);
        assert_eq!(manifest.grant.http[0].path, "/drug");
        assert_eq!(manifest.instance.keep.unwrap().max_calls, 100);
        assert_eq!(manifest.instance.keep.unwrap().max_age_seconds, 600);
        assert_eq!(
            parse_manifest(&write_manifest(&manifest)).unwrap(),
            manifest
        );
        let embedded = to_embedded(&manifest).unwrap();
        assert_eq!(from_embedded(&embedded).unwrap(), manifest);
    }

    /// The manifest with one line of text put in the place of another.
    fn refusal(from: &str, to: &str) -> String {
        assert!(WHOLE.contains(from), "{from}");
        parse_manifest(&WHOLE.replacen(from, to, 1))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_refusal_names_line_column_and_key() {
        for (from, to, expected) in [
            (
                "memory_bytes = 134217728",
                "memory_byte = 1",
                "`plugin.toml` line 21, column 1, key `limits.memory_byte`: unknown field `memory_byte`",
            ),
            (
                "memory_bytes = 134217728",
                "memory_bytes = 0",
                "`plugin.toml` line 21, column 16, key `limits.memory_bytes`: ",
            ),
            (
                "name = \"fda-labels\"",
                "name = \"FDA\"",
                "`plugin.toml` line 3, column 8, key `plugin.name`: `FDA` is not a plugin name",
            ),
            (
                "path = \"/drug\"",
                "path = \"drug\"",
                "`plugin.toml` line 17, column 8, key `grant.http[0].path`: ",
            ),
            (
                "origin = \"https://api.fda.gov\"",
                "origin = \"api.fda.gov\"",
                "`plugin.toml` line 15, column 10, key `grant.http[0].origin`: ",
            ),
            (
                "version = \"1.2.0-rc.1\"",
                "version = ",
                "`plugin.toml` line 4, column ",
            ),
            ("version = \"1.2.0-rc.1\"\n", "", "missing field `version`"),
        ] {
            let refusal = refusal(from, to);
            assert!(refusal.contains(expected), "{refusal}\n{expected}");
        }
    }

    #[test]
    fn rules_beyond_types_hold() {
        for (from, to, expected) in [
            (
                "version = \"1.2.0-rc.1\"",
                "version = \"1.2\"",
                "semantic version",
            ),
            (
                "world = \"source\"",
                "world = \"reranker\"",
                "only a source",
            ),
            (
                "methods = [\"GET\", \"HEAD\"]",
                "methods = [\"get\"]",
                "capitals",
            ),
            ("methods = [\"GET\", \"HEAD\"]", "methods = []", "no method"),
            ("path = \"/drug\"", "path = \"/a/../b\"", "`..`"),
            ("path = \"/drug\"", "path = \"/a?b=1\"", "query"),
            (
                "secrets = [\"fda-key\"]",
                "secrets = [\"fda key\"]",
                "secret",
            ),
            (
                "secrets = [\"fda-key\"]",
                "private_addresses = true",
                "operator",
            ),
            (
                "deadline_milliseconds = 5000",
                "deadline_milliseconds = 0",
                "more than 0",
            ),
            (
                "memory_bytes = 134217728",
                "memory_bytes = 4294967297",
                "4 GiB",
            ),
            ("max_calls = 100", "max_calls = 0", "more than 0"),
            (
                "cases = \"golden.json\"",
                "cases = \"../golden.json\"",
                "beside",
            ),
            (
                "cases = \"golden.json\"",
                "cases = \"/golden.json\"",
                "beside",
            ),
            ("license = \"Apache-2.0\"", "license = \"\"", "empty"),
        ] {
            let refusal = refusal(from, to);
            assert!(refusal.contains(expected), "{refusal}\n{expected}");
        }
    }

    #[test]
    fn a_huge_manifest_is_refused_unread() {
        let long = format!("{WHOLE}#{}", "x".repeat(MAX_MANIFEST_BYTES));
        assert!(matches!(
            parse_manifest(&long),
            Err(PackageError::TooLarge { .. })
        ));
    }

    #[test]
    fn an_embedded_manifest_is_held_to_the_same_rules() {
        let mut manifest = parse_manifest(WHOLE).unwrap();
        manifest.limits.memory_bytes = Some(0);
        assert!(to_embedded(&manifest).is_err());
        let json = serde_json::to_vec(&manifest).unwrap();
        let refusal = from_embedded(&json).unwrap_err().to_string();
        assert!(refusal.contains("limits.memory_bytes"), "{refusal}");
        let refusal = from_embedded(b"{} trailing").unwrap_err().to_string();
        assert!(refusal.contains("missing field"), "{refusal}");
    }
}
