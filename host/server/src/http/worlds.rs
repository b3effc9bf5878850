//! `GET /api/host/worlds`: what this host offers to plugins, for whoever builds one.

use std::sync::Arc;

use axum::Json;
use phagen_domain::plugin::World;
use phagen_plugin::WorldDescription;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::state::App;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(show))
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HostWorlds)]
struct WorldsBody {
    phagen: &'static str,
    wasmtime: &'static str,
    /// Versions of the contract that the host speaks, the oldest first.
    contracts: Vec<&'static str>,
    worlds: Vec<WorldBody>,
}

/// One kind of plugin as this host knows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorldDescription)]
struct WorldBody {
    world: World,
    /// Versions of the contract in which the host serves it, the oldest first.
    contracts: Vec<&'static str>,
    /// Interfaces that a component may import; it may do without any.
    imports: Vec<&'static str>,
    /// Interfaces that it exports; of those that differ in nothing but their version, one.
    exports: Vec<&'static str>,
}

/// The worlds that plugins of this host may fit
#[utoipa::path(
    get, path = "/api/host/worlds", operation_id = "show_worlds", tag = "plugins",
    responses((status = 200, description = "Contracts and interfaces", body = WorldsBody)))]
async fn show() -> Json<WorldsBody> {
    Json(WorldsBody {
        phagen: env!("CARGO_PKG_VERSION"),
        wasmtime: phagen_plugin::WASMTIME_VERSION,
        contracts: phagen_plugin::CONTRACTS.to_vec(),
        worlds: phagen_plugin::worlds()
            .into_iter()
            .map(WorldBody::from)
            .collect(),
    })
}

impl From<WorldDescription> for WorldBody {
    fn from(described: WorldDescription) -> Self {
        Self {
            world: described.world,
            contracts: described.contracts,
            imports: described.imports,
            exports: described.exports,
        }
    }
}
