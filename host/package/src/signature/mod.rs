//! Who made the bytes: Ed25519 in minisign's format, over the component with its manifest embedded.
//!
//! What a missing or failed signature leads to is the operator's policy, not decided here.

mod claim;
mod key;

use chrono::{DateTime, Utc};
use minisign_verify::PublicKey;
use phagen_domain::plugin::{PublisherKey, Signature};

pub use key::{KeyPair, generate_key, key_id, parse_public_key, sign};

use claim::Claim;

/// Bytes of a signature file. A whole one of ours has under 500.
pub const MAX_MINISIG_BYTES: usize = 4 << 10;

/// Holds a signature file against the bytes and the keys that count at `now`.
pub fn check_signature(
    bytes: &[u8],
    minisig: Option<&str>,
    keys: &[PublisherKey],
    now: DateTime<Utc>,
) -> Signature {
    let Some(minisig) = minisig else {
        return Signature::NotSigned;
    };
    match verify(bytes, minisig, keys, now) {
        Ok(key) => Signature::Verified { key },
        Err(reason) => Signature::Failed { reason },
    }
}

/// The name of the key that made it.
fn verify(
    bytes: &[u8],
    minisig: &str,
    keys: &[PublisherKey],
    now: DateTime<Utc>,
) -> Result<String, String> {
    if minisig.len() > MAX_MINISIG_BYTES {
        return Err(format!(
            "the signature file has {} bytes, more than the {MAX_MINISIG_BYTES} of any minisign signature",
            minisig.len()
        ));
    }
    let malformed = |detail: String| {
        format!(
            "the signature file is not in minisign's format ({detail}); give the `.minisig` file as it was written"
        )
    };
    let signature = minisign_verify::Signature::decode(minisig)
        .map_err(|error| malformed(error.to_string()))?;
    let signer = key::signer(minisig).map_err(malformed)?;
    let candidates: Vec<&PublisherKey> = keys
        .iter()
        .filter(|key| key_id(&key.public_key).is_ok_and(|id| id == signer))
        .collect();
    if candidates.is_empty() {
        return Err(format!(
            "signed with key `{signer}`, which this host does not know; have an operator add its public key if you trust it"
        ));
    }
    let claim = Claim::read(signature.trusted_comment());
    let maker = candidates
        .into_iter()
        .find(|key| is_made_by(key, bytes, &signature))
        .ok_or_else(|| not_of_these_bytes(&signer, &claim, bytes))?;
    check_key(maker, now)?;
    claim.check(bytes)?;
    Ok(maker.name.clone())
}

/// Verified by `minisign-verify`, which checks every length before it reads; `minisign` itself
/// panics on a comment signature that is too short.
fn is_made_by(key: &PublisherKey, bytes: &[u8], signature: &minisign_verify::Signature) -> bool {
    /// Signatures over the file itself instead of its hash, which minisign stopped writing in 2021.
    const ACCEPT_LEGACY: bool = false;
    PublicKey::from_base64(key.public_key.trim())
        .is_ok_and(|public| public.verify(bytes, signature, ACCEPT_LEGACY).is_ok())
}

fn not_of_these_bytes(signer: &str, claim: &Claim, bytes: &[u8]) -> String {
    let advice = match claim.of_other_bytes(bytes) {
        Some(other) => format!("it says it is of {other}; give the signature of this file"),
        None => "the file or the signature was altered, or the signature is an old one over the file itself; sign it again".to_owned(),
    };
    format!("the signature by key `{signer}` is not of these bytes: {advice}")
}

fn check_key(key: &PublisherKey, now: DateTime<Utc>) -> Result<(), String> {
    let name = &key.name;
    if let Some(revoked_at) = key.revoked_at.filter(|at| *at <= now) {
        return Err(format!(
            "key `{name}` was revoked on {}; sign with another key",
            revoked_at.format("%Y-%m-%d")
        ));
    }
    if let Some(expires_at) = key.expires_at.filter(|at| *at <= now) {
        return Err(format!(
            "key `{name}` expired on {}; sign with another key, or have an operator extend it",
            expires_at.format("%Y-%m-%d")
        ));
    }
    Ok(())
}
