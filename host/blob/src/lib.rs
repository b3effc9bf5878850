//! Bytes by digest: components, artifacts, compiled guests. A folder, until there is a second home
//! for them.
//!
//! A blob appears under its digest whole or not at all, never changes, and is checked against its
//! name on every read. Nothing here knows what the bytes mean, and nothing here is async: callers
//! on async threads go through `spawn_blocking`.

mod error;
mod folder;

pub use error::BlobError;
pub use folder::BlobFolder;

/// The largest blob. A compiled guest takes a few MiB; more than this is a mistake or an attack.
pub const MAX_BLOB_BYTES: u64 = 256 * 1024 * 1024;
