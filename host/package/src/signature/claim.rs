//! The trusted comment: what the signer says the bytes are.

use phagen_domain::digest::Digest;

use crate::Package;

/// Name, version and digest as far as the comment gives them. Signatures made by other tools than
/// ours give none of them and count all the same: the bytes themselves are signed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Claim {
    name: Option<String>,
    version: Option<String>,
    digest: Option<String>,
}

impl Claim {
    /// The comment for a signature of `bytes`; `note` follows the facts.
    pub(super) fn write(bytes: &[u8], note: Option<&str>) -> String {
        let mut parts = Vec::new();
        // A component without a manifest can be signed too, by its digest alone.
        if let Ok(Package {
            manifest: Some(manifest),
            ..
        }) = Package::read(bytes)
        {
            parts.push(format!("name:{}", manifest.plugin.name));
            parts.push(format!("version:{}", manifest.plugin.version));
        }
        parts.push(format!("blake3:{}", Digest::of(bytes)));
        if let Some(note) = note {
            parts.push(format!("note:{note}"));
        }
        parts.join("\t")
    }

    pub(super) fn read(comment: &str) -> Self {
        let value = |key: &str| {
            comment
                .split('\t')
                .find_map(|part| part.strip_prefix(key)?.strip_prefix(':'))
                .map(str::to_owned)
        };
        Self {
            name: value("name"),
            version: value("version"),
            digest: value("blake3"),
        }
    }

    /// What it is of, in words, if by its own digest it is of other bytes.
    pub(super) fn of_other_bytes(&self, bytes: &[u8]) -> Option<String> {
        let digest = self.digest.as_deref()?;
        let own = Digest::of(bytes).to_string();
        if digest == own {
            return None;
        }
        Some(format!(
            "{} with digest `{}`, and this is `{}`",
            self.plugin(),
            short(digest),
            short(&own)
        ))
    }

    fn plugin(&self) -> String {
        match (&self.name, &self.version) {
            (Some(name), Some(version)) => format!("`{name}` {version}"),
            (Some(name), None) => format!("`{name}`"),
            (None, _) => "a file".to_owned(),
        }
    }

    /// What it says must be so.
    pub(super) fn check(&self, bytes: &[u8]) -> Result<(), String> {
        if let Some(other) = self.of_other_bytes(bytes) {
            return Err(format!(
                "the signature fits, but its comment says it is of {other}; sign the file again"
            ));
        }
        if self.name.is_none() && self.version.is_none() {
            return Ok(());
        }
        let manifest = Package::read(bytes)
            .ok()
            .and_then(|package| package.manifest);
        let Some(manifest) = manifest else {
            return Err(format!(
                "the comment says it is {}, but the file has no manifest; embed one and sign again",
                self.plugin()
            ));
        };
        let facts = &manifest.plugin;
        let is_name = self
            .name
            .as_deref()
            .is_none_or(|name| name == facts.name.as_str());
        let is_version = self
            .version
            .as_deref()
            .is_none_or(|version| version == facts.version);
        if is_name && is_version {
            return Ok(());
        }
        Err(format!(
            "the comment says it is {}, but the manifest says `{}` {}; sign the file again",
            self.plugin(),
            facts.name,
            facts.version
        ))
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
