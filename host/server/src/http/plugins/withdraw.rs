//! Taking a version out: of every slot because it is bad, or of one because it is done.

use std::sync::Arc;

use axum::{Json, extract::State};
use phagen_domain::plugin::{PluginEvent, PluginVersion, SlotName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    VersionPath,
    conditions::{Asker, MoveHeaders, VersionParams, Why},
    refusal::Refusals,
    serve::mover,
    slot::SlotBody,
};
use crate::{
    http::{body::JsonBody, problem::Problem, state::App},
    moves::{Quarantined, Retired},
};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default()
        .routes(routes!(quarantine))
        .routes(routes!(retire))
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QuarantineRequest, example = json!({ "reason": "it ranks withdrawn studies first" }))]
struct QuarantineBody {
    /// Why; it is shown wherever the version is.
    #[schema(max_length = 500)]
    reason: String,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RetireRequest, example = json!({ "slot": "rare-diseases", "reason": "the study has ended" }))]
struct RetireBody {
    /// The slot to take it out of; left out when no slot names the version.
    slot: Option<SlotName>,
    /// Why, for the record.
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// What is left after a version was taken out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Withdrawn)]
struct WithdrawnBody {
    version: PluginVersion,
    /// Slots that changed, as they are now.
    slots: Vec<SlotBody>,
    /// Slots that are no more.
    removed: Vec<SlotName>,
    events: Vec<PluginEvent>,
}

/// Take a version out of every slot
///
/// Where it serves, what served before serves again, else the host's own plugin; an operator's slot
/// that has neither goes. It does not serve again unless forced.
#[utoipa::path(
    post, path = "/api/plugins/{name}/versions/{digest}/quarantine", operation_id = "quarantine_plugin", tag = "plugins",
    params(VersionParams, ("Idempotency-Key" = Option<String>, Header, description = "Taken, and hardly needed: a second quarantine changes nothing")),
    request_body = QuarantineBody,
    responses(
        (status = 200, description = "It is quarantined; every host follows within two seconds", body = WithdrawnBody),
        Refusals))]
async fn quarantine(
    State(app): State<Arc<App>>,
    asker: Asker,
    VersionPath(version): VersionPath,
    JsonBody(body): JsonBody<QuarantineBody>,
) -> Result<Json<WithdrawnBody>, Problem> {
    let why = Why {
        reason: Some(&body.reason),
        force: false,
    };
    let asked = asker.asked("quarantine", version.digest, &body, why)?;
    let done = mover(&app).quarantine(&version, &asked).await?;
    Ok(Json(done.into()))
}

/// Take a version out of one slot
///
/// Ends a trial, or takes an operator's own slot away. Without a slot, a version that no slot names
/// is marked as done with; it may serve again without another upload.
#[utoipa::path(
    post, path = "/api/plugins/{name}/versions/{digest}/retire", operation_id = "retire_plugin", tag = "plugins",
    params(VersionParams, MoveHeaders),
    request_body = RetireBody,
    responses(
        (status = 200, description = "It is out of the slot; every host follows within two seconds", body = WithdrawnBody),
        Refusals))]
async fn retire(
    State(app): State<Arc<App>>,
    asker: Asker,
    VersionPath(version): VersionPath,
    JsonBody(body): JsonBody<RetireBody>,
) -> Result<Json<WithdrawnBody>, Problem> {
    let why = Why {
        reason: body.reason.as_deref(),
        force: false,
    };
    let asked = asker.asked("retire", version.digest, &body, why)?;
    let retired = mover(&app)
        .retire(&version, body.slot.as_ref(), &asked)
        .await?;
    let now = app.store.find_version(version.digest).await?;
    let mut answer = WithdrawnBody {
        version: now.unwrap_or(version),
        slots: Vec::new(),
        removed: Vec::new(),
        events: Vec::new(),
    };
    match retired {
        Retired::Slot(moved) => {
            answer.slots.push(moved.slot.into());
            answer.events.push(moved.event);
        }
        Retired::Removed(event) => {
            answer.removed.extend(event.slot.clone());
            answer.events.push(event);
        }
        Retired::Version(version) => answer.version = version,
    }
    Ok(Json(answer))
}

impl From<Quarantined> for WithdrawnBody {
    fn from(done: Quarantined) -> Self {
        Self {
            version: done.version,
            slots: done.slots.into_iter().map(SlotBody::from).collect(),
            removed: done.removed,
            events: done.events,
        }
    }
}
