//! Secrets that a guest uses without ever holding them: it gets a placeholder, and the host puts
//! the value into a request that may carry it.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
    sync::Arc,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT_ENCODING, RANGE},
};
use phagen_domain::{evidence::Attribute, plugin::Grant};

/// Before the name of a secret, where a guest asks its configuration for it.
pub(crate) const KEY_PREFIX: &str = "secret.";

/// Values by name. They come from the operator's settings and leave only inside a request.
#[derive(Clone, Default)]
pub struct Secrets(Arc<BTreeMap<String, String>>);

#[derive(Debug, thiserror::Error)]
#[error(
    "secret `{name}` cannot be used: expected a value of 8 to 4096 printable ASCII characters without spaces"
)]
pub struct InvalidSecret {
    name: String,
}

impl Secrets {
    /// Refuses a value that no header can carry, or that is too short to be told apart from other
    /// text when a server repeats it.
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Result<Self, InvalidSecret> {
        let values: BTreeMap<_, _> = values.into_iter().collect();
        let is_usable = |value: &str| {
            (8..=4096).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic())
        };
        match values.iter().find(|(_, value)| !is_usable(value)) {
            Some((name, _)) => Err(InvalidSecret { name: name.clone() }),
            None => Ok(Self(Arc::new(values))),
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redacted = self.0.keys().map(|name| (name, "[redacted]"));
        f.debug_map().entries(redacted).finish()
    }
}

/// The secrets of one call, each under a name that nobody can guess and no other call has.
#[derive(Clone, Default)]
pub(crate) struct Placeholders(Vec<Placeholder>);

#[derive(Clone)]
struct Placeholder {
    name: String,
    text: String,
    value: String,
}

impl Placeholders {
    /// One for each secret that both sides name somewhere and that has a value.
    pub(crate) fn draw(secrets: &Secrets, asked: &Grant, granted: &Grant) -> Self {
        let names = |grant: &Grant, name: &str| {
            let mut places = grant.http.iter();
            places.any(|place| place.secrets.iter().any(|secret| secret == name))
        };
        let named = secrets
            .0
            .iter()
            .filter(|(name, _)| names(asked, name) && names(granted, name));
        Self(
            named
                .map(|(name, value)| Placeholder {
                    name: name.clone(),
                    text: format!("phagen-secret-{:032x}", rand::random::<u128>()),
                    value: value.clone(),
                })
                .collect(),
        )
    }

    /// Those of a recorded call, whose values are nowhere: its answers are not asked for again.
    pub(crate) fn recorded(attributes: &[Attribute]) -> Self {
        let recorded = attributes.iter().filter_map(|attribute| {
            Some(Placeholder {
                name: attribute.key.strip_prefix(KEY_PREFIX)?.to_owned(),
                text: attribute.value.clone(),
                value: String::new(),
            })
        });
        Self(recorded.collect())
    }

    /// What the guest's configuration says of them.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = Attribute> {
        self.0.iter().map(|secret| Attribute {
            key: format!("{KEY_PREFIX}{}", secret.name),
            value: secret.text.clone(),
        })
    }

    /// Those whose placeholder stands in the headers or in `target`, a path with its query.
    pub(super) fn used(&self, headers: &HeaderMap, target: &str) -> Self {
        let is_used = |secret: &&Placeholder| {
            let text = secret.text.as_bytes();
            target.contains(&secret.text)
                || headers
                    .values()
                    .any(|value| contains(value.as_bytes(), text))
        };
        Self(self.0.iter().filter(is_used).cloned().collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|secret| secret.name.as_str())
    }

    /// Puts the values in. A response to such a request is looked through for them, so it must be
    /// readable and whole.
    pub(super) fn fill(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            let mut filled = value.as_bytes().to_vec();
            for secret in &self.0 {
                filled = replace(&filled, secret.text.as_bytes(), secret.value.as_bytes());
            }
            if filled != value.as_bytes()
                && let Ok(mut filled) = HeaderValue::from_bytes(&filled)
            {
                filled.set_sensitive(true);
                *value = filled;
            }
        }
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.remove(RANGE);
    }

    /// The same for a path with its query; none where a placeholder stands in the path, which
    /// servers log.
    pub(super) fn fill_target(&self, target: &str) -> Option<String> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if self.0.iter().any(|secret| path.contains(&secret.text)) {
            return None;
        }
        let query = self.0.iter().fold(query.to_owned(), |query, secret| {
            query.replace(&secret.text, &percent_encoded(&secret.value))
        });
        let separator = if target.contains('?') { "?" } else { "" };
        Some(format!("{path}{separator}{query}"))
    }

    /// Takes the values out of what a server repeats, headers first.
    pub(super) fn redact_headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            let redacted = self.redact(value.as_bytes());
            if redacted != value.as_bytes()
                && let Ok(redacted) = HeaderValue::from_bytes(&redacted)
            {
                *value = redacted;
            }
        }
    }

    /// Whether one of the values stands in `bytes`.
    pub(super) fn stand_for_some_of(&self, bytes: &[u8]) -> bool {
        let mut written = self.0.iter().flat_map(Placeholder::written);
        written.any(|value| contains(bytes, value.as_bytes()))
    }

    fn redact(&self, bytes: &[u8]) -> Vec<u8> {
        let mut redacted = bytes.to_vec();
        for secret in &self.0 {
            for written in secret.written() {
                redacted = replace(&redacted, written.as_bytes(), secret.text.as_bytes());
            }
        }
        redacted
    }

    /// Bytes of the longest way to write one of the values.
    fn max_bytes(&self) -> usize {
        let written = self.0.iter().flat_map(Placeholder::written);
        written.map(|text| text.len()).max().unwrap_or(0)
    }
}

