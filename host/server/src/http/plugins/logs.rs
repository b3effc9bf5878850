//! `GET /api/plugins/{name}/logs`: the last lines that guests of this process logged.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use phagen_domain::{
    digest::Digest,
    plugin::{PluginName, PluginVersion},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{NamePath, find_version};
use crate::http::{
    problem::{Kind, Problem, ProblemBody},
    query::QueryParams,
    state::App,
};

/// Where guests' lines come from. The API reads them and knows of no guest.
pub trait GuestLogs: Send + Sync {
    /// Lines of one version later than the `after`th, oldest first.
    fn after(&self, digest: Digest, after: u64) -> Vec<GuestLine>;
}

/// One line of one guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct GuestLine {
    /// Grows by one with each line of the version, from 1; a gap means that lines were dropped.
    pub seq: u64,
    pub at: DateTime<Utc>,
    /// `debug`, `info`, `warn` or `error`.
    pub level: &'static str,
    pub slot: String,
    pub line: String,
}

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(tail))
}

#[derive(Debug, Serialize, ToSchema)]
struct GuestLinePage {
    #[schema(value_type = String)]
    digest: Digest,
    /// Oldest first.
    items: Vec<GuestLine>,
    /// `after` for what comes next.
    next_after: u64,
}

/// What a plugin's guests logged last
///
/// Kept in memory by the process that answers, so a fleet is asked host by host.
#[utoipa::path(
    get, path = "/api/plugins/{name}/logs", operation_id = "tail_plugin_logs", tag = "plugins",
    params(
        ("name" = String, Path, description = "Name of the plugin"),
        ("digest" = Option<String>, Query, description = "The version, by at least its first 8 digits; when left out the one that serves, else the newest"),
        ("after" = Option<u64>, Query, description = "Only lines with a larger number")),
    responses(
        (status = 200, description = "At most the last 1,000 lines", body = GuestLinePage),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such plugin or version", body = ProblemBody, content_type = "application/problem+json")))]
async fn tail(
    State(app): State<Arc<App>>,
    NamePath(name): NamePath,
    query: QueryParams,
) -> Result<Json<GuestLinePage>, Problem> {
    let query = query.only(&["digest", "after"])?;
    let after = query
        .parse_one("after", "the number of a line", |text| text.parse().ok())?
        .unwrap_or(0);
    let found = match query.one("digest")? {
        Some(digits) => find_version(&app, digits)
            .await?
            .filter(|version| version.name == name),
        None => usual_version(&app, &name).await?,
    };
    let digest = found.map(|version| version.digest).ok_or_else(|| {
        Problem::new(
            Kind::VersionNotFound,
            format!("plugin `{name}` has no such version"),
        )
    })?;
    let items = app.guest_logs.after(digest, after);
    let next_after = items.last().map_or(after, |line| line.seq);
    Ok(Json(GuestLinePage {
        digest,
        items,
        next_after,
    }))
}

/// The version of a plugin that serves, else the newest.
async fn usual_version(app: &App, name: &PluginName) -> Result<Option<PluginVersion>, Problem> {
    let slots = app.store.list_slots().await?;
    let mut versions = app.store.list_versions().await?;
    versions.retain(|version| version.name == *name);
    let serves = |version: &PluginVersion| {
        slots
            .iter()
            .any(|slot| slot.serving.plugin_digest == version.digest)
    };
    let serving = versions.iter().position(serves).unwrap_or(0);
    Ok(versions.into_iter().nth(serving))
}
