//! `GET /api/jobs`: jobs, newest first, a page at a time.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use phagen_domain::job::{JobId, JobRequest, JobStatus};
use phagen_store::{JobFilter, JobPage, JobSummary};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::{
    problem::{Kind, Problem, ProblemBody},
    query::QueryParams,
    state::App,
};

const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(list))
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobPage)]
struct PageBody {
    /// Newest first.
    items: Vec<SummaryBody>,
    /// Give it back as `cursor` for the next page; null after the last.
    next_cursor: Option<String>,
}

/// A job without its result.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobSummary)]
struct SummaryBody {
    job_id: JobId,
    molecule: String,
    status: JobStatus,
    attempt: u32,
    /// 1 (urgent) to 4 (bulk).
    priority: u8,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

/// Jobs, newest first
#[utoipa::path(
    get, path = "/api/jobs", operation_id = "list_jobs", tag = "jobs",
    params(
        ("status" = Option<JobStatus>, Query, description = "Only jobs in this state"),
        ("molecule" = Option<String>, Query, description = "Only jobs that asked for this name, compared without case"),
        ("limit" = Option<u32>, Query, description = "Jobs on a page, 1 to 100", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses(
        (status = 200, description = "A page of jobs", body = PageBody),
        (status = 400, description = "A parameter is invalid", body = ProblemBody, content_type = "application/problem+json")))]
async fn list(State(app): State<Arc<App>>, query: QueryParams) -> Result<Json<PageBody>, Problem> {
    let query = query.only(&["status", "molecule", "limit", "cursor"])?;
    let filter = filter(&query)?;
    let limit = query.parse_one("limit", "a number from 1 to 100", |text| {
        text.parse()
            .ok()
            .filter(|limit| (1..=MAX_LIMIT).contains(limit))
    })?;
    let cursor = query.one("cursor")?;
    let page = app
        .store
        .list_jobs(&filter, limit.unwrap_or(DEFAULT_LIMIT), cursor)
        .await?;
    Ok(Json(page.into()))
}

fn filter(query: &QueryParams) -> Result<JobFilter, Problem> {
    let status = query.parse_one(
        "status",
        "one of `queued`, `running`, `succeeded`, `failed`, `cancelled`",
        JobStatus::from_name,
    )?;
    let molecule = query.one("molecule")?.map(str::trim);
    let n_chars = molecule.map(|name| name.chars().count());
    if n_chars.is_some_and(|n| !(1..=JobRequest::MAX_NAME_CHARS).contains(&n)) {
        return Err(Problem::of_field(
            Kind::InvalidParameter,
            "molecule",
            format!("must have 1 to {} characters", JobRequest::MAX_NAME_CHARS),
        ));
    }
    Ok(JobFilter {
        status,
        molecule: molecule.map(str::to_owned),
    })
}

impl From<JobPage> for PageBody {
    fn from(page: JobPage) -> Self {
        Self {
            items: page.jobs.into_iter().map(SummaryBody::from).collect(),
            next_cursor: page.next_cursor,
        }
    }
}

impl From<JobSummary> for SummaryBody {
    fn from(job: JobSummary) -> Self {
        Self {
            job_id: job.id,
            molecule: job.molecule,
            status: job.status,
            attempt: job.attempt,
            priority: job.priority.get(),
            created_at: job.created_at,
            finished_at: job.finished_at,
        }
    }
}
