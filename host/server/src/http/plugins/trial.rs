//! A version on trial beside what serves, and what the trial says.

use std::sync::Arc;

use axum::{Json, extract::State, response::Response};
use phagen_domain::{
    digest::Digest,
    evidence::Attribute,
    plugin::{Grant, Share, Slot, SlotName, TrialMode},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    VersionPath,
    conditions::{Asker, MoveHeaders, VersionParams, Why},
    moved::MovedBody,
    refusal::Refusals,
    serve::change,
    slot_parameter,
};
use crate::{
    http::{
        body::JsonBody,
        problem::{Kind, Problem, ProblemBody},
        query::{QueryParams, listed},
        state::App,
    },
    moves::{Outfit, What},
    trial::{self, TrialReport},
};

/// Part of the jobs that a trial takes when nobody says.
const DEFAULT_SHARE: f64 = 0.1;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default()
        .routes(routes!(shadow))
        .routes(routes!(canary))
        .routes(routes!(show))
}

/// Where a version shall be tried, on how much, and with what. What is left out is as it serves
/// there now.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TrialRequest, example = json!({ "slot": "reranker", "share": 0.1 }))]
struct TrialBody {
    slot: SlotName,
    /// Part of the jobs: more than 0, at most 1; 0.1 when left out.
    share: Option<Share>,
    /// Why, for the record.
    #[schema(max_length = 500)]
    reason: Option<String>,
    #[schema(value_type = Option<String>)]
    artifact_digest: Option<Digest>,
    config: Option<Vec<Attribute>>,
    /// The operator's side of what it may reach; the manifest's is the other.
    grant: Option<Grant>,
    /// Also when it is quarantined; needs a reason.
    #[serde(default)]
    force: bool,
}

/// Try a version on copies of jobs
///
/// A share of the finished jobs is worked on once more by the version; no result shows it.
#[utoipa::path(
    post, path = "/api/plugins/{name}/versions/{digest}/shadow", operation_id = "shadow_plugin", tag = "plugins",
    params(VersionParams, MoveHeaders),
    request_body = TrialBody,
    responses(
        (status = 200, description = "It is tried", body = MovedBody,
            headers(("ETag" = String, description = "Generation of the slot"))),
        Refusals))]
async fn shadow(
    State(app): State<Arc<App>>,
    asker: Asker,
    VersionPath(version): VersionPath,
    JsonBody(body): JsonBody<TrialBody>,
) -> Result<Response, Problem> {
    let asked = asker.asked("shadow", version.digest, &body, body.why())?;
    let (slot, what) = body.order(TrialMode::Shadow)?;
    change(&app, &version, &slot, what, &asked).await
}

/// Let a version serve a share of the jobs
#[utoipa::path(
    post, path = "/api/plugins/{name}/versions/{digest}/canary", operation_id = "canary_plugin", tag = "plugins",
    params(VersionParams, MoveHeaders),
    request_body = TrialBody,
    responses(
        (status = 200, description = "It serves its share", body = MovedBody,
            headers(("ETag" = String, description = "Generation of the slot"))),
        Refusals))]
async fn canary(
    State(app): State<Arc<App>>,
    asker: Asker,
    VersionPath(version): VersionPath,
    JsonBody(body): JsonBody<TrialBody>,
) -> Result<Response, Problem> {
    let asked = asker.asked("canary", version.digest, &body, body.why())?;
    let (slot, what) = body.order(TrialMode::Canary)?;
    change(&app, &version, &slot, what, &asked).await
}

/// How a version on trial compares with what serves
#[utoipa::path(
    get, path = "/api/plugins/{name}/versions/{digest}/trial", operation_id = "show_trial", tag = "plugins",
    params(
        VersionParams,
        ("slot" = Option<String>, Query, description = "The slot of the trial; needed when several try the version")),
    responses(
        (status = 200, description = "What was compared so far", body = TrialReport),
        (status = 400, description = "A parameter is malformed, or several slots try the version", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such version, or it is not on trial", body = ProblemBody, content_type = "application/problem+json")))]
async fn show(
    State(app): State<Arc<App>>,
    VersionPath(version): VersionPath,
    query: QueryParams,
) -> Result<Json<TrialReport>, Problem> {
    let wanted = slot_parameter(&query.only(&["slot"])?)?;
    let slot = tried_in(
        app.store.list_slots().await?,
        version.digest,
        wanted.as_ref(),
    )?;
    let report = trial::report(app.store.as_ref(), &slot).await?;
    report.map(Json).ok_or_else(|| not_tried(version.digest))
}

/// The one slot that tries the version.
fn tried_in(slots: Vec<Slot>, digest: Digest, wanted: Option<&SlotName>) -> Result<Slot, Problem> {
    let tries = |slot: &Slot| {
        slot.candidate
            .as_ref()
            .is_some_and(|candidate| candidate.activation.plugin_digest == digest)
    };
    let is_wanted = |slot: &Slot| wanted.is_none_or(|wanted| *wanted == slot.name);
    let mut trying: Vec<Slot> = slots
        .into_iter()
        .filter(|slot| tries(slot) && is_wanted(slot))
        .collect();
    if trying.len() > 1 {
        let names: Vec<&str> = trying.iter().map(|slot| slot.name.as_str()).collect();
        let message = format!("is needed: the version is on trial in {}", listed(&names));
        return Err(Problem::of_field(Kind::InvalidParameter, "slot", message));
    }
    trying.pop().ok_or_else(|| not_tried(digest))
}

fn not_tried(digest: Digest) -> Problem {
    Problem::new(
        Kind::TrialNotFound,
        format!("version `{}` is not on trial there", digest.short()),
    )
}

impl TrialBody {
    fn why(&self) -> Why<'_> {
        Why {
            reason: self.reason.as_deref(),
            force: self.force,
        }
    }

    fn order(self, mode: TrialMode) -> Result<(SlotName, What), Problem> {
        let usual = Share::new(DEFAULT_SHARE);
        let share = match self.share {
            Some(share) => share,
            None => usual.map_err(|error| Problem::new(Kind::Internal, error.to_string()))?,
        };
        let outfit = Outfit {
            artifact_digest: self.artifact_digest,
            config: self.config,
            grant: self.grant,
        };
        let what = What::Try {
            outfit,
            mode,
            share,
        };
        Ok((self.slot, what))
    }
}
