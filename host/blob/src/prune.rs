//! The folder as a cache of a bucket: what lies in it, and what goes when it grows too large.

use std::{fs, io, path::Path, path::PathBuf, time::SystemTime};

use phagen_domain::digest::Digest;

use crate::{
    BlobError, BlobFolder,
    folder::{io_error, place_of},
};

/// A blob as a file.
struct Lying {
    digest: Digest,
    size_bytes: u64,
    last_used: SystemTime,
}

impl BlobFolder {
    /// Digests of all that lies here.
    pub(crate) fn list(&self) -> Result<Vec<Digest>, BlobError> {
        let lying = lying(self.root())?;
        Ok(lying.into_iter().map(|blob| blob.digest).collect())
    }

    /// Deletes what was used longest ago until no more than `max_bytes` lie here. Only where a
    /// bucket has all of it.
    pub(crate) fn prune(&self, max_bytes: u64) -> Result<usize, BlobError> {
        let mut lying = lying(self.root())?;
        let mut size_bytes: u64 = lying.iter().map(|blob| blob.size_bytes).sum();
        lying.sort_by_key(|blob| blob.last_used);
        let mut n_deleted = 0;
        for blob in lying {
            if size_bytes <= max_bytes {
                break;
            }
            let path = self.path_of(&blob.digest);
            match fs::remove_file(&path) {
                Ok(()) => n_deleted += 1,
                // Another process was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(io_error("delete the blob", &path)(error)),
            }
            size_bytes -= blob.size_bytes;
        }
        Ok(n_deleted)
    }
}

fn lying(root: &Path) -> Result<Vec<Lying>, BlobError> {
    let mut found = Vec::new();
    for outer in entries(root)? {
        for inner in entries(&outer)? {
            for path in entries(&inner)? {
                found.extend(blob(root, &path)?);
            }
        }
    }
    Ok(found)
}

/// None for whatever else lies there, and for what another process just deleted.
fn blob(root: &Path, path: &Path) -> Result<Option<Lying>, BlobError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Ok(digest) = name.parse::<Digest>() else {
        return Ok(None);
    };
    if path != root.join(place_of(&digest)) {
        return Ok(None);
    }
    let seen = fs::metadata(path).and_then(|seen| Ok((seen.len(), seen.modified()?)));
    match seen {
        Ok((size_bytes, last_used)) => Ok(Some(Lying {
            digest,
            size_bytes,
            last_used,
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("measure the blob", path)(error)),
    }
}

/// Of a folder; none of a file.
fn entries(path: &Path) -> Result<Vec<PathBuf>, BlobError> {
    match fs::read_dir(path) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()
            .map_err(io_error("list the folder", path)),
        Err(error)
            if [io::ErrorKind::NotADirectory, io::ErrorKind::NotFound].contains(&error.kind()) =>
        {
            Ok(Vec::new())
        }
        Err(error) => Err(io_error("list the folder", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs::File, time::Duration};

    use super::*;

    /// Of three blobs of ten bytes, the first was put first.
    fn three() -> (tempfile::TempDir, BlobFolder, [Digest; 3]) {
        let dir = tempfile::tempdir().unwrap();
        let folder = BlobFolder::open(dir.path().join("blob")).unwrap();
        let digests = [b"0123456789", b"abcdefghij", b"ABCDEFGHIJ"].map(|bytes| {
            let digest = folder.put(bytes).unwrap();
            assert_eq!(bytes.len(), 10);
            digest
        });
        for (age, digest) in digests.iter().rev().enumerate() {
            let age = Duration::from_hours(age as u64 + 1);
            let file = File::open(folder.path_of(digest)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        (dir, folder, digests)
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let (_dir, folder, [first, second, third]) = three();
        assert_eq!(folder.prune(30).unwrap(), 0);
        folder.touch(&first);
        assert_eq!(folder.prune(29).unwrap(), 1);
        let here = |digest| folder.contains(&digest).unwrap();
        assert_eq!([first, second, third].map(here), [true, false, true]);
        assert_eq!(folder.prune(0).unwrap(), 2);
        assert_eq!(folder.list().unwrap(), []);
    }

    #[test]
    fn only_blobs_are_listed_and_pruned() {
        let (_dir, folder, digests) = three();
        let strange = folder.root().join("incoming/.tmpAbC123");
        fs::write(&strange, b"half").unwrap();
        let misplaced = folder.root().join("incoming").join("x");
        fs::create_dir(&misplaced).unwrap();
        let misplaced = misplaced.join(digests[0].to_string());
        fs::write(&misplaced, b"0123456789").unwrap();
        let listed: BTreeSet<String> = folder
            .list()
            .unwrap()
            .iter()
            .map(Digest::to_string)
            .collect();
        assert_eq!(listed, digests.iter().map(Digest::to_string).collect());
        folder.prune(0).unwrap();
        assert!(strange.exists() && misplaced.exists());
    }
}
