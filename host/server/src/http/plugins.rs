//! `GET /api/plugins`: what serves where. Reading only; a change is a command of `phagen`.

use std::sync::Arc;

use axum::{Json, extract::State};
use phagen_domain::{
    digest::Digest,
    evidence::Attribute,
    plugin::{Slot, SlotName, World},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    problem::{Problem, ProblemBody},
    state::App,
};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(list))
}

#[derive(Debug, Serialize, ToSchema)]
struct PluginPage {
    /// Every slot, by name.
    items: Vec<SlotBody>,
}

/// A slot and what serves in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Slot)]
struct SlotBody {
    slot: SlotName,
    world: World,
    plugin: String,
    #[schema(value_type = String)]
    plugin_digest: Digest,
    #[schema(value_type = Option<String>)]
    artifact_digest: Option<Digest>,
    config: Vec<Attribute>,
    /// What its guest may reach; everything else is denied.
    grants: GrantBody,
    /// Grows by one with every change of the slot.
    generation: u64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Grants)]
struct GrantBody {
    /// Search of the host's corpus.
    corpus: bool,
    /// The slot's artifact.
    artifact: bool,
}

/// Slots and the plugins that serve in them
#[utoipa::path(
    get, path = "/api/plugins", operation_id = "list_plugins", tag = "plugins",
    responses(
        (status = 200, description = "Every slot", body = PluginPage),
        (status = 503, description = "The database does not answer", body = ProblemBody, content_type = "application/problem+json")))]
async fn list(State(app): State<Arc<App>>) -> Result<Json<PluginPage>, Problem> {
    let slots = app.store.list_slots().await?;
    Ok(Json(PluginPage {
        items: slots.into_iter().map(SlotBody::from).collect(),
    }))
}

impl From<Slot> for SlotBody {
    fn from(slot: Slot) -> Self {
        Self {
            slot: slot.name,
            world: slot.world,
            plugin: slot.plugin,
            plugin_digest: slot.plugin_digest,
            artifact_digest: slot.artifact_digest,
            config: slot.config,
            grants: GrantBody {
                corpus: slot.grant.corpus,
                artifact: slot.grant.artifact,
            },
            generation: slot.generation,
        }
    }
}
