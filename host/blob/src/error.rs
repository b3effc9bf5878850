//! What can be wrong with a blob or its folder.

use std::{io, path::PathBuf};

use phagen_domain::digest::Digest;

use crate::MAX_BLOB_BYTES;

#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error(
        "blob `{digest}` is corrupt: `{}` holds {found}; delete that file, then install its plugin or artifact again",
        path.display()
    )]
    Corrupt {
        digest: Digest,
        path: PathBuf,
        /// Such as `other bytes, with digest …`.
        found: String,
    },
    #[error("a blob of {size_bytes} bytes is over the limit of {MAX_BLOB_BYTES} bytes")]
    TooLarge { size_bytes: u64 },
    #[error("could not {tried} `{}`", path.display())]
    Io {
        tried: &'static str,
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
}
