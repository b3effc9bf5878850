//! Jobs: asked here, run elsewhere, read here again.

mod cancel;
mod compare;
mod events;
mod kept;
mod list;
mod retry;
mod show;
mod structure;
mod submit;

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use phagen_domain::job::{Job, JobId};
use utoipa_axum::router::OpenApiRouter;

pub(super) use kept::KeptAnswers;

use super::{
    problem::{Kind, Problem},
    state::App,
};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default()
        .merge(submit::router())
        .merge(list::router())
        .merge(compare::router())
        .merge(show::router())
        .merge(cancel::router())
        .merge(retry::router())
        .merge(events::router())
        .merge(structure::router())
}

/// The `{job_id}` of a path.
pub(super) struct JobPath(pub(super) JobId);

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::new(Kind::InvalidParameter, error.body_text()))?;
        job_id("job_id", &text).map(Self)
    }
}

fn job_id(parameter: &str, text: &str) -> Result<JobId, Problem> {
    text.parse().map_err(|_| {
        let message = format!("`{text}` is not a job id: expected a UUID");
        Problem::of_field(Kind::InvalidParameter, parameter, message)
    })
}

async fn find(app: &App, id: JobId) -> Result<Job, Problem> {
    app.store
        .find_job(id)
        .await?
        .ok_or_else(|| Problem::job_not_found(id))
}
