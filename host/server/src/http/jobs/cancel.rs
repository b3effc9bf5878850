//! `DELETE /api/jobs/{job_id}`: cancels. The job and its events stay to be read.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use phagen_domain::job::{JobId, JobStatus};
use phagen_store::CancelOutcome;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::JobPath;
use crate::http::{
    problem::{Problem, ProblemBody},
    state::App,
};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(cancel))
}

/// A running job that has been asked to stop.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CancelRequested)]
struct CancelBody {
    job_id: JobId,
    status: JobStatus,
    cancel_requested: bool,
}

/// Cancel a job
///
/// A queued job is cancelled at once. A running one is asked to stop: its worker hears of it at
/// the next heartbeat, and may finish first.
#[utoipa::path(
    delete, path = "/api/jobs/{job_id}", operation_id = "cancel_job", tag = "jobs",
    params(("job_id" = JobId, Path, description = "Id of the job")),
    responses(
        (status = 202, description = "It runs, and has been asked to stop", body = CancelBody),
        (status = 204, description = "Cancelled"),
        (status = 400, description = "The id is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such job", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It has already finished", body = ProblemBody, content_type = "application/problem+json")))]
async fn cancel(State(app): State<Arc<App>>, JobPath(id): JobPath) -> Result<Response, Problem> {
    Ok(match app.store.cancel(id).await? {
        CancelOutcome::Cancelled => StatusCode::NO_CONTENT.into_response(),
        CancelOutcome::Requested => {
            let body = CancelBody {
                job_id: id,
                status: JobStatus::Running,
                cancel_requested: true,
            };
            (StatusCode::ACCEPTED, Json(body)).into_response()
        }
    })
}
