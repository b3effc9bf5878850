//! How requests and responses are written down: what of them, how much that is, and what must not
//! be kept.

use bytes::Bytes;
use http::{HeaderMap, request};

use super::{header, secret::Placeholders};
use crate::record::{
    BodyEnd, HttpAnswer, HttpExchange, HttpFailure, HttpHeader, HttpRequest, NotKept, Octets,
};

/// A request as far as it is known when it is sent.
pub(super) fn head(parts: &request::Parts) -> HttpRequest {
    HttpRequest {
        method: parts.method.as_str().to_owned(),
        url: parts.uri.to_string(),
        headers: written(&parts.headers),
        body: Octets::default(),
        is_whole: false,
    }
}

/// As the guest may see them.
pub(super) fn written(headers: &HeaderMap) -> Vec<HttpHeader> {
    let seen = headers
        .iter()
        .filter(|(name, _)| !header::is_forbidden(name));
    seen.map(|(name, value)| {
        let value = Bytes::copy_from_slice(value.as_bytes());
        (name.as_str().to_owned(), Octets(value))
    })
    .collect()
}

pub(super) fn n_bytes(headers: &[HttpHeader]) -> usize {
    let n_bytes = |(name, value): &HttpHeader| name.len() + value.0.len();
    headers.iter().map(n_bytes).sum()
}

pub(super) fn reveals(placeholders: &Placeholders, exchange: &HttpExchange) -> bool {
    let mut all = exchange.request.url.clone().into_bytes();
    let mut add = |headers: &[HttpHeader], pieces: &[Octets]| {
        for Octets(bytes) in headers.iter().map(|(_, value)| value) {
            all.push(b'\n');
            all.extend_from_slice(bytes);
        }
        all.push(b'\n');
        for Octets(bytes) in pieces {
            all.extend_from_slice(bytes);
        }
    };
    let request = &exchange.request;
    add(&request.headers, std::slice::from_ref(&request.body));
    if let HttpAnswer::Response(response) = &exchange.answer {
        add(&response.headers, &response.pieces);
        if let BodyEnd::Trailers(trailers) = &response.end {
            add(trailers, &[]);
        }
    }
    if let HttpAnswer::Failure(HttpFailure::ResponseCoding { coding: Some(text) }) =
        &exchange.answer
    {
        all.extend_from_slice(text.as_bytes());
    }
    placeholders.stand_for_some_of(&all)
}

/// All but where the request went, without the query.
pub(super) fn forget(exchange: &mut HttpExchange, why: NotKept) {
    let request = &mut exchange.request;
    request.headers.clear();
    request.body = Octets::default();
    if let Some(query) = request.url.find('?') {
        request.url.truncate(query);
    }
    exchange.answer = HttpAnswer::NotKept(why);
}
