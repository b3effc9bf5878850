//! A plugin on its way through an OCI registry, and the lock that pins what came.
//!
//! The layout is that of `wkg` and `wasm-pkg-client`: a config of Wasm and one layer
//! `application/wasm`, so that their tools read what we push. The minisign signature travels as the
//! annotation [`MINISIG_ANNOTATION`] of the manifest: it is copied with it, is covered by its digest,
//! and needs neither a second layer, which those tools refuse, nor a registry that knows referrers.
//!
//! Nothing here decides whether a signature suffices.

mod access;
mod cosign;
mod lock;
mod pull;
mod push;
mod reference;

pub use access::{Access, Credentials, install_tls};
pub use cosign::{CosignKey, CosignSignature, check_cosign, read_cosign};
pub use lock::{Lock, Locked};
pub use pull::{Pulled, pull};
pub use push::{Pushed, push};

/// Annotation of the manifest with the text of the `.minisig` file.
pub const MINISIG_ANNOTATION: &str = "phagen.minisig";

/// What wasm tools call the config of an artifact.
const CONFIG_MEDIA_TYPE: &str = "application/vnd.wasm.config.v0+json";
const LAYER_MEDIA_TYPE: &str = "application/wasm";

/// `sha256:` and 64 hexadecimal digits, as registries name bytes.
fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    format!("sha256:{}", crate::hex::hex(digest.as_ref()))
}
