//! `POST /api/slots/{slot}/grant`: the operator's side of what the version that serves may reach.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, State},
    http::request::Parts,
    response::Response,
};
use phagen_domain::plugin::{Grant, InvalidSlotName, SlotName};
use phagen_store::StoreError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    conditions::{Asker, MoveHeaders, Why},
    moved::MovedBody,
    path,
    refusal::Refusals,
    serve::change,
};
use crate::{
    http::{
        body::JsonBody,
        problem::{Kind, Problem},
        state::App,
    },
    moves::{MoveError, What},
};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(grant))
}

/// All that is allowed from now on; what is not named is denied.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GrantRequest, example = json!({
    "grant": { "http": [{ "origin": "https://api.fda.gov", "methods": ["GET"], "path": "/drug" }] },
    "reason": "labels as they are today"
}))]
struct GrantRequestBody {
    grant: Grant,
    /// Why, for the record.
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// Grant what a slot's guest may reach
///
/// Its manifest must ask for the same: neither side alone opens anything.
#[utoipa::path(
    post, path = "/api/slots/{slot}/grant", operation_id = "grant_slot", tag = "plugins",
    params(("slot" = String, Path, description = "Name of the slot"), MoveHeaders),
    request_body = GrantRequestBody,
    responses(
        (status = 200, description = "Granted; every host follows within two seconds", body = MovedBody,
            headers(("ETag" = String, description = "Generation of the slot"))),
        Refusals))]
async fn grant(
    State(app): State<Arc<App>>,
    asker: Asker,
    SlotPath(name): SlotPath,
    JsonBody(body): JsonBody<GrantRequestBody>,
) -> Result<Response, Problem> {
    let slots = app.store.list_slots().await?;
    let slot = slots
        .into_iter()
        .find(|slot| slot.name == name)
        .ok_or_else(|| MoveError::UnknownSlot(name.clone()))?;
    let digest = slot.serving.plugin_digest;
    let version = app.store.find_version(digest).await?;
    let version = version.ok_or(StoreError::UnknownVersion(digest))?;
    let why = Why {
        reason: body.reason.as_deref(),
        force: false,
    };
    // The same grant for what serves there by then is another request.
    let asked = asker.asked("grant", digest, &(&name, &body), why)?;
    change(&app, &version, &name, What::Grant(body.grant), &asked).await
}

/// The `{slot}` of a path.
struct SlotPath(SlotName);

impl<S: Send + Sync> FromRequestParts<S> for SlotPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let axum::extract::Path(text) = path::<String, S>(parts, state).await?;
        text.parse().map(Self).map_err(|error: InvalidSlotName| {
            Problem::of_field(Kind::InvalidParameter, "slot", error.to_string())
        })
    }
}
