//! `POST /api/jobs`: from a body to a row. The job runs elsewhere, later.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use phagen_domain::{
    job::{JobId, JobRequest, JobStatus, Priority},
    plugin::Slot,
};
use phagen_store::{Enqueued, NewJob};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    http::{
        body::JsonBody,
        door::Caller,
        idempotency, observe,
        problem::{FieldError, Kind, Problem, ProblemBody},
        query::QueryParams,
        state::App,
    },
    request::RequestDraft,
};

/// Accepted, and without effect: every job is queued.
const DEPRECATED_PARAMETER: &str = "use_celery";
/// RFC 9745: deprecated since 2026-11-22, the day this API began.
const DEPRECATED_SINCE: &str = "@1795305600";
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const RETRY_AFTER_SECONDS: &str = "1";

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(submit))
}

/// What to ask.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = JobRequest, example = json!({
    "molecule": "aspirin",
    "smiles": "CC(=O)OC1=CC=CC=C1C(=O)O",
    "synonyms": ["acetylsalicylic acid"],
    "limit": 20
}))]
struct SubmitBody {
    /// Name of the molecule: not blank, no control characters.
    #[schema(min_length = 1, max_length = 200)]
    molecule: String,
    /// Its structure; at most 1,000 atoms.
    #[schema(max_length = 2000)]
    smiles: Option<String>,
    /// Other names to search for, each of 1 to 200 characters.
    #[schema(max_items = 50)]
    synonyms: Option<Vec<String>>,
    /// Source slots to ask, as `GET /api/plugins` names them; all when left out.
    #[schema(min_items = 1)]
    sources: Option<Vec<String>>,
    /// Pieces of evidence kept per kind.
    #[schema(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// 1 (urgent), 2 (usual), 3 (can wait) or 4 (bulk); a job that waits gains one step an hour.
    #[schema(minimum = 1, maximum = 4, default = 2)]
    priority: Option<u32>,
    /// Keep every call of a plugin with its inputs, for `phagen replay`; nothing comes from the
    /// cache then.
    #[serde(default)]
    record: bool,
}

/// The job that the request made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubmittedJob, example = json!({
    "job_id": "0193a1b2-7c00-7000-8000-000000000000",
    "status": "queued",
    "molecule": "aspirin",
    "links": {
        "self": "/api/jobs/0193a1b2-7c00-7000-8000-000000000000",
        "events": "/api/jobs/0193a1b2-7c00-7000-8000-000000000000/events"
    }
}))]
struct SubmittedBody {
    job_id: JobId,
    status: JobStatus,
    molecule: String,
    links: LinksBody,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobLinks)]
struct LinksBody {
    #[serde(rename = "self")]
    itself: String,
    events: String,
}

/// Ask about a molecule
///
/// Answers at once with the address of the job. With an `Idempotency-Key` a repeated request makes
/// no second job.
#[utoipa::path(
    post, path = "/api/jobs", operation_id = "submit_job", tag = "jobs",
    params(
        ("use_celery" = Option<String>, Query, deprecated, description = "Without effect: every job is queued. An answer to it carries a `Deprecation` header"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters; the same key with the same body answers the same job")),
    request_body = SubmitBody,
    responses(
        (status = 202, description = "Queued", body = SubmittedBody, headers(
            ("Location" = String, description = "Address of the job"),
            ("Retry-After" = u32, description = "Seconds until it is worth asking"),
            ("Idempotent-Replayed" = Option<bool>, description = "`true` when the key made this job before"),
            ("Deprecation" = Option<String>, description = "When `use_celery` was given: since when it is deprecated"))),
        (status = 400, description = "The body is not JSON, or a parameter or header is invalid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not sent as JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "As many jobs of this key are queued as may be, or it asks too often; `Retry-After` says when to ask again", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is invalid, or the key belongs to another request", body = ProblemBody, content_type = "application/problem+json")))]
async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryParams,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SubmitBody>,
) -> Result<Response, Problem> {
    let is_deprecated = query
        .only(&[DEPRECATED_PARAMETER])?
        .has(DEPRECATED_PARAMETER);
    let asked = body.checked(&app.store.list_slots().await?)?;
    let key = idempotency::key(&headers, &asked)?;
    let molecule = asked.request.molecule.clone();
    let job = NewJob {
        priority: asked.priority.unwrap_or_default(),
        tenant: caller.key_name().map(str::to_owned),
        trace_parent: observe::current_trace_parent(),
        max_queued: app.limits.max_queued,
        ..NewJob::new(asked.request, app.limits.max_attempts)
    };
    let enqueued = app.store.enqueue(&job, key.as_ref()).await?;
    app.wake.notify_one();
    let status = status_of(&app, enqueued).await?;
    Ok(accepted(enqueued, status, molecule, is_deprecated))
}

/// The request as it was understood: spacing and the order of fields do not make another, nor does
/// the usual priority, named or not.
#[derive(Serialize)]
struct Asked {
    #[serde(flatten)]
    request: JobRequest,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<Priority>,
}

impl SubmitBody {
    fn checked(self, slots: &[Slot]) -> Result<Asked, Problem> {
        let priority = self
            .priority
            .map_or(Ok(Priority::NORMAL), Priority::try_from);
        let draft = RequestDraft {
            molecule: self.molecule,
            smiles: self.smiles,
            synonyms: self.synonyms.unwrap_or_default(),
            sources: self.sources,
            limit: self.limit,
            record: self.record,
        };
        let (request, mut errors) = match draft.check(slots) {
            Ok(request) => (Some(request), Vec::new()),
            Err(errors) => {
                let errors = errors.into_iter();
                let told = errors.map(|error| FieldError::new(error.field, error.message));
                (None, told.collect())
            }
        };
        match (request, priority) {
            (Some(request), Ok(priority)) => {
                let priority = Some(priority).filter(|priority| *priority != Priority::NORMAL);
                return Ok(Asked { request, priority });
            }
            (_, Err(error)) => errors.push(FieldError::new("priority", error.to_string())),
            (None, Ok(_)) => {}
        }
        Err(Problem::of_fields(Kind::InvalidField, errors))
    }
}

/// A new job is queued; a replayed one may be anywhere by now.
async fn status_of(app: &App, enqueued: Enqueued) -> Result<JobStatus, Problem> {
    match enqueued {
        Enqueued::New(_) => Ok(JobStatus::Queued),
        Enqueued::Replayed(id) => Ok(super::find(app, id).await?.state.status()),
    }
}

fn accepted(
    enqueued: Enqueued,
    status: JobStatus,
    molecule: String,
    is_deprecated: bool,
) -> Response {
    let (Enqueued::New(id) | Enqueued::Replayed(id)) = enqueued;
    let location = format!("/api/jobs/{id}");
    let body = SubmittedBody {
        job_id: id,
        status,
        molecule,
        links: LinksBody {
            itself: location.clone(),
            events: format!("{location}/events"),
        },
    };
    let mut response = (
        StatusCode::ACCEPTED,
        [
            (header::LOCATION, location),
            (header::RETRY_AFTER, RETRY_AFTER_SECONDS.to_owned()),
        ],
        Json(body),
    )
        .into_response();
    let headers = response.headers_mut();
    if matches!(enqueued, Enqueued::Replayed(_)) {
        idempotency::mark_replayed(headers);
    }
    if is_deprecated {
        headers.insert(DEPRECATION, HeaderValue::from_static(DEPRECATED_SINCE));
        headers.insert(
            header::LINK,
            HeaderValue::from_static(
                "</api/openapi.json>; rel=\"deprecation\"; type=\"application/json\"",
            ),
        );
    }
    response
}
