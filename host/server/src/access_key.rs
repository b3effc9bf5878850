//! A key as text: what is made at random, shown once to whoever shall hold it, and sent with each
//! request. Hosts keep only its hash; of the key itself nothing is logged or stored.

use phagen_domain::digest::Digest;
use rand::Rng;

/// Random bytes of a key.
const KEY_BYTES: usize = 32;
/// By which a key is told from other long numbers, as by scanners of leaked secrets.
const PREFIX: &str = "phagen_";
/// Digits that listings show, so that people tell keys apart: 32 bits of 256.
const SHOWN_DIGITS: usize = 8;

/// A key that is about to be shown, and never again.
pub struct AccessKey(String);

impl AccessKey {
    pub fn draw(rng: &mut impl Rng) -> Self {
        let mut bytes = [0; KEY_BYTES];
        rng.fill_bytes(&mut bytes);
        Self(format!(
            "{PREFIX}{}",
            blake3::Hash::from_bytes(bytes).to_hex()
        ))
    }

    /// The one place that hands the key out.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub fn hash(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// How it begins.
    pub fn prefix(&self) -> String {
        prefix_of(&self.0).unwrap_or_default().to_owned()
    }
}

/// How a key begins, by which it is looked up; none of what cannot be a key.
pub fn prefix_of(key: &str) -> Option<&str> {
    let digits = key.strip_prefix(PREFIX)?;
    let is_key =
        digits.len() == 2 * KEY_BYTES && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_key.then(|| &key[..PREFIX.len() + SHOWN_DIGITS])
}

/// Whether two hashes of keys are one, in a time that does not depend on where they differ.
pub fn is_same(one: &Digest, other: &Digest) -> bool {
    blake3::Hash::from_bytes(*one.as_bytes()) == blake3::Hash::from_bytes(*other.as_bytes())
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;

    #[test]
    fn a_key_shows_only_how_it_begins() {
        let key = AccessKey::draw(&mut StdRng::seed_from_u64(1));
        assert_eq!(key.reveal().len(), PREFIX.len() + 64);
        assert_eq!(key.prefix().len(), PREFIX.len() + SHOWN_DIGITS);
        assert!(key.reveal().starts_with(&key.prefix()));
        assert!(is_same(&key.hash(), &Digest::of(key.reveal().as_bytes())));
        let other = AccessKey::draw(&mut StdRng::seed_from_u64(2));
        assert_ne!(key.prefix(), other.prefix());
        assert!(!is_same(&key.hash(), &other.hash()));
    }

    #[test]
    fn what_cannot_be_a_key_is_not_looked_up() {
        let digits = "0123456789abcdef".repeat(4);
        let key = format!("phagen_{digits}");
        assert_eq!(prefix_of(&key), Some("phagen_01234567"));
        for wrong in [
            "",
            "phagen_",
            &digits,
            &format!("{key}0"),
            &key[..key.len() - 1],
            &format!("phagen_{}", "é".repeat(32)),
        ] {
            assert_eq!(prefix_of(wrong), None, "{wrong}");
        }
    }
}
