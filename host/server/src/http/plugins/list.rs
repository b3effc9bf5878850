//! `GET /api/plugins`: what serves where, what is stored, and which host serves what.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use phagen_domain::{
    digest::Digest,
    plugin::{PluginName, PluginVersion, Signature, VersionState, World},
};
use phagen_store::HostReport;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::slot::SlotBody;
use crate::http::{
    problem::{Problem, ProblemBody},
    state::App,
};

/// A host that was silent for longer is not listed.
const HOST_AGE: Duration = Duration::from_secs(10);

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(list))
}

#[derive(Debug, Serialize, ToSchema)]
struct PluginPage {
    /// Every slot: sources by name, then mappers and rerankers by their place in the chain.
    items: Vec<SlotBody>,
    /// Every version that is stored, newest first.
    versions: Vec<VersionSummary>,
    /// Hosts that reported within the last 10 seconds.
    hosts: Vec<HostBody>,
    /// Number of the newest change of a slot. A host that reports it has made the change.
    set_generation: u64,
}

/// A version in one line.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VersionSummary {
    name: PluginName,
    /// The plugin's own number, for people.
    version: Option<String>,
    #[schema(value_type = String)]
    digest: Digest,
    world: World,
    state: VersionState,
    signature: SignatureStatus,
    /// Came with the host itself.
    built_in: bool,
    /// Why it was rejected or quarantined.
    reason: Option<String>,
    uploaded_at: DateTime<Utc>,
    uploaded_by: String,
}

/// `Signature` without its detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SignatureStatus {
    NotSigned,
    Failed,
    Verified,
}

/// What one process serves.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HostReport)]
struct HostBody {
    host: String,
    /// The newest change of a slot that it has made.
    set_generation: u64,
    /// Versions that calls may still be running in, besides those of the set.
    #[schema(value_type = Vec<String>)]
    draining: Vec<Digest>,
    seen_at: DateTime<Utc>,
}

/// Slots, the plugins that serve in them, and the hosts that serve them
#[utoipa::path(
    get, path = "/api/plugins", operation_id = "list_plugins", tag = "plugins",
    responses(
        (status = 200, description = "Every slot, version and host", body = PluginPage),
        (status = 503, description = "The database does not answer", body = ProblemBody, content_type = "application/problem+json")))]
async fn list(State(app): State<Arc<App>>) -> Result<Json<PluginPage>, Problem> {
    // Read before the slots: a change in between makes it too small, never too large.
    let set_generation = app.store.set_generation().await?;
    let slots = app.store.list_slots().await?;
    let versions = app.store.list_versions().await?;
    let hosts = app.store.list_hosts(HOST_AGE).await?;
    Ok(Json(PluginPage {
        items: slots.into_iter().map(SlotBody::from).collect(),
        versions: versions.into_iter().map(VersionSummary::from).collect(),
        hosts: hosts.into_iter().map(HostBody::from).collect(),
        set_generation,
    }))
}

impl From<PluginVersion> for VersionSummary {
    fn from(version: PluginVersion) -> Self {
        Self {
            name: version.name,
            version: version.version,
            digest: version.digest,
            world: version.world,
            state: version.state,
            signature: match version.signature {
                Signature::NotSigned => SignatureStatus::NotSigned,
                Signature::Failed { .. } => SignatureStatus::Failed,
                Signature::Verified { .. } => SignatureStatus::Verified,
            },
            built_in: version.built_in,
            reason: version.reason,
            uploaded_at: version.uploaded_at,
            uploaded_by: version.uploaded_by,
        }
    }
}

impl From<HostReport> for HostBody {
    fn from(report: HostReport) -> Self {
        Self {
            host: report.host,
            set_generation: report.set_generation,
            draining: report.draining,
            seen_at: report.seen_at,
        }
    }
}
