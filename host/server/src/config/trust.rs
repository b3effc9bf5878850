//! Who may do everything, whose signatures count where, and how the command line reaches a host.

use std::collections::BTreeMap;

use phagen_domain::plugin::{Cause, Signature, SlotName};
use serde::{Deserialize, Serialize, Serializer};

use super::{SettingsError, told};

/// Operators by name, each with the hash of a key that allows everything. Only `phagen key new` ever
/// sees such a key.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Operators(BTreeMap<String, KeyHash>);

/// BLAKE3 of a key. Two are compared in a time that does not depend on where they differ.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyHash(blake3::Hash);

/// A value that no log, error or answer shows.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretValue(pub(crate) String);

impl std::fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretValue(…)")
    }
}

/// As it may be told: enough to see that it is another one than before, too little to find it by.
impl Serialize for SecretValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&told::secret(self.0.as_bytes()))
    }
}

/// As any other secret.
impl Serialize for KeyHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&told::secret(self.0.as_bytes()))
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not the hash of a key: expected the 64 hexadecimal digits that `phagen key new` prints"
)]
pub struct InvalidKeyHash(String);

impl TryFrom<String> for KeyHash {
    type Error = InvalidKeyHash;

    fn try_from(text: String) -> Result<Self, InvalidKeyHash> {
        blake3::Hash::from_hex(&text)
            .map(Self)
            .map_err(|_| InvalidKeyHash(text))
    }
}

impl Operators {
    /// The actor of whoever reaches a host that has no operators.
    pub const LOCAL: &'static str = "local";
    const MAX_NAME_CHARS: usize = 64;

    /// One operator more, holding `key`.
    #[must_use]
    pub fn with(mut self, name: &str, key: &str) -> Self {
        self.0
            .insert(name.to_owned(), KeyHash(blake3::hash(key.as_bytes())));
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one is called so.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Every operator, by name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whose key it is. Every hash is looked at, whichever fits.
    pub fn find(&self, key: &str) -> Option<&str> {
        let given = KeyHash(blake3::hash(key.as_bytes()));
        self.0
            .iter()
            .filter(|(_, hash)| **hash == given)
            .map(|(name, _)| name.as_str())
            .fold(None, |_, name| Some(name))
    }

    /// Names that the record of moves could not tell from the host itself are refused.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        for name in self.0.keys() {
            if !Self::is_name(name) {
                return Err(SettingsError::Invalid(format!(
                    "operator `{name}`: a name has 1 to {} of `a-z`, `0-9`, `-`, `_` and `.`, and is neither `{}` nor `{}`",
                    Self::MAX_NAME_CHARS,
                    Cause::HOST,
                    Self::LOCAL
                )));
            }
        }
        Ok(())
    }

    /// Whether an operator may be called so.
    pub fn is_name(name: &str) -> bool {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
        (1..=Self::MAX_NAME_CHARS).contains(&name.len())
            && name.bytes().all(is_plain)
            && ![Cause::HOST, Self::LOCAL].contains(&name)
    }
}

/// What a slot asks of the signatures of its plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignaturePolicy {
    /// Only what a known key signed serves.
    Required,
    /// Anything but a failed signature serves; what is not signed says so wherever it is listed.
    Warn,
    /// Signatures are not looked at; for development, so not beside operators.
    Off,
}

/// What each slot asks.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignatureSettings {
    /// For slots that are not named below, and at the gate after the upload.
    pub default: SignaturePolicy,
    pub slots: BTreeMap<SlotName, SignaturePolicy>,
}

impl Default for SignatureSettings {
    fn default() -> Self {
        Self {
            default: SignaturePolicy::Warn,
            slots: BTreeMap::new(),
        }
    }
}

impl SignatureSettings {
    pub fn of_slot(&self, slot: &SlotName) -> SignaturePolicy {
        self.slots.get(slot).copied().unwrap_or(self.default)
    }

    pub(super) fn check(&self, is_guarded: bool) -> Result<(), SettingsError> {
        let is_off = |policy: &SignaturePolicy| *policy == SignaturePolicy::Off;
        if is_guarded && (is_off(&self.default) || self.slots.values().any(is_off)) {
            return Err(SettingsError::OutOfRange {
                key: "plugin.signature",
                found: "off".to_owned(),
                expected: "`required` or `warn` on a host that has operators or requires keys: `off` is for development",
            });
        }
        Ok(())
    }
}

impl SignaturePolicy {
    /// Why a version with such a signature may not serve; none when it may.
    pub fn refusal(self, signature: &Signature) -> Option<String> {
        match (self, signature) {
            (Self::Off, _)
            | (_, Signature::Verified { .. })
            | (Self::Warn, Signature::NotSigned) => None,
            (Self::Required, Signature::NotSigned) => Some(
                "it is not signed: sign it with `phagen plugin sign`, and upload it again with its signature".to_owned(),
            ),
            (_, Signature::Failed { reason }) => Some(format!(
                "its signature failed: {reason}; sign it again, or trust its key with `phagen plugin trust add`"
            )),
        }
    }
}

/// How the commands that act on a running host reach it.
#[derive(Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientSettings {
    /// Such as `http://127.0.0.1:8000`; none: this machine, at `server.port`.
    pub host: Option<String>,
    /// A key that may do what is asked of the host.
    pub key: Option<String>,
}

/// The key stays out of logs and panics.
impl std::fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientSettings")
            .field("host", &self.host)
            .field("key", &self.key.as_ref().map(|_| "…"))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_owners_alone() {
        let operators = Operators::default().with("ada", "a-1").with("bob", "b-1");
        assert_eq!(operators.find("a-1"), Some("ada"));
        assert_eq!(operators.find("b-1"), Some("bob"));
        for wrong in ["", "a-2", "A-1", "a-1 "] {
            assert_eq!(operators.find(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_operator_is_called_like_the_host() {
        for name in ["host", "local", "", "Ada", "a b"] {
            assert!(!Operators::is_name(name), "{name}");
        }
        assert!(Operators::is_name("ada.l-2"));
        assert!(Operators::default().with("host", "k").check().is_err());
    }

    #[test]
    fn a_slot_asks_for_signatures_as_strictly_as_it_is_set() {
        let failed = Signature::Failed {
            reason: "the key expired".to_owned(),
        };
        let verified = Signature::Verified {
            key: "ada".to_owned(),
        };
        let allows = |policy: SignaturePolicy| {
            [&Signature::NotSigned, &failed, &verified].map(|s| policy.refusal(s).is_none())
        };
        assert_eq!(allows(SignaturePolicy::Required), [false, false, true]);
        assert_eq!(allows(SignaturePolicy::Warn), [true, false, true]);
        assert_eq!(allows(SignaturePolicy::Off), [true, true, true]);
    }

    #[test]
    fn a_key_is_not_shown() {
        let settings = ClientSettings {
            key: Some("s3cret".to_owned()),
            ..ClientSettings::default()
        };
        assert!(!format!("{settings:?}").contains("s3cret"));
    }
}
