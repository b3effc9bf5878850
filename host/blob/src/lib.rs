//! Bytes by digest: components, artifacts, recordings, pieces of the corpus index. A folder on this machine; where many machines
//! serve as one, a bucket that they share, with the folder as its cache.
//!
//! A blob appears under its digest whole or not at all, never changes, and is checked against its
//! name on every read. Nothing here knows what the bytes mean.

mod blobs;
mod bucket;
mod checked;
mod error;
mod files;
mod folder;
mod prune;

pub use blobs::Blobs;
pub use bucket::{AddressStyle, Bucket, BucketAddress, BucketSettings, Credentials, PlainHttp};
pub use error::BlobError;
pub use files::{MAX_PIECE_BYTES, Piece, StoredFile};
pub use folder::BlobFolder;

/// The largest blob. A compiled guest takes a few MiB; more than this is a mistake or an attack.
pub const MAX_BLOB_BYTES: u64 = 256 * 1024 * 1024;
