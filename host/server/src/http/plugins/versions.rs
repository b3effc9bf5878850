//! `GET /api/plugins/{name}` and one of its versions: where it stands, and what each gate saw.

use std::sync::Arc;

use axum::{Json, extract::State};
use phagen_domain::plugin::PluginVersion;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{NamePath, VersionPath};
use crate::http::{
    problem::{Kind, Problem, ProblemBody},
    state::App,
};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(show))
}

#[derive(Debug, Serialize, ToSchema)]
struct VersionPage {
    /// Newest first.
    items: Vec<PluginVersion>,
}

/// Versions of one plugin
#[utoipa::path(
    get, path = "/api/plugins/{name}", operation_id = "list_plugin_versions", tag = "plugins",
    params(("name" = String, Path, description = "Name of the plugin")),
    responses(
        (status = 200, description = "Its versions", body = VersionPage),
        (status = 400, description = "The name is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such plugin", body = ProblemBody, content_type = "application/problem+json")))]
async fn list(
    State(app): State<Arc<App>>,
    NamePath(name): NamePath,
) -> Result<Json<VersionPage>, Problem> {
    let mut items = app.store.list_versions().await?;
    items.retain(|version| version.name == name);
    if items.is_empty() {
        return Err(Problem::new(
            Kind::PluginNotFound,
            format!("no version of a plugin `{name}` is stored"),
        ));
    }
    Ok(Json(VersionPage { items }))
}

/// One version: its state, manifest, signature, and what each gate saw
#[utoipa::path(
    get, path = "/api/plugins/{name}/versions/{digest}", operation_id = "show_plugin_version", tag = "plugins",
    params(
        ("name" = String, Path, description = "Name of the plugin"),
        ("digest" = String, Path, description = "Digest of the version, or at least its first 8 digits")),
    responses(
        (status = 200, description = "The version", body = PluginVersion),
        (status = 400, description = "The digest is malformed, or begins several", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such version", body = ProblemBody, content_type = "application/problem+json")))]
async fn show(VersionPath(version): VersionPath) -> Json<PluginVersion> {
    Json(version)
}
