//! A plugin as a file: what it says of itself, who signed it, what is in it, and how it travels.
//!
//! Boundary: this room reads and writes bytes. It never runs a plugin, never compiles one and never
//! links Wasmtime; it keeps no state, reads no clock and decides no policy.

pub mod component;
pub mod golden;
pub mod manifest;
#[cfg(feature = "oci")]
pub mod oci;
pub mod sbom;
pub mod signature;
pub mod types_diff;

mod error;
mod hex;

pub use component::{Package, Producers, check_whole, embed, read_manifest};
pub use error::PackageError;
pub use golden::{Answer, GoldenCase, GoldenCases};
pub use manifest::{parse_manifest, write_manifest};
pub use signature::{KeyPair, check_signature, generate_key, sign};
