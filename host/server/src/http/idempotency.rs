//! `Idempotency-Key`: the same key with the same request is answered as the first time.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use phagen_domain::digest::Digest;
use phagen_store::IdempotencyKey;
use serde::Serialize;

use super::problem::{Kind, Problem};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const MAX_KEY_CHARS: usize = 255;

/// The key, if one was given, with the digest of the `request` that it stands for.
pub(super) fn key(
    headers: &HeaderMap,
    request: &impl Serialize,
) -> Result<Option<IdempotencyKey>, Problem> {
    let invalid =
        |message: &str| Problem::of_field(Kind::InvalidHeader, "Idempotency-Key", message);
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = given.next() else {
        return Ok(None);
    };
    if given.next().is_some() {
        return Err(invalid("is given more than once"));
    }
    let key = value
        .to_str()
        .ok()
        .filter(|key| (1..=MAX_KEY_CHARS).contains(&key.len()))
        .filter(|key| key.bytes().all(|b| b.is_ascii_graphic()))
        .ok_or_else(|| invalid("must have 1 to 255 visible ASCII characters"))?;
    let canonical = serde_json::to_vec(request).map_err(|error| {
        tracing::error!(%error, "request cannot be written as JSON: {error}");
        Problem::new(Kind::Internal, "the request cannot be stored")
    })?;
    Ok(Some(IdempotencyKey {
        key: key.to_owned(),
        request_digest: Digest::of(&canonical),
    }))
}

/// Tells that the answer is the first one's.
pub(super) fn mark_replayed(headers: &mut HeaderMap) {
    headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
}
