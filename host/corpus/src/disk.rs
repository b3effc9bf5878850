//! Files and folders of a shelf: a file has its name only when all of it is there, and what the disk
//! refuses is told with its path. Knows nothing of what the files hold.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::CorpusError;

/// After the name of a copy that is not whole yet.
const HALF: &str = ".half";

/// A second name where the disk can do that, else a copy, which gets its name when all of it is on
/// disk.
pub(crate) fn link(from: &Path, to: &Path) -> Result<(), CorpusError> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    let mut half = to.as_os_str().to_owned();
    half.push(HALF);
    let half = PathBuf::from(half);
    fs::copy(from, &half)
        .and_then(|_| File::open(&half)?.sync_all())
        .and_then(|()| fs::rename(&half, to))
        .map_err(failed("copy", from))
}

/// Fails unless there is a file with as many bytes.
pub(crate) fn check_size(path: &Path, size_bytes: u64) -> Result<(), CorpusError> {
    let seen = fs::metadata(path).map_err(failed("find", path))?.len();
    if seen == size_bytes {
        return Ok(());
    }
    let told = format!("it has {seen} of {size_bytes} bytes");
    Err(failed("find all of", path)(io::Error::other(told)))
}

pub(crate) fn make(path: &Path) -> Result<(), CorpusError> {
    fs::create_dir_all(path).map_err(|source| CorpusError::CreateFolder {
        dir: path.to_owned(),
        source,
    })
}

pub(crate) fn remove(path: &Path) -> Result<(), CorpusError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("delete", path)(error)),
        _ => Ok(()),
    }
}

pub(crate) fn entries(path: &Path) -> Result<Vec<PathBuf>, CorpusError> {
    fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(failed("list", path))
}

pub(crate) fn failed(tried: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CorpusError {
    let path = path.to_owned();
    move |source| CorpusError::Shelf {
        tried,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_takes_the_place_of_half_a_file_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| dir.path().join(name));
        fs::write(&from, b"a segment").unwrap();
        // No second name can be made where there is a file.
        fs::write(&to, b"a seg").unwrap();
        let error = check_size(&to, 9).unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        assert_eq!(cause.as_deref(), Some("it has 5 of 9 bytes"));
        link(&from, &to).unwrap();
        check_size(&to, 9).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"a segment");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2, "no half is left");
    }

    #[test]
    fn a_copy_that_fails_leaves_no_file_of_that_name() {
        let dir = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| dir.path().join(name));
        let error = link(&from, &to).unwrap_err().to_string();
        assert!(error.starts_with("could not copy"), "{error}");
        assert!(!to.exists());
    }
}
