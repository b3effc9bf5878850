//! Answers that a client may keep: an entity tag made of the bytes, and 304 when it still fits.

use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use phagen_domain::digest::Digest;

/// A body with its tag, cheap to hand out again.
#[derive(Debug, Clone)]
pub(super) struct Tagged {
    tag: String,
    content_type: &'static str,
    body: Bytes,
}

impl Tagged {
    pub(super) fn of(content_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            tag: format!("\"{}\"", &Digest::of(&body).to_string()[..32]),
            content_type,
            body: body.into(),
        }
    }

    pub(super) fn n_bytes(&self) -> usize {
        self.body.len()
    }

    /// The body, or 304 without it when the request's `If-None-Match` already names it.
    pub(super) fn answer(&self, request: &HeaderMap) -> Response {
        let mut headers = HeaderMap::new();
        // A tag is hexadecimal digits in quotes: always a valid header value.
        if let Ok(tag) = HeaderValue::from_str(&self.tag) {
            headers.insert(ETAG, tag);
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        if is_named(request, &self.tag) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        (headers, self.body.clone()).into_response()
    }
}

/// As [`Tagged::answer`], for a body that nobody keeps.
pub(super) fn answer(request: &HeaderMap, content_type: &'static str, body: Vec<u8>) -> Response {
    Tagged::of(content_type, body).answer(request)
}

/// Compares weakly, as RFC 9110 asks for `If-None-Match`.
fn is_named(request: &HeaderMap, tag: &str) -> bool {
    request
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|named| named == "*" || named.strip_prefix("W/").unwrap_or(named) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_tag_saves_the_body() {
        let first = answer(&HeaderMap::new(), "text/plain", b"text".to_vec());
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
        for named in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"other\", {tag}"),
            "*".to_owned(),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, named.parse().unwrap());
            let again = answer(&headers, "text/plain", b"text".to_vec());
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{named}");
            assert_eq!(again.headers()[ETAG], tag.as_str());
        }
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, tag.parse().unwrap());
        let changed = answer(&headers, "text/plain", b"other text".to_vec());
        assert_eq!(changed.status(), StatusCode::OK);
    }
}
