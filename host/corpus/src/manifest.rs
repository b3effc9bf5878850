//! What an index is made of, file by file: the list by which it is stored, fetched and told apart.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use phagen_domain::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::CorpusError;

/// Files of one index. One of a few gigabytes has some hundred.
const MAX_FILES: usize = 100_000;

const FORMAT: &str = "phagen.corpus-snapshot/1";

/// An index that is finished and never changes: its files, and what was taken into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotManifest {
    pub format: String,
    pub n_documents: u64,
    pub taken: Taken,
    /// By name.
    pub files: Vec<SnapshotFile>,
}

/// What need not be imported again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Taken {
    /// Files of bundles, whichever version of the program brought them.
    #[serde(default)]
    pub bundled: BTreeSet<Digest>,
    /// Configured files, each as it was when it was last imported.
    #[serde(default)]
    pub sources: BTreeMap<String, Digest>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotFile {
    pub name: String,
    pub digest: Digest,
    pub size_bytes: u64,
    /// One after the other.
    pub pieces: Vec<SnapshotPiece>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SnapshotPiece {
    pub digest: Digest,
    pub size_bytes: u64,
}

impl SnapshotManifest {
    pub fn new(n_documents: u64, taken: Taken, mut files: Vec<SnapshotFile>) -> Self {
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            format: FORMAT.to_owned(),
            n_documents,
            taken,
            files,
        }
    }

    /// The bytes that its digest is of.
    ///
    /// # Errors
    /// Never, as long as its parts are what they are.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CorpusError> {
        serde_json::to_vec(self).map_err(CorpusError::Stored)
    }

    /// Refuses what another version wrote, and names that would lead out of a folder.
    ///
    /// # Errors
    /// [`CorpusError::InvalidManifest`] says what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, CorpusError> {
        let wrong = |reason: String| CorpusError::InvalidManifest { reason };
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(wrong(format!(
                "its format is `{}`, and this program reads `{FORMAT}`",
                manifest.format
            )));
        }
        if manifest.files.len() > MAX_FILES {
            let n_files = manifest.files.len();
            return Err(wrong(format!(
                "it lists {n_files} files, more than {MAX_FILES}"
            )));
        }
        let mut names = HashSet::new();
        for file in &manifest.files {
            if !is_plain(&file.name) {
                return Err(wrong(format!("`{}` is no name of a file", file.name)));
            }
            if !names.insert(&file.name) {
                return Err(wrong(format!("it lists `{}` twice", file.name)));
            }
            let size_bytes = file
                .pieces
                .iter()
                .try_fold(0, |sum: u64, piece| sum.checked_add(piece.size_bytes));
            if size_bytes != Some(file.size_bytes) {
                return Err(wrong(format!(
                    "the pieces of `{}` do not add up to its size",
                    file.name
                )));
            }
        }
        Ok(manifest)
    }

    pub fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size_bytes).sum()
    }

    pub fn file(&self, name: &str) -> Option<&SnapshotFile> {
        self.files.iter().find(|file| file.name == name)
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> SnapshotFile {
        let piece = SnapshotPiece {
            digest: Digest::of(name.as_bytes()),
            size_bytes: 7,
        };
        SnapshotFile {
            name: name.to_owned(),
            digest: piece.digest,
            size_bytes: 7,
            pieces: vec![piece],
        }
    }

    #[test]
    fn a_manifest_reads_back_and_has_one_digest_whatever_the_order() {
        let taken = Taken {
            bundled: [Digest::of(b"a bundle")].into(),
            sources: [("a.jsonl".to_owned(), Digest::of(b"a"))].into(),
        };
        let one = SnapshotManifest::new(3, taken.clone(), vec![file("a.idx"), file("meta.json")]);
        let other = SnapshotManifest::new(3, taken, vec![file("meta.json"), file("a.idx")]);
        let bytes = one.to_bytes().unwrap();
        assert_eq!(bytes, other.to_bytes().unwrap());
        assert_eq!(SnapshotManifest::parse(&bytes).unwrap(), one);
        assert_eq!(one.size_bytes(), 14);
        assert!(one.file("a.idx").is_some() && one.file("b.idx").is_none());
    }

    #[test]
    fn what_would_lead_astray_is_refused() {
        let with = |spoil: fn(&mut SnapshotManifest)| {
            let files = vec![file("a.idx"), file("meta.json")];
            let mut manifest = SnapshotManifest::new(1, Taken::default(), files);
            spoil(&mut manifest);
            let error = SnapshotManifest::parse(&manifest.to_bytes().unwrap());
            error.unwrap_err().to_string()
        };
        for (spoil, told) in [
            (
                (|m| m.files[0].name = "../a".to_owned()) as fn(&mut SnapshotManifest),
                "`../a`",
            ),
            (|m| m.files[0].name = "/etc/passwd".to_owned(), "passwd"),
            (|m| m.files[0].name = ".managed.json".to_owned(), "managed"),
            (|m| m.files[0].name = String::new(), "no name"),
            (|m| m.files[0].name = "meta.json".to_owned(), "twice"),
            (|m| m.files[0].size_bytes = 8, "add up"),
            (|m| m.files[0].pieces[0].size_bytes = u64::MAX, "add up"),
            (
                |m| m.format = "phagen.corpus-snapshot/2".to_owned(),
                "format",
            ),
            (
                |m| m.files = vec![file("a"); MAX_FILES + 1],
                "more than 100000",
            ),
        ] {
            let error = with(spoil);
            assert!(error.contains(told), "{told} in {error}");
        }
        let error = SnapshotManifest::parse(b"{\"format\"").unwrap_err();
        assert!(error.to_string().contains("EOF"), "{error}");
    }
}
