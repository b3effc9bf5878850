//! What can go wrong between a corpus index and those who share it.

use std::{io, path::PathBuf};

use phagen_blob::BlobError;
use phagen_corpus::CorpusError;
use phagen_domain::digest::Digest;
use phagen_store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    #[error("corpus index `{digest}` cannot be fetched or stored")]
    Blob {
        digest: Digest,
        #[source]
        cause: BlobError,
    },
    #[error("a file of a new corpus index cannot be stored")]
    Put(#[source] BlobError),
    #[error(
        "corpus index `{0}` is not among the stored blobs: let all processes share a bucket (`blob.url`) or one `data_dir`, or build it again by `phagen corpus import --anew`"
    )]
    Missing(Digest),
    #[error("another import is under way, by `{0}`: wait for it to end and try again")]
    UnderWay(String),
    #[error(
        "the turn to import was lost, since this process could not renew it in time; nothing was published, import again"
    )]
    TurnLost,
    #[error("the import was stopped before it began")]
    Stopped,
    #[error("source `{}` cannot be read", path.display())]
    Source {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error(
        "the corpus index in `{}` cannot be read, nor deleted to fetch it again: delete that folder",
        path.display()
    )]
    Unreadable {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("work on the corpus index was interrupted")]
    Interrupted,
}

impl SnapshotError {
    /// Whether the same may work in a while.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::Blob { cause, .. } | Self::Put(cause) => cause.is_retriable(),
            _ => false,
        }
    }

    /// Whether the files of an index on this disk are not what they were, so that others may help.
    pub fn is_broken(&self) -> bool {
        match self {
            Self::Corpus(CorpusError::Incompatible { .. }) => false,
            Self::Corpus(_) => true,
            _ => false,
        }
    }

    /// Whether the index is nowhere that this process can reach, and will not come back by itself.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing(_))
    }
}
