//! What a guest may reach: what its manifest asks for *and* an operator grants. Neither side alone
//! opens anything.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One side of the decision: in a manifest what the plugin asks for, in a slot what the operator
/// allows. Everything that is not named is denied at the call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Search of the host's corpus.
    #[serde(default)]
    pub corpus: bool,
    /// The slot's artifact.
    #[serde(default)]
    pub artifact: bool,
    /// Places on the network, for sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpGrant>,
}

/// One place on the network, and what may be done there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpGrant {
    #[schema(value_type = String, example = "https://api.fda.gov")]
    pub origin: Origin,
    /// `GET` and the like, in capitals.
    #[serde(default = "get_only")]
    pub methods: Vec<String>,
    /// The path must begin with it.
    #[serde(default = "any_path")]
    pub path: String,
    /// Names of secrets whose values may be sent there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// The name may resolve to a loopback, private or link-local address. Only an operator's word
    /// counts, not a manifest's; addresses of cloud metadata stay denied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private_addresses: bool,
}

fn get_only() -> Vec<String> {
    vec!["GET".to_owned()]
}

fn any_path() -> String {
    "/".to_owned()
}

impl HttpGrant {
    /// Whether it covers a request. `path` is the request's, without its query.
    pub fn covers(&self, method: &str, origin: &Origin, path: &str) -> bool {
        self.origin == *origin
            && self.methods.iter().any(|allowed| allowed == method)
            && path_begins_with(path, &self.path)
    }
}

/// `/search` covers `/search` and `/search/x`, not `/searching`; a prefix that ends in `/` covers
/// what lies below it.
fn path_begins_with(path: &str, prefix: &str) -> bool {
    // A server may take `..` and its encodings apart in ways of its own.
    let lower = path.to_ascii_lowercase();
    if lower.contains("..")
        || lower.contains("%2e")
        || lower.contains("%2f")
        || lower.contains('\\')
    {
        return false;
    }
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'))
}

/// `https://api.example.org` or `http://127.0.0.1:8080`: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin {
    is_https: bool,
    /// Lower case; an IPv6 address in brackets.
    host: String,
    port: u16,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not an origin: expected `https://host` or `http://host`, with `:port` where it is not the usual one, and nothing after it"
)]
pub struct InvalidOrigin(String);

impl Origin {
    /// From the parts of a request. `port` is none where the scheme's own is meant.
    pub fn new(is_https: bool, host: &str, port: Option<u16>) -> Result<Self, InvalidOrigin> {
        let host = host.to_ascii_lowercase();
        // One trailing dot names the same host to DNS, and another to a comparison of texts.
        let host = host.strip_suffix('.').unwrap_or(&host).to_owned();
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        let is_ipv6 = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
        let is_name = !host.is_empty() && host.len() <= 253 && host.bytes().all(is_plain);
        if !is_name && !is_ipv6 {
            return Err(InvalidOrigin(host));
        }
        Ok(Self {
            is_https,
            host,
            port: port.unwrap_or(if is_https { 443 } else { 80 }),
        })
    }

    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// Lower case; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let invalid = || InvalidOrigin(text.to_owned());
        let (scheme, rest) = text.trim().split_once("://").ok_or_else(invalid)?;
        let is_https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(invalid()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // The colons of an IPv6 address stand inside its brackets.
        let (host, port) = match rest.rfind(']') {
            Some(end) => rest.split_at(end + 1),
            None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(digits) => Some(digits.parse().map_err(|_| invalid())?),
            None if port.is_empty() => None,
            None => return Err(invalid()),
        };
        Self::new(is_https, host, port).map_err(|_| invalid())
    }
}

impl TryFrom<String> for Origin {
    type Error = InvalidOrigin;

    fn try_from(text: String) -> Result<Self, InvalidOrigin> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.is_https {
            ("https", 443)
        } else {
            ("http", 80)
        };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == usual {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (text, written) in [
            ("https://API.fda.gov", "https://api.fda.gov"),
            ("https://api.fda.gov:443/", "https://api.fda.gov"),
            ("https://api.fda.gov.", "https://api.fda.gov"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), written);
        }
        for text in [
            "api.fda.gov",
            "ftp://api.fda.gov",
            "https://",
            "https://a/b",
            "https://user@a",
            "https://a:99999",
            "https://a:",
            "https://[zz]",
            "https://a b",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_grant_covers_its_origin_methods_and_paths() {
        let grant = HttpGrant {
            origin: "https://api.fda.gov".parse().unwrap(),
            methods: get_only(),
            path: "/drug".to_owned(),
            secrets: Vec::new(),
            private_addresses: false,
        };
        let origin = grant.origin.clone();
        let other = "http://api.fda.gov".parse().unwrap();
        assert!(grant.covers("GET", &origin, "/drug"));
        assert!(grant.covers("GET", &origin, "/drug/label.json"));
        for (method, origin, path) in [
            ("POST", &origin, "/drug"),
            ("GET", &other, "/drug"),
            ("GET", &origin, "/drugs"),
            ("GET", &origin, "/drug/../admin"),
            ("GET", &origin, "/drug/%2E%2e/admin"),
        ] {
            assert!(
                !grant.covers(method, origin, path),
                "{method} {origin}{path}"
            );
        }
    }
}
