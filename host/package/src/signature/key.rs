//! Keys of publishers, and signing with them. Nothing here is stored: texts go out, texts come in.

use std::io::Cursor;

use minisign::{PublicKey, SecretKey, SecretKeyBox, SignatureBox};

use super::claim::Claim;
use crate::{PackageError, hex::hex};

/// A new key as its two files.
#[derive(Clone)]
pub struct KeyPair {
    /// Comment line and base64 line of the public key.
    pub public_text: String,
    /// The same of the secret key; encrypted where a password was given.
    pub secret_text: String,
}

/// Not derived: a secret key must not reach a log.
impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyPair")
            .field("public_text", &self.public_text)
            .finish_non_exhaustive()
    }
}

/// Makes a key. With a password the secret key is encrypted by it, which takes about a second, as
/// does every use of it: that is what slows a guesser down.
pub fn generate_key(password: Option<&str>) -> Result<KeyPair, PackageError> {
    let pair = match password {
        Some("") => {
            return Err(secret_key(
                "the password is empty; give one, or none at all",
            ));
        }
        Some(password) => minisign::KeyPair::generate_encrypted_keypair(Some(password.to_owned())),
        None => minisign::KeyPair::generate_unencrypted_keypair(),
    }
    .map_err(|error| secret_key(error.to_string()))?;
    let comment = match password {
        Some(_) => "phagen publisher's secret key, encrypted",
        None => "phagen publisher's secret key, not encrypted",
    };
    let public_text = pair
        .pk
        .to_box()
        .map_err(|error| secret_key(error.to_string()))?
        .into_string();
    let secret_text = pair
        .sk
        .to_box(Some(comment))
        .map_err(|error| secret_key(error.to_string()))?
        .into_string();
    Ok(KeyPair {
        public_text,
        secret_text,
    })
}

/// The text of a `.minisig` file. Its trusted comment carries name and version of the manifest and
/// the digest of the bytes; `trusted_comment` is added to them as a note.
pub fn sign(
    bytes: &[u8],
    secret_text: &str,
    password: Option<&str>,
    trusted_comment: Option<&str>,
) -> Result<String, PackageError> {
    if trusted_comment.is_some_and(|note| note.chars().any(char::is_control)) {
        return Err(secret_key("a comment is one line without tabs"));
    }
    let secret = open_secret_key(secret_text, password)?;
    let failed = |error: minisign::PError| secret_key(error.to_string());
    let public = PublicKey::from_secret_key(&secret).map_err(failed)?;
    let comment = Claim::write(bytes, trusted_comment);
    let untrusted = format!(
        "signature by phagen publisher key {}",
        number(public.keynum())
    );
    minisign::sign(
        Some(&public),
        &secret,
        Cursor::new(bytes),
        Some(&comment),
        Some(&untrusted),
    )
    .map(SignatureBox::into_string)
    .map_err(failed)
}

/// Never asks on a terminal, as `minisign` does when it misses a password.
fn open_secret_key(text: &str, password: Option<&str>) -> Result<SecretKey, PackageError> {
    let as_box = || {
        SecretKeyBox::from_string(text)
            .map_err(|_| secret_key("it is not the text of a minisign secret key file"))
    };
    let failed = |error: minisign::PError| secret_key(error.to_string());
    match password {
        None => as_box()?.into_unencrypted_secret_key().map_err(|error| {
            if error.to_string().contains("encrypted") {
                secret_key("it is protected by a password; give the password")
            } else {
                failed(error)
            }
        }),
        Some(password) => as_box()?
            .into_secret_key(Some(password.to_owned()))
            .map_err(|error| match error.to_string() {
                text if text.contains("not encrypted") => {
                    secret_key("it has no password; leave the password out")
                }
                text if text.contains("Wrong password") => secret_key("the password is wrong"),
                text => secret_key(text),
            }),
    }
}

/// The base64 line of a public key, from that line or from the whole `.pub` file.
pub fn parse_public_key(text: &str) -> Result<String, PackageError> {
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with("untrusted comment:"))
        .ok_or_else(|| PackageError::PublicKey {
            message: "there is no key in it".to_owned(),
        })?;
    // Both readers must take it: one names it, the other verifies by it.
    key_id(line)?;
    minisign_verify::PublicKey::from_base64(line).map_err(|error| PackageError::PublicKey {
        message: error.to_string(),
    })?;
    Ok(line.to_owned())
}

/// The 16 hexadecimal digits by which a signature names its key.
pub fn key_id(public_key: &str) -> Result<String, PackageError> {
    PublicKey::from_base64(public_key.trim())
        .map(|key| number(key.keynum()))
        .map_err(|error| PackageError::PublicKey {
            message: error.to_string(),
        })
}

/// The key that a signature file names.
pub(super) fn signer(minisig: &str) -> Result<String, String> {
    SignatureBox::from_string(minisig)
        .map(|signature| number(signature.keynum()))
        .map_err(|error| error.to_string())
}

/// As minisign writes it: the bytes are a little-endian number.
fn number(key_number: &[u8]) -> String {
    let bytes: Vec<u8> = key_number.iter().rev().copied().collect();
    hex(&bytes).to_ascii_uppercase()
}

fn secret_key(message: impl Into<String>) -> PackageError {
    PackageError::SecretKey {
        message: message.into(),
    }
}