impl Placeholder {
    /// As it is, and as a query has it.
    fn written(&self) -> [String; 2] {
        [self.value.clone(), percent_encoded(&self.value)]
    }
}

/// Takes values out of a body that comes in pieces: what may be the beginning of a value waits
/// for the next piece.
pub(super) struct Redactor {
    secrets: Placeholders,
    held: Vec<u8>,
}

impl Redactor {
    pub(super) fn new(secrets: Placeholders) -> Self {
        Self {
            secrets,
            held: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, piece: &[u8]) -> Bytes {
        self.held.extend_from_slice(piece);
        let mut redacted = self.secrets.redact(&self.held);
        let n_kept = self.secrets.max_bytes().saturating_sub(1);
        let n_ready = redacted.len().saturating_sub(n_kept);
        self.held = redacted.split_off(n_ready);
        redacted.into()
    }

    /// What still waits, after the last piece.
    pub(super) fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.held).into()
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn replace(bytes: &[u8], part: &[u8], by: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(part) {
            replaced.extend_from_slice(by);
            rest = after;
        } else {
            replaced.push(rest[0]);
            rest = &rest[1..];
        }
    }
    replaced
}

/// As a query has it: everything but unreserved characters encoded.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use phagen_domain::plugin::HttpGrant;

    use super::*;

    const VALUE: &str = "s3cr3t/value+with=signs";

    fn naming(name: &str) -> Grant {
        Grant {
            http: vec![HttpGrant {
                origin: "https://h".parse().unwrap(),
                methods: Vec::new(),
                path: "/".to_owned(),
                secrets: vec![name.to_owned()],
                private_addresses: false,
            }],
            ..Grant::default()
        }
    }

    fn drawn() -> Placeholders {
        let secrets = Secrets::new([("key".to_owned(), VALUE.to_owned())]).unwrap();
        Placeholders::draw(&secrets, &naming("key"), &naming("key"))
    }

    fn text(placeholders: &Placeholders) -> String {
        placeholders.attributes().next().unwrap().value
    }

    #[test]
    fn values_are_never_shown() {
        let secrets = Secrets::new([("key".to_owned(), VALUE.to_owned())]).unwrap();
        assert_eq!(format!("{secrets:?}"), r#"{"key": "[redacted]"}"#);
        for value in [
            "short",
            "has a space in it",
            "new\nline\nin\nit",
            "größer als",
        ] {
            let error = Secrets::new([("key".to_owned(), value.to_owned())]).unwrap_err();
            assert!(error.to_string().starts_with("secret `key`"), "{error}");
            assert!(!error.to_string().contains(value), "{error}");
        }
    }

    #[test]
    fn a_placeholder_is_drawn_anew_where_both_sides_name_the_secret() {
        let secrets = Secrets::new([("key".to_owned(), VALUE.to_owned())]).unwrap();
        let (key, other) = (naming("key"), naming("other"));
        assert!(Placeholders::draw(&secrets, &key, &other).is_empty());
        assert!(Placeholders::draw(&secrets, &other, &key).is_empty());
        assert!(Placeholders::draw(&secrets, &other, &other).is_empty());
        assert_ne!(text(&drawn()), text(&drawn()));
        assert_eq!(drawn().attributes().next().unwrap().key, "secret.key");
    }

    #[test]
    fn a_value_goes_into_headers_and_queries_and_never_into_a_path() {
        let placeholders = drawn();
        let text = text(&placeholders);
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {text}").parse().unwrap());
        headers.insert("range", "bytes=0-1".parse().unwrap());
        let used = placeholders.used(&headers, "/");
        assert_eq!(used.names().collect::<Vec<_>>(), ["key"]);
        used.fill(&mut headers);
        assert_eq!(headers["authorization"], format!("Bearer {VALUE}"));
        assert!(headers["authorization"].is_sensitive());
        assert_eq!(headers["accept-encoding"], "identity");
        assert!(!headers.contains_key("range"));

        let target = format!("/search?q=a&key={text}");
        assert_eq!(
            placeholders.fill_target(&target).unwrap(),
            "/search?q=a&key=s3cr3t%2Fvalue%2Bwith%3Dsigns"
        );
        assert_eq!(placeholders.fill_target(&format!("/{text}?q=a")), None);
        assert!(
            placeholders
                .used(&HeaderMap::new(), "/search?q=a")
                .is_empty()
        );
    }

    #[test]
    fn a_value_that_a_server_repeats_is_taken_out_however_the_pieces_fall() {
        let placeholders = drawn();
        let text = text(&placeholders);
        let encoded = percent_encoded(VALUE);
        let body = format!("a {VALUE}{VALUE} b {encoded} s3cr3t/val {VALUE}");
        let wanted = format!("a {text}{text} b {text} s3cr3t/val {text}");
        for n_bytes in 1..=body.len() {
            let mut redactor = Redactor::new(placeholders.clone());
            let mut out = Vec::new();
            for piece in body.as_bytes().chunks(n_bytes) {
                out.extend_from_slice(&redactor.push(piece));
            }
            out.extend_from_slice(&redactor.rest());
            assert_eq!(String::from_utf8(out).unwrap(), wanted, "{n_bytes}");
        }
        let mut headers = HeaderMap::new();
        headers.insert("location", format!("/x?key={encoded}").parse().unwrap());
        placeholders.redact_headers(&mut headers);
        assert_eq!(headers["location"], format!("/x?key={text}"));
    }
}
