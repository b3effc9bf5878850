//! Blobs as files: `<digits 1–2>/<digits 3–4>/<digest>`, so that no folder grows long.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use phagen_domain::digest::Digest;
use tempfile::NamedTempFile;

use crate::{BlobError, MAX_BLOB_BYTES};

/// Where blobs are written before they get their name; on the same file system, so that the last
/// step is a rename.
const INCOMING: &str = "incoming";

/// A folder of blobs. Any number of processes may share it.
#[derive(Debug, Clone)]
pub struct BlobFolder {
    root: PathBuf,
}

impl BlobFolder {
    /// Makes the folder when it is missing.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, BlobError> {
        let root = root.into();
        make_folder(&root.join(INCOMING))?;
        Ok(Self { root })
    }

    /// Stores bytes under their digest. Storing them again changes nothing, unless the stored copy
    /// went bad, which is then replaced.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, BlobError> {
        let size_bytes = bytes.len() as u64;
        if size_bytes > MAX_BLOB_BYTES {
            return Err(BlobError::TooLarge { size_bytes });
        }
        let digest = Digest::of(bytes);
        match self.get(&digest) {
            Ok(Some(_)) => return Ok(digest),
            Ok(None) | Err(BlobError::Corrupt { .. }) => {}
            Err(err) => return Err(err),
        }
        self.write(&digest, bytes)?;
        Ok(digest)
    }

    /// The bytes of a blob, checked against its digest.
    pub fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, BlobError> {
        let path = self.path_of(digest);
        let corrupt = |found: String| BlobError::Corrupt {
            digest: *digest,
            place: path.display().to_string(),
            found,
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(io_error("open the blob", &path)(cause)),
        };
        let size_bytes = file
            .metadata()
            .map_err(io_error("measure the blob", &path))?
            .len();
        // Never read into memory what was never put.
        if size_bytes > MAX_BLOB_BYTES {
            return Err(corrupt(format!("{size_bytes} bytes, more than a blob may")));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BLOB_BYTES)
            .read_to_end(&mut bytes)
            .map_err(io_error("read the blob", &path))?;
        let found = Digest::of(&bytes);
        if found != *digest {
            return Err(corrupt(format!(
                "{} other bytes, with digest `{found}`",
                bytes.len()
            )));
        }
        Ok(Some(bytes))
    }

    /// Whether a blob is there; its bytes are not checked.
    pub fn contains(&self, digest: &Digest) -> Result<bool, BlobError> {
        let path = self.path_of(digest);
        path.try_exists()
            .map_err(io_error("look for the blob", &path))
    }

    pub(crate) fn delete(&self, digest: &Digest) -> Result<(), BlobError> {
        let path = self.path_of(digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_error("delete the blob", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Notes that a blob was used just now. Best effort: it only says which blobs may go first.
    pub(crate) fn touch(&self, digest: &Digest) {
        let touched =
            File::open(self.path_of(digest)).and_then(|file| file.set_modified(SystemTime::now()));
        if let Err(error) = touched {
            tracing::debug!(%error, "the use of blob `{digest}` cannot be noted");
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where a blob lies, or would; for messages.
    pub fn path_of(&self, digest: &Digest) -> PathBuf {
        self.root.join(place_of(digest))
    }

    /// Every step that could leave half a blob happens under another name.
    fn write(&self, digest: &Digest, bytes: &[u8]) -> Result<(), BlobError> {
        let path = self.path_of(digest);
        let folder = path.parent().unwrap_or(&self.root);
        make_folder(folder)?;
        let incoming = self.root.join(INCOMING);
        let mut file =
            NamedTempFile::new_in(&incoming).map_err(io_error("make a file in", &incoming))?;
        file.write_all(bytes)
            .and_then(|()| file.as_file().sync_all())
            .map_err(io_error("write a blob into", &incoming))?;
        file.persist(&path)
            .map_err(|err| io_error("name the blob", &path)(err.error))?;
        // The name is durable only once its folder is.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io_error("flush the folder", folder))
    }
}

/// Its place below whatever holds blobs, a folder or a bucket.
pub(crate) fn place_of(digest: &Digest) -> String {
    let name = digest.to_string();
    format!("{}/{}/{name}", &name[..2], &name[2..4])
}

fn make_folder(path: &Path) -> Result<(), BlobError> {
    fs::create_dir_all(path).map_err(io_error("make the folder", path))
}

pub(crate) fn io_error(tried: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BlobError {
    let path = path.to_owned();
    move |cause| match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            BlobError::DiskFull { tried, path, cause }
        }
        _ => BlobError::Io { tried, path, cause },
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use tempfile::TempDir;

    use super::*;

    fn fresh() -> (TempDir, BlobFolder) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobFolder::open(folder.path().join("deep/blobs")).unwrap();
        (folder, blobs)
    }

    fn n_incoming(blobs: &BlobFolder) -> usize {
        fs::read_dir(blobs.root.join(INCOMING)).unwrap().count()
    }

    #[test]
    fn bytes_come_back_by_their_digest() {
        let (_folder, blobs) = fresh();
        for bytes in [&b"a component"[..], b""] {
            let digest = Digest::of(bytes);
            assert!(!blobs.contains(&digest).unwrap());
            assert_eq!(blobs.get(&digest).unwrap(), None);
            assert_eq!(blobs.put(bytes).unwrap(), digest);
            assert_eq!(blobs.put(bytes).unwrap(), digest);
            assert!(blobs.contains(&digest).unwrap());
            assert_eq!(blobs.get(&digest).unwrap().unwrap(), bytes);
        }
        let name = Digest::of(b"a component").to_string();
        let place = format!("{}/{}/{name}", &name[..2], &name[2..4]);
        assert!(blobs.root.join(place).is_file());
        assert_eq!(n_incoming(&blobs), 0);
    }

    #[test]
    fn a_blob_outlives_its_handle() {
        let (_folder, blobs) = fresh();
        let digest = blobs.put(b"weights").unwrap();
        let again = BlobFolder::open(&blobs.root).unwrap();
        assert_eq!(again.get(&digest).unwrap().unwrap(), b"weights");
    }

    #[test]
    fn a_corrupt_blob_is_named_with_its_path() {
        let (_folder, blobs) = fresh();
        let digest = blobs.put(b"a component").unwrap();
        let path = blobs.path_of(&digest);
        for bad in [&b"a c0mponent"[..], b"a comp", b"a component and more", b""] {
            fs::write(&path, bad).unwrap();
            let error = blobs.get(&digest).unwrap_err();
            assert!(matches!(error, BlobError::Corrupt { .. }));
            let text = error.to_string();
            assert!(text.contains(&digest.to_string()), "{text}");
            assert!(text.contains(&path.display().to_string()), "{text}");
        }
    }

    #[test]
    fn putting_the_bytes_again_heals_a_corrupt_blob() {
        let (_folder, blobs) = fresh();
        let digest = blobs.put(b"a component").unwrap();
        fs::write(blobs.path_of(&digest), b"a comp").unwrap();
        blobs.put(b"a component").unwrap();
        assert_eq!(blobs.get(&digest).unwrap().unwrap(), b"a component");
    }

    #[test]
    fn a_blob_over_the_limit_is_refused() {
        let (_folder, blobs) = fresh();
        let over = vec![0; usize::try_from(MAX_BLOB_BYTES).unwrap() + 1];
        let error = blobs.put(&over).unwrap_err();
        assert!(
            matches!(error, BlobError::TooLarge { size_bytes } if size_bytes == MAX_BLOB_BYTES + 1)
        );
        // Nor is a file read that grew beyond it.
        let digest = blobs.put(b"a component").unwrap();
        let file = File::options()
            .write(true)
            .open(blobs.path_of(&digest))
            .unwrap();
        file.set_len(MAX_BLOB_BYTES + 1).unwrap();
        let error = blobs.get(&digest).unwrap_err().to_string();
        assert!(error.contains("more than a blob may"), "{error}");
    }

    #[test]
    fn readers_see_whole_blobs_while_many_put_them() {
        const N_BLOBS: u8 = 8;
        let (_folder, blobs) = fresh();
        let bytes_of = |n: u8| vec![n; 256 * 1024];
        thread::scope(|scope| {
            for writer in 0..4 {
                let blobs = &blobs;
                scope.spawn(move || {
                    for n in 0..N_BLOBS {
                        blobs.put(&bytes_of((n + writer) % N_BLOBS)).unwrap();
                    }
                });
            }
            for n in 0..N_BLOBS {
                let digest = Digest::of(&bytes_of(n));
                // Absent or whole, at every moment; half of one would be an error.
                while blobs.get(&digest).unwrap().is_none() {
                    thread::yield_now();
                }
            }
        });
        assert_eq!(n_incoming(&blobs), 0);
    }

    #[test]
    fn what_a_crash_leaves_half_written_is_no_blob() {
        let (_folder, blobs) = fresh();
        let digest = Digest::of(b"a component");
        fs::write(blobs.root.join(INCOMING).join(".tmpAbC123"), b"a comp").unwrap();
        assert!(!blobs.contains(&digest).unwrap());
        assert_eq!(blobs.put(b"a component").unwrap(), digest);
        assert_eq!(blobs.get(&digest).unwrap().unwrap(), b"a component");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = BlobFolder::open(&file).unwrap_err().to_string();
        assert!(error.starts_with("could not make the folder"), "{error}");
        assert!(error.contains(&file.display().to_string()), "{error}");
    }
}
