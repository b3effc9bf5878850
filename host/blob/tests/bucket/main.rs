//! Blobs in a bucket of a real S3 server, which `cargo xtask services` starts.

mod cache;
mod files;
mod outage;
mod place;
mod shared;
mod signature;
