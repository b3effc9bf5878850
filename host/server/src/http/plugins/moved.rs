//! What a move answers: the slot as it is now, with its generation as the entity tag, and the
//! event that the move left.

use axum::{
    Json,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use phagen_domain::plugin::PluginEvent;
use phagen_store::Moved;
use serde::Serialize;
use utoipa::ToSchema;

use super::slot::SlotBody;
use crate::http::idempotency;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Moved)]
pub(super) struct MovedBody {
    slot: SlotBody,
    event: PluginEvent,
}

impl From<Moved> for MovedBody {
    fn from(moved: Moved) -> Self {
        Self {
            slot: moved.slot.into(),
            event: moved.event,
        }
    }
}

pub(super) fn answer(moved: Moved) -> Response {
    let (generation, is_repeat) = (moved.slot.generation, moved.is_repeat);
    let mut response = Json(MovedBody::from(moved)).into_response();
    let headers = response.headers_mut();
    // Digits in quotes are always a valid header value.
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{generation}\"")) {
        headers.insert(header::ETAG, tag);
    }
    if is_repeat {
        idempotency::mark_replayed(headers);
    }
    response
}
