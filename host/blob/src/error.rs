//! What can be wrong with a blob, its folder or its bucket.

use std::{error::Error, io, path::PathBuf};

use phagen_domain::digest::Digest;

use crate::MAX_BLOB_BYTES;

#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error(
        "blob `{digest}` is corrupt: `{place}` holds {found}; delete that copy, then install its plugin or artifact again, or, when it is a piece of the corpus index, run `phagen corpus import --anew`"
    )]
    Corrupt {
        digest: Digest,
        /// A path or the address of an object.
        place: String,
        /// Such as `other bytes, with digest …`.
        found: String,
    },
    #[error("a blob of {size_bytes} bytes is over the limit of {MAX_BLOB_BYTES} bytes")]
    TooLarge { size_bytes: u64 },
    #[error("blob `{0}` is not among the stored blobs")]
    Missing(Digest),
    #[error(
        "could not {tried} `{}`: its disk is full; make room there and try again", path.display()
    )]
    DiskFull {
        tried: &'static str,
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("could not {tried} `{}`", path.display())]
    Io {
        tried: &'static str,
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("could not {tried} `{place}`: the object store does not answer; try again soon")]
    Unavailable {
        tried: &'static str,
        place: String,
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
    #[error(
        "could not {tried} `{place}`: the object store refuses; look at the access key, its rights and the clock of this machine"
    )]
    Refused {
        tried: &'static str,
        place: String,
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
    #[error(
        "bucket `{bucket}` does not exist at `{endpoint}`: make it there, or name another bucket"
    )]
    NoBucket { bucket: String, endpoint: String },
    #[error("`{given}` is no address of a bucket: {expected}")]
    InvalidAddress {
        given: String,
        expected: &'static str,
    },
    #[error("the client of the object store cannot be made")]
    Client(#[source] Box<dyn Error + Send + Sync>),
    #[error("reading or writing a blob was interrupted")]
    Interrupted,
}

impl BlobError {
    /// Whether the same may work in a while.
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Interrupted)
    }
}
