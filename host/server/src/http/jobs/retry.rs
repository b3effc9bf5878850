//! `POST /api/jobs/{job_id}/retry`: a job that came to nothing is taken up again.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use phagen_domain::job::{JobId, JobStatus};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::JobPath;
use crate::http::{
    problem::{Problem, ProblemBody},
    state::App,
};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(retry))
}

/// A job that waits for a worker again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Retried)]
struct RetriedBody {
    job_id: JobId,
    status: JobStatus,
}

/// Try a job again
///
/// For a job that failed or was cancelled. It keeps its id and its events, is due at once, and has
/// all of its attempts again.
#[utoipa::path(
    post, path = "/api/jobs/{job_id}/retry", operation_id = "retry_job", tag = "jobs",
    params(("job_id" = JobId, Path, description = "Id of the job")),
    responses(
        (status = 202, description = "It is queued again", body = RetriedBody),
        (status = 400, description = "The id is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such job", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It waits, runs or has succeeded", body = ProblemBody, content_type = "application/problem+json")))]
async fn retry(
    State(app): State<Arc<App>>,
    JobPath(job_id): JobPath,
) -> Result<(StatusCode, Json<RetriedBody>), Problem> {
    app.store.retry(job_id).await?;
    app.wake.notify_one();
    let body = RetriedBody {
        job_id,
        status: JobStatus::Queued,
    };
    Ok((StatusCode::ACCEPTED, Json(body)))
}
