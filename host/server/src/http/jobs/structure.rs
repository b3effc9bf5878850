//! `GET /api/jobs/{job_id}/structure.svg`: the molecule, drawn.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use phagen_domain::job::{Job, JobId, JobState};
use tokio::task::spawn_blocking;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{JobPath, find};
use crate::http::{
    entity_tag,
    problem::{Kind, Problem, ProblemBody},
    state::App,
};

/// A drawing opened by itself runs nothing and loads nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(structure))
}

/// The structure of a job's molecule as SVG
///
/// Drawn from the SMILES of the result, or of the request while there is no result.
#[utoipa::path(
    get, path = "/api/jobs/{job_id}/structure.svg", operation_id = "draw_structure", tag = "jobs",
    params(
        ("job_id" = JobId, Path, description = "Id of the job"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of a drawing that is still at hand")),
    responses(
        (status = 200, description = "The drawing", body = String, content_type = "image/svg+xml", headers(
            ("ETag" = String, description = "Digest of the drawing"))),
        (status = 304, description = "The drawing at hand still fits"),
        (status = 400, description = "The id is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such job, or no structure is known", body = ProblemBody, content_type = "application/problem+json")))]
async fn structure(
    State(app): State<Arc<App>>,
    JobPath(id): JobPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let smiles = smiles(find(&app, id).await?)?;
    let svg = drawn(id, smiles).await?;
    let mut response = entity_tag::answer(&headers, "image/svg+xml", svg.into_bytes());
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    Ok(response)
}

fn smiles(job: Job) -> Result<String, Problem> {
    let status = job.state.status();
    let (known, lack) = match job.state {
        JobState::Succeeded { result, .. } => (
            result.molecule.smiles,
            "no structure of its molecule is known",
        ),
        JobState::Queued { .. }
        | JobState::Running { .. }
        | JobState::Failed { .. }
        | JobState::Cancelled { .. } => (job.request.smiles, "its request gave no `smiles`"),
    };
    known.ok_or_else(|| {
        let detail = format!("job `{}` is {}: {lack}", job.id, status.as_str());
        Problem::new(Kind::NoStructure, detail)
    })
}

/// Laying out a thousand atoms takes long enough to leave the async threads.
async fn drawn(id: JobId, smiles: String) -> Result<String, Problem> {
    let drawing = spawn_blocking(move || phagen_analysis::structure_svg(&smiles)).await;
    match drawing {
        Ok(Ok(svg)) => Ok(svg),
        Ok(Err(error)) => Err(Problem::new(
            Kind::NoStructure,
            format!("the structure of job `{id}` cannot be drawn: {error}"),
        )),
        Err(panic) => {
            tracing::error!(job.id = %id, error = %panic, "drawing the structure of job `{id}` panicked");
            Err(Problem::new(
                Kind::Internal,
                "the structure cannot be drawn",
            ))
        }
    }
}
