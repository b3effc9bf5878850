//! What a source asked of the network and what it was told, as both are written down.
//!
//! Requests are as the guest sent them and answers as it got them: where a secret goes along, both
//! hold the guest's placeholder and never the value.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// One request, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpExchange {
    pub request: HttpRequest,
    pub answer: HttpAnswer,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpRequest {
    pub method: String,
    pub url: String,
    /// Without those that are the host's business.
    pub headers: Vec<HttpHeader>,
    pub body: Octets,
    /// Whether the guest's body was taken to its end. It was not where the answer came before, so
    /// how much of it was taken is chance.
    pub is_whole: bool,
}

/// A name in lower case, and a value.
pub type HttpHeader = (String, Octets);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpAnswer {
    Response(HttpResponse),
    Failure(HttpFailure),
    /// The guest went on, or ended, before there was any.
    Unanswered,
    /// Only that there was a request is known.
    NotKept(NotKept),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpResponse {
    pub status: u16,
    pub headers: Vec<HttpHeader>,
    /// The body in the pieces in which the guest got it: a guest may act on each.
    pub pieces: Vec<Octets>,
    pub end: BodyEnd,
}

/// What came after the last piece of a response's body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyEnd {
    /// Its end.
    Whole,
    /// Its end, and these.
    Trailers(Vec<HttpHeader>),
    /// It broke off.
    Failure(HttpFailure),
    /// Nothing, though the guest asked for more.
    Silence,
    /// The guest read no further.
    Unread,
}

/// Why there is no answer, as the guest was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpFailure {
    Denied,
    AddressProhibited,
    UriInvalid,
    UriTooLong,
    RequestHeaders {
        n_bytes: Option<u32>,
    },
    RequestBody {
        n_bytes: Option<u64>,
    },
    ResponseHeaders {
        n_bytes: Option<u32>,
    },
    ResponseBody {
        n_bytes: Option<u64>,
    },
    ResponseIncomplete,
    ResponseCoding {
        coding: Option<String>,
    },
    DnsTimeout,
    Dns {
        text: Option<String>,
        code: Option<u16>,
    },
    Unavailable,
    ConnectionRefused,
    ConnectionTerminated,
    ConnectionTimeout,
    ConnectionLimit,
    ReadTimeout,
    TlsProtocol,
    TlsCertificate,
    TlsAlert {
        code: Option<u8>,
        text: Option<String>,
    },
    Protocol,
    /// None of the above, which the host makes all by itself.
    Internal {
        text: String,
    },
}

/// Why an exchange was not written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotKept {
    TooLarge { max_bytes: u64 },
    HoldsSecret,
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { max_bytes } => write!(
                f,
                "of one call at most {max_bytes} bytes of requests and responses are written down"
            ),
            Self::HoldsSecret => f.write_str("the value of a secret stands in it"),
        }
    }
}

/// What a source was given beside answers, and what is another in every call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Given {
    /// All its random numbers come from this.
    pub seed: [u64; 4],
    /// Nanoseconds since 1970, each time it read the wall clock.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wall_nanoseconds: Vec<u64>,
    /// Nanoseconds since its start, each time it read the other clock.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub monotonic_nanoseconds: Vec<u64>,
    /// Readings that had no room any more.
    pub n_readings_dropped: u64,
    /// The keys of secrets in its configuration, with what stood for each value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub placeholders: Vec<phagen_domain::evidence::Attribute>,
}

impl HttpRequest {
    /// Whether all but the bodies are equal.
    pub(crate) fn has_head_of(&self, other: &Self) -> bool {
        self.method == other.method && self.url == other.url && self.headers == other.headers
    }
}

impl fmt::Display for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// Bytes; in JSON a text where they are one, and base64 where not.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Octets(pub Bytes);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written<T> {
    Text(T),
    Base64 { base64: String },
}

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = match std::str::from_utf8(&self.0) {
            Ok(text) => Written::Text(text),
            Err(_) => Written::Base64 {
                base64: STANDARD.encode(&self.0),
            },
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = match Written::<String>::deserialize(deserializer)? {
            Written::Text(text) => text.into_bytes(),
            Written::Base64 { base64 } => STANDARD.decode(base64).map_err(D::Error::custom)?,
        };
        Ok(Self(bytes.into()))
    }
}

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_texts_where_they_can_be() {
        for (bytes, json) in [
            (&b"gr\xc3\xb6\xc3\x9fe"[..], r#""größe""#),
            (b"", r#""""#),
            (b"\xff\x00", r#"{"base64":"/wA="}"#),
        ] {
            let octets = Octets(Bytes::from_static(bytes));
            assert_eq!(serde_json::to_string(&octets).unwrap(), json);
            assert_eq!(serde_json::from_str::<Octets>(json).unwrap(), octets);
        }
        assert!(serde_json::from_str::<Octets>(r#"{"base64":"?"}"#).is_err());
    }
}
