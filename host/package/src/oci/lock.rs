//! `phagen.lock`: which bytes a reference meant when it was first pulled.

use std::collections::BTreeMap;

use phagen_domain::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::PackageError;

/// The whole lock. Where its file lies, and when it is written, is the caller's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lock {
    entries: BTreeMap<String, Locked>,
}

/// What one reference means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// Digest of the OCI manifest, `sha256:` and 64 digits.
    pub sha256: String,
    /// Digest of the component, as everywhere in this host.
    pub blake3: Digest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockText {
    version: u32,
    #[serde(default)]
    plugin: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    reference: String,
    #[serde(flatten)]
    locked: Locked,
}

impl Lock {
    /// Form of the file. Another one is of a newer host.
    const VERSION: u32 = 1;

    pub fn parse(toml: &str) -> Result<Self, PackageError> {
        let refused = |message: String| PackageError::Lock { message };
        let text: LockText =
            toml::from_str(toml).map_err(|error| refused(error.message().to_owned()))?;
        if text.version != Self::VERSION {
            return Err(refused(format!(
                "it is of version {}, and this build reads version {}",
                text.version,
                Self::VERSION
            )));
        }
        let mut entries = BTreeMap::new();
        for entry in text.plugin {
            if entries
                .insert(entry.reference.clone(), entry.locked)
                .is_some()
            {
                return Err(refused(format!("`{}` is in it twice", entry.reference)));
            }
        }
        Ok(Self { entries })
    }

    pub fn to_text(&self) -> String {
        let plugin = self.entries.iter().map(|(reference, locked)| Entry {
            reference: reference.clone(),
            locked: locked.clone(),
        });
        let text = LockText {
            version: Self::VERSION,
            plugin: plugin.collect(),
        };
        // Strings and one number: there is nothing that TOML cannot write.
        let toml = toml::to_string(&text).unwrap_or_default();
        format!("# Written by `phagen plugin pull`; keep it with your sources.\n{toml}")
    }

    pub fn find(&self, reference: &str) -> Option<&Locked> {
        self.entries.get(reference)
    }

    /// Pins a reference; what was there before is returned.
    pub fn pin(&mut self, reference: String, locked: Locked) -> Option<Locked> {
        self.entries.insert(reference, locked)
    }

    pub fn remove(&mut self, reference: &str) -> Option<Locked> {
        self.entries.remove(reference)
    }

    pub(super) fn check_manifest(&self, reference: &str, found: &str) -> Result<(), PackageError> {
        match self.find(reference) {
            Some(locked) if locked.sha256 != found => Err(PackageError::LockedOtherwise {
                reference: reference.to_owned(),
                what: "the manifest",
                locked: locked.sha256.clone(),
                found: found.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn check_component(
        &self,
        reference: &str,
        found: Digest,
    ) -> Result<(), PackageError> {
        match self.find(reference) {
            Some(locked) if locked.blake3 != found => Err(PackageError::LockedOtherwise {
                reference: reference.to_owned(),
                what: "the component",
                locked: locked.blake3.to_string(),
                found: found.to_string(),
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_survives_its_file() {
        let mut lock = Lock::default();
        assert_eq!(Lock::parse(&lock.to_text()).unwrap(), lock);
        for name in ["b", "a"] {
            let locked = Locked {
                sha256: format!("sha256:{name}"),
                blake3: Digest::of(name.as_bytes()),
            };
            assert_eq!(lock.pin(format!("r.example/{name}:1.0.0"), locked), None);
        }
        let text = lock.to_text();
        assert_eq!(Lock::parse(&text).unwrap(), lock);
        assert!(text.find("/a:1") < text.find("/b:1"), "{text}");
    }

    #[test]
    fn a_lock_that_is_not_ours_is_refused() {
        let entry = "[[plugin]]\nreference = \"a\"\nsha256 = \"sha256:1\"\nblake3 = \"00\"\n";
        for (text, expected) in [
            ("", "version"),
            ("version = 2", "of version 2"),
            (&format!("version = 1\n{entry}")[..], "not a digest"),
            ("version = 1\nplugins = []", "unknown field"),
        ] {
            let refusal = Lock::parse(text).unwrap_err().to_string();
            assert!(refusal.contains(expected), "{refusal}");
        }
    }
}
