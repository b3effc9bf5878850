//! `GET /api/jobs/{job_id}`: a job as it stands, with its result once there is one.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use phagen_domain::{
    job::{Job, JobFailure, JobId, JobRequest, JobState, JobStatus, Progress, Stage},
    plugin::SlotName,
    result::JobResult,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{JobPath, find};
use crate::http::{
    entity_tag::Tagged,
    problem::{Kind, Problem, ProblemBody},
    state::App,
};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(show))
}

/// A job as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job, example = json!({
    "job_id": "0193a1b2-7c00-7000-8000-000000000000",
    "status": "running",
    "molecule": "aspirin",
    "request": { "molecule": "aspirin", "smiles": null, "synonyms": [], "sources": null, "limit": 20 },
    "attempt": 1,
    "max_attempts": 3,
    "priority": 2,
    "created_at": "2026-11-22T18:00:00Z",
    "lease_until": "2026-11-22T18:00:31Z",
    "cancel_requested": false,
    "progress": [
        { "stage": "resolve", "status": "done" },
        { "stage": "gather", "status": "running", "detail": "4 of 5 sources answered" },
        { "stage": "merge", "status": "waiting" },
        { "stage": "rerank", "status": "waiting" },
        { "stage": "map", "status": "waiting" },
        { "stage": "assess", "status": "waiting" },
        { "stage": "narrate", "status": "waiting" }
    ]
}))]
struct JobBody {
    job_id: JobId,
    status: JobStatus,
    molecule: String,
    request: RequestBody,
    /// Attempts begun.
    attempt: u32,
    max_attempts: u32,
    /// 1 (urgent) to 4 (bulk).
    priority: u8,
    created_at: DateTime<Utc>,
    /// Every stage of the analysis, in order.
    progress: Vec<StageBody>,
    #[serde(flatten)]
    state: StateBody,
}

/// What was asked, as it was understood.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobRequestAsUnderstood)]
struct RequestBody {
    molecule: String,
    smiles: Option<String>,
    synonyms: Vec<String>,
    /// Null: every source.
    sources: Option<Vec<SlotName>>,
    limit: u32,
}

#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = StageProgress)]
struct StageBody {
    stage: Stage,
    status: StageStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StageStatus {
    Waiting,
    Running,
    Done,
    /// The job ended here, without a result.
    Stopped,
}

/// What only some states have.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = JobStateFields)]
struct StateBody {
    /// While queued: when it is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_at: Option<DateTime<Utc>>,
    /// While running: when its worker is given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_until: Option<DateTime<Utc>>,
    /// While running: its worker has been asked to stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_requested: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<DateTime<Utc>>,
    /// Once succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<JobResult>>,
    /// Once failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<JobFailure>,
}

/// A job and, once it succeeded, its result
///
/// A finished job carries an `ETag`. A sentence of the story whose quote no longer matches the
/// stored text is struck.
#[utoipa::path(
    get, path = "/api/jobs/{job_id}", operation_id = "show_job", tag = "jobs",
    params(
        ("job_id" = JobId, Path, description = "Id of the job"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an answer that is still at hand")),
    responses(
        (status = 200, description = "The job", body = JobBody, headers(
            ("ETag" = Option<String>, description = "Once the job is finished"))),
        (status = 304, description = "The answer at hand still fits"),
        (status = 400, description = "The id is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such job", body = ProblemBody, content_type = "application/problem+json")))]
async fn show(
    State(app): State<Arc<App>>,
    JobPath(id): JobPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(kept) = app.finished.find(id) {
        return Ok(kept.answer(&headers));
    }
    let job = find(&app, id).await?;
    let status = job.state.status();
    let body = JobBody::from(job);
    if !status.is_finished() {
        return Ok(Json(body).into_response());
    }
    let json = serde_json::to_vec(&body).map_err(|error| {
        tracing::error!(job.id = %id, %error, "job `{id}` cannot be written as JSON: {error}");
        Problem::new(
            Kind::Internal,
            format!("job `{id}` cannot be written as JSON"),
        )
    })?;
    let answer = Tagged::of("application/json", json);
    // What failed or was cancelled may be tried again.
    if status == JobStatus::Succeeded {
        app.finished.keep(id, &answer);
    }
    Ok(answer.answer(&headers))
}

impl From<Job> for JobBody {
    fn from(job: Job) -> Self {
        Self {
            job_id: job.id,
            status: job.state.status(),
            molecule: job.request.molecule.clone(),
            request: job.request.into(),
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            priority: job.priority.get(),
            created_at: job.created_at,
            progress: stages(job.state.status(), job.progress.as_ref()),
            state: job.state.into(),
        }
    }
}

impl From<JobRequest> for RequestBody {
    fn from(request: JobRequest) -> Self {
        Self {
            molecule: request.molecule,
            smiles: request.smiles,
            synonyms: request.synonyms,
            sources: request.sources,
            limit: request.limit,
        }
    }
}

impl From<JobState> for StateBody {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Queued { run_at } => Self {
                run_at: Some(run_at),
                ..Self::default()
            },
            JobState::Running {
                lease_until,
                cancel_requested,
            } => Self {
                lease_until: Some(lease_until),
                cancel_requested: Some(cancel_requested),
                ..Self::default()
            },
            JobState::Succeeded {
                mut result,
                finished_at,
            } => {
                phagen_analysis::strike_broken_quotes(&mut result);
                Self {
                    finished_at: Some(finished_at),
                    result: Some(result),
                    ..Self::default()
                }
            }
            JobState::Failed {
                failure,
                finished_at,
            } => Self {
                finished_at: Some(finished_at),
                failure: Some(failure),
                ..Self::default()
            },
            JobState::Cancelled { finished_at } => Self {
                finished_at: Some(finished_at),
                ..Self::default()
            },
        }
    }
}

