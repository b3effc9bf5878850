//! Reading the bundled lists: gzip or plain, by lines, with the file and line named in errors.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use phagen_domain::digest::Digest;

/// Largest list that is read, unpacked.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Why a list could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error("list `{}` cannot be read: is `share_dir` right?", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    #[error("line {line} of list `{}` is malformed: {reason}", path.display())]
    Malformed {
        path: PathBuf,
        line: usize,
        reason: String,
    },
}

impl ListError {
    pub(crate) fn malformed(path: &Path, line: usize, reason: &impl ToString) -> Self {
        Self::Malformed {
            path: path.to_owned(),
            line,
            reason: reason.to_string(),
        }
    }
}

/// The text of a file, unpacked when its name ends in `.gz`, and the digest of the file's bytes.
pub(crate) fn text(path: &Path) -> Result<(String, Digest), ListError> {
    let unreadable = |cause| ListError::Unreadable {
        path: path.to_owned(),
        cause,
    };
    let bytes = fs::read(path).map_err(unreadable)?;
    let digest = Digest::of(&bytes);
    let mut text = String::new();
    let read = if path.extension().is_some_and(|extension| extension == "gz") {
        MultiGzDecoder::new(bytes.as_slice())
            .take(MAX_BYTES)
            .read_to_string(&mut text)
    } else {
        bytes.as_slice().take(MAX_BYTES).read_to_string(&mut text)
    };
    read.map_err(unreadable)?;
    Ok((text, digest))
}
