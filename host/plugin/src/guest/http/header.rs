//! Headers that are the host's business: how a message is framed, where it goes, who asks.

use http::{HeaderMap, HeaderName};
use wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS;

/// Beside those that `wasi:http` always forbids. The last two groups would let a request mean
/// another method or path to the server than the one that was granted.
const FORBIDDEN: [&str; 15] = [
    "te",
    "trailer",
    "expect",
    "via",
    "forwarded",
    "x-real-ip",
    "x-host",
    "alt-svc",
    "alt-used",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
    "x-original-host",
];

/// Whether a guest may neither set it nor see it.
pub(super) fn is_forbidden(name: &HeaderName) -> bool {
    let text = name.as_str();
    DEFAULT_FORBIDDEN_HEADERS.contains(name)
        || FORBIDDEN.contains(&text)
        || text.starts_with("proxy-")
        || text.starts_with("x-forwarded-")
}

/// Bytes of all names and values.
pub(super) fn n_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framing_and_routing_are_the_hosts() {
        for name in [
            "host",
            "connection",
            "keep-alive",
            "proxy-authorization",
            "proxy-anything",
            "transfer-encoding",
            "upgrade",
            "te",
            "http2-settings",
            "x-forwarded-for",
            "x-http-method-override",
        ] {
            assert!(is_forbidden(&HeaderName::from_static(name)), "{name}");
        }
        for name in ["accept", "authorization", "content-length", "retry-after"] {
            assert!(!is_forbidden(&HeaderName::from_static(name)), "{name}");
        }
    }
}
