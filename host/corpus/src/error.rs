//! What can go wrong in this room, in words for the person who has to do something about it.

use std::{io, path::PathBuf};

use tantivy::{TantivyError, directory::error::LockError};

#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    #[error("opening the corpus index in `{dir}` failed")]
    Open {
        dir: PathBuf,
        #[source]
        source: TantivyError,
    },
    #[error("creating the folder `{dir}` for the corpus index failed")]
    CreateFolder {
        dir: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "the corpus index in `{dir}` was built by another version of this program; build it again by `phagen corpus import --anew`, and repeat your own imports"
    )]
    Incompatible { dir: PathBuf },
    #[error(
        "another import is writing to the corpus index in `{dir}`; wait for it to end and try again"
    )]
    Busy { dir: PathBuf },
    #[error(
        "the import of `{name}` was stopped after {n_lines} lines; the corpus is as it was before"
    )]
    Stopped { name: String, n_lines: u64 },
    #[error("reading `{name}` failed; the corpus is as it was before")]
    Read {
        name: String,
        #[source]
        source: io::Error,
    },
    #[error("{doing} failed in the corpus index")]
    Index {
        doing: &'static str,
        #[source]
        source: TantivyError,
    },
    #[error(
        "a stored document of the corpus index cannot be read; delete the index and import again"
    )]
    Stored(#[source] serde_json::Error),
    #[error("could not {tried} `{}`, where the corpus indexes of this machine lie", path.display())]
    Shelf {
        tried: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the list of files of a corpus index is refused: {reason}")]
    InvalidManifest { reason: String },
    #[error("the search is refused: {reason}")]
    InvalidRequest { reason: String },
    #[error("the cursor `{cursor}` is refused: {reason}; search again without a cursor")]
    InvalidCursor {
        cursor: String,
        reason: &'static str,
    },
}

impl CorpusError {
    /// For `map_err`: an index error, with what was being done.
    pub(crate) fn index(doing: &'static str) -> impl FnOnce(TantivyError) -> Self {
        move |source| Self::Index { doing, source }
    }

    /// True when the same call may succeed later, as it stands.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Busy { .. } => true,
            Self::Index { source, .. } => matches!(
                source,
                TantivyError::LockFailure(LockError::LockBusy, _) | TantivyError::IoError(_)
            ),
            _ => false,
        }
    }
}
