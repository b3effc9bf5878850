//! How a request that was judged is put to its server: as a server that is no proxy takes it.

use http::{HeaderValue, Uri};
use phagen_domain::plugin::Origin;
use wasmtime_wasi_http::Error;

pub(super) fn check_length(length: Option<&HeaderValue>, max_bytes: u64) -> Result<(), Error> {
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match length.filter(|&n_bytes| n_bytes > max_bytes) {
        Some(n_bytes) => Err(Error::HttpRequestBodySize(Some(n_bytes))),
        None => Ok(()),
    }
}

/// As a server that is no proxy takes it.
pub(super) fn origin_form(target: &str) -> Result<Uri, Error> {
    let target = match target {
        "" => "/".to_owned(),
        query if query.starts_with('?') => format!("/{query}"),
        target => target.to_owned(),
    };
    target.parse().map_err(|_| Error::HttpRequestUriInvalid)
}

/// The host as it was judged, not as the guest wrote it.
pub(super) fn host(origin: &Origin) -> Result<HeaderValue, Error> {
    let text = origin.to_string();
    let host = text
        .split_once("://")
        .map_or(text.as_str(), |(_, host)| host);
    HeaderValue::from_str(host).map_err(|_| Error::HttpRequestUriInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_path_with_its_query() {
        for (target, wanted) in [("", "/"), ("?q=1", "/?q=1"), ("/a?q=1", "/a?q=1")] {
            assert_eq!(origin_form(target).unwrap().to_string(), wanted);
        }
    }

    #[test]
    fn the_host_is_the_judged_one() {
        for (origin, wanted) in [
            ("https://API.example.org:443", "api.example.org"),
            ("http://h:8080", "h:8080"),
            ("http://[::1]:80", "[::1]"),
        ] {
            assert_eq!(host(&origin.parse().unwrap()).unwrap(), wanted);
        }
    }
}