/// Every stage beside the one that was last reported. A queued job that waits for its retry begins
/// anew.
fn stages(status: JobStatus, reported: Option<&Progress>) -> Vec<StageBody> {
    let at = match status {
        JobStatus::Queued => None,
        JobStatus::Running | JobStatus::Succeeded | JobStatus::Failed | JobStatus::Cancelled => {
            reported
        }
    };
    let here = match status {
        JobStatus::Failed | JobStatus::Cancelled => StageStatus::Stopped,
        JobStatus::Queued | JobStatus::Running | JobStatus::Succeeded => StageStatus::Running,
    };
    let status_of = |stage| match at {
        _ if status == JobStatus::Succeeded => StageStatus::Done,
        Some(progress) if stage < progress.stage => StageStatus::Done,
        Some(progress) if stage == progress.stage => here,
        Some(_) | None => StageStatus::Waiting,
    };
    Stage::ALL
        .into_iter()
        .map(|stage| StageBody {
            stage,
            status: status_of(stage),
            detail: at
                .filter(|progress| progress.stage == stage)
                .map(|progress| progress.detail.clone()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statuses(status: JobStatus, at: Option<Stage>) -> String {
        let progress = at.map(|stage| Progress {
            stage,
            detail: "half-way".into(),
        });
        stages(status, progress.as_ref())
            .iter()
            .map(|stage| match stage.status {
                StageStatus::Waiting => 'w',
                StageStatus::Running => 'r',
                StageStatus::Done => 'd',
                StageStatus::Stopped => 's',
            })
            .collect()
    }

    #[test]
    fn progress_tells_every_stage_in_every_state() {
        let merge = Some(Stage::Merge);
        assert_eq!(statuses(JobStatus::Queued, None), "wwwwwww");
        assert_eq!(statuses(JobStatus::Queued, merge), "wwwwwww");
        assert_eq!(statuses(JobStatus::Running, None), "wwwwwww");
        assert_eq!(statuses(JobStatus::Running, merge), "ddrwwww");
        assert_eq!(statuses(JobStatus::Failed, merge), "ddswwww");
        assert_eq!(statuses(JobStatus::Cancelled, merge), "ddswwww");
        assert_eq!(statuses(JobStatus::Succeeded, merge), "ddddddd");
    }
}
