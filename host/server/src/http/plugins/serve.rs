//! What serves in a slot: another version, the one on trial, or the one before.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use phagen_domain::{
    digest::Digest,
    evidence::Attribute,
    plugin::{Grant, PluginVersion, SlotName},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    VersionPath,
    conditions::{Asker, MoveHeaders, VersionParams, Why},
    moved::{self, MovedBody},
    refusal::Refusals,
};
use crate::{
    http::{body::JsonBody, problem::Problem, state::App},
    moves::{Asked, Mover, Order, Outfit, What},
};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default()
        .routes(routes!(activate))
        .routes(routes!(promote))
        .routes(routes!(roll_back))
}

/// Where a version shall serve, and with what. What is left out stays as it serves there now.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ActivateRequest, example = json!({ "slot": "reranker", "reason": "better on rare diseases" }))]
struct ActivateBody {
    /// A slot that does not exist yet is made.
    slot: SlotName,
    /// Why, for the record.
    #[schema(max_length = 500)]
    reason: Option<String>,
    #[schema(value_type = Option<String>)]
    artifact_digest: Option<Digest>,
    config: Option<Vec<Attribute>>,
    /// The operator's side of what it may reach; the manifest's is the other.
    grant: Option<Grant>,
    /// Order within a chain; a new slot is the last of its own.
    place: Option<u32>,
    /// Also when it is quarantined; needs a reason.
    #[serde(default)]
    force: bool,
}

/// Which slot.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SwitchRequest, example = json!({ "slot": "reranker", "reason": "it answers too late" }))]
struct SwitchBody {
    slot: SlotName,
    /// Why, for the record.
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// Also below the thresholds of the trial, or back to a quarantined version; needs a reason.
    #[serde(default)]
    force: bool,
}

/// Let a version serve
///
/// What serves in the slot becomes the way back.
#[utoipa::path(
    post, path = "/api/plugins/{name}/versions/{digest}/activate", operation_id = "activate_plugin", tag = "plugins",
    params(
        VersionParams, MoveHeaders,
        ("If-None-Match" = Option<String>, Header, description = "`*`: the slot must be new")),
    request_body = ActivateBody,
    responses(
        (status = 200, description = "It serves; every host follows within two seconds", body = MovedBody,
            headers(("ETag" = String, description = "Generation of the slot"))),
        Refusals))]
async fn activate(
    State(app): State<Arc<App>>,
    asker: Asker,
    VersionPath(version): VersionPath,
    JsonBody(body): JsonBody<ActivateBody>,
) -> Result<Response, Problem> {
    let why = Why {
        reason: body.reason.as_deref(),
        force: body.force,
    };
    let asked = asker.asked("activate", version.digest, &body, why)?;
    let outfit = Outfit {
        artifact_digest: body.artifact_digest,
        config: body.config,
        grant: body.grant,
    };
    let what = What::Activate {
        outfit,
        place: body.place,
    };
    change(&app, &version, &body.slot, what, &asked).await
}

/// Let the version on trial serve
///
/// Refused below the thresholds of the trial, unless forced with a reason.
#[utoipa::path(
    post, path = "/api/plugins/{name}/versions/{digest}/promote", operation_id = "promote_plugin", tag = "plugins",
    params(VersionParams, MoveHeaders),
    request_body = SwitchBody,
    responses(
        (status = 200, description = "It serves; every host follows within two seconds", body = MovedBody,
            headers(("ETag" = String, description = "Generation of the slot"))),
        Refusals))]
async fn promote(
    State(app): State<Arc<App>>,
    asker: Asker,
    VersionPath(version): VersionPath,
    JsonBody(body): JsonBody<SwitchBody>,
) -> Result<Response, Problem> {
    let asked = asker.asked("promote", version.digest, &body, body.why())?;
    change(&app, &version, &body.slot, What::Promote, &asked).await
}

/// Let what served before serve again
///
/// The version that is named is the one that serves now; the two change places.
#[utoipa::path(
    post, path = "/api/plugins/{name}/versions/{digest}/rollback", operation_id = "roll_back_plugin", tag = "plugins",
    params(VersionParams, MoveHeaders),
    request_body = SwitchBody,
    responses(
        (status = 200, description = "The one before serves; every host follows within two seconds", body = MovedBody,
            headers(("ETag" = String, description = "Generation of the slot"))),
        Refusals))]
async fn roll_back(
    State(app): State<Arc<App>>,
    asker: Asker,
    VersionPath(version): VersionPath,
    JsonBody(body): JsonBody<SwitchBody>,
) -> Result<Response, Problem> {
    let asked = asker.asked("rollback", version.digest, &body, body.why())?;
    change(&app, &version, &body.slot, What::RollBack, &asked).await
}

impl SwitchBody {
    fn why(&self) -> Why<'_> {
        Why {
            reason: self.reason.as_deref(),
            force: self.force,
        }
    }
}

/// Makes a move of one slot and answers with the slot.
pub(super) async fn change(
    app: &App,
    version: &PluginVersion,
    slot: &SlotName,
    what: What,
    asked: &Asked,
) -> Result<Response, Problem> {
    let order = Order {
        slot,
        version,
        what,
    };
    let moved = mover(app).change(&order, asked).await?;
    Ok(moved::answer(moved))
}

pub(super) fn mover(app: &App) -> Mover<'_> {
    Mover {
        store: app.store.as_ref(),
        signatures: &app.signatures,
    }
}
