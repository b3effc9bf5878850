//! Bodies: read within limits; JSON ones parsed once, refused by the name of the field.
//!
//! Asking for `application/json` is also what keeps other web pages out: a browser sends that type
//! across origins only after a preflight, which nothing here answers.

use std::{sync::Arc, time::Duration};

use axum::{
    body::BodyDataStream,
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use tokio::time::timeout;

use super::{
    problem::{Kind, Problem},
    state::App,
};

pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        check_json(request.headers())?;
        let limit = app.limits.body_bytes;
        let body = read_whole(request, limit, app.limits.body_timeout).await?;
        parse(&body).map(Self)
    }
}

/// The whole body, or why it did not come: too large, too slow, or broken off.
pub(super) async fn read_whole(
    request: Request,
    limit: usize,
    patience: Duration,
) -> Result<Bytes, Problem> {
    let declared = declared_length(request.headers());
    let expects_leave = request.headers().contains_key(header::EXPECT);
    let stream = request.into_body().into_data_stream();
    let read = async {
        if declared.is_some_and(|length| length > limit as u64) {
            // A client that asked for leave before sending has nothing under way to swallow.
            if !expects_leave {
                drain(stream, limit).await;
            }
            return Err(too_large(limit));
        }
        read(stream, limit).await
    };
    timeout(patience, read).await.map_err(|_| {
        let seconds = patience.as_secs_f32();
        Problem::new(
            Kind::BodyTooSlow,
            format!("the body did not arrive within {seconds} seconds"),
        )
    })?
}

fn check_json(headers: &HeaderMap) -> Result<(), Problem> {
    let is_json = |essence: &str| {
        essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    };
    check_media_type(headers, "application/json", is_json)
}

/// Refuses a body that does not say it is of the `expected` type.
pub(super) fn check_media_type(
    headers: &HeaderMap,
    expected: &str,
    fits: impl Fn(&str) -> bool,
) -> Result<(), Problem> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = given
        .and_then(|text| text.split(';').next())
        .map_or_else(String::new, |text| text.trim().to_ascii_lowercase());
    if fits(&essence) {
        return Ok(());
    }
    let found = given.map_or_else(
        || "no `Content-Type`".to_owned(),
        |text| format!("`Content-Type: {text}`"),
    );
    Err(Problem::new(
        Kind::UnsupportedMediaType,
        format!("expected `Content-Type: {expected}`, found {found}"),
    ))
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

async fn read(mut stream: BodyDataStream, limit: usize) -> Result<Bytes, Problem> {
    let mut body = BytesMut::new();
    while let Some(part) = stream.next().await {
        let part = part.map_err(|_| {
            Problem::new(
                Kind::MalformedBody,
                format!("the body broke off after {} bytes", body.len()),
            )
        })?;
        if body.len() + part.len() > limit {
            drain(stream, limit).await;
            return Err(too_large(limit));
        }
        body.extend_from_slice(&part);
    }
    Ok(body.freeze())
}

/// Swallows some of what is still under way: closing a socket on unread bytes resets it, and the
/// client would lose the answer that tells it why.
async fn drain(mut stream: BodyDataStream, limit: usize) {
    let mut left = limit.saturating_mul(8);
    while left > 0 {
        match stream.next().await {
            Some(Ok(part)) => left = left.saturating_sub(part.len()),
            Some(Err(_)) | None => return,
        }
    }
}

fn too_large(limit: usize) -> Problem {
    Problem::new(
        Kind::BodyTooLarge,
        format!("the body is larger than {limit} bytes"),
    )
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let malformed = |detail: String| Problem::new(Kind::MalformedBody, detail);
    let text = std::str::from_utf8(body).map_err(|error| {
        malformed(format!(
            "the body is not UTF-8: the first wrong byte is at offset {}",
            error.valid_up_to()
        ))
    })?;
    // serde would also read a struct from an array, by position.
    if !text.trim_start().starts_with('{') {
        let found = if text.trim().is_empty() {
            "nothing"
        } else {
            "something else"
        };
        return Err(malformed(format!("expected a JSON object, found {found}")));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(refused)?;
    deserializer
        .end()
        .map_err(|error| malformed(format!("the body is not JSON: {error}")))?;
    Ok(value)
}

fn refused(error: serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let path = error.path().to_string();
    let cause = error.into_inner();
    let message = cause.to_string();
    if cause.classify() != Category::Data {
        return Problem::new(
            Kind::MalformedBody,
            format!("the body is not JSON: {message}"),
        );
    }
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(message, _)| message);
    // A missing or repeated field is the object's fault, so the path is the root; the message
    // names it.
    let named = ["missing field `", "duplicate field `", "unknown field `"]
        .iter()
        .find_map(|prefix| message.strip_prefix(prefix)?.split_once('`'))
        .map(|(name, _)| name);
    let field = match named {
        Some(name) if path == "." => name.to_owned(),
        Some(_) | None => path,
    };
    Problem::of_field(Kind::InvalidField, field, in_words_of_json(message))
}

/// The parser's words for types are Rust's; the caller's are JSON's.
fn in_words_of_json(message: &str) -> String {
    message
        .replace("invalid type: map", "invalid type: object")
        .replace("invalid type: sequence", "invalid type: array")
        .replace("expected a sequence", "expected an array")
        .replace("expected u32", "expected a whole number such as 20")
}
