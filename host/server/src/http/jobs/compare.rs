//! `GET /api/jobs/compare`: the suggestions of a few jobs side by side, a row per descriptor.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use chrono::NaiveDate;
use phagen_domain::{
    assessment::Recommendation,
    evidence::{EvidenceId, EvidenceKind},
    finding::Stance,
    job::{JobId, JobState},
    mesh::MeshId,
    result::JobResult,
    suggestion::{StanceCounts, Suggestion},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::job_id;
use crate::http::{
    problem::{FieldError, Kind, Problem, ProblemBody},
    query::QueryParams,
    state::App,
};

const PARAMETER: &str = "job_ids";
const MIN_JOBS: usize = 2;
const MAX_JOBS: usize = 5;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(compare))
}

#[derive(Debug, Serialize, ToSchema)]
struct Comparison {
    /// In the order they were asked for.
    jobs: Vec<ComparedJob>,
    /// One per descriptor that any of the jobs suggests: first those that most jobs share, then
    /// by best score.
    rows: Vec<ComparedDisease>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ComparedJob {
    job_id: JobId,
    molecule: String,
    inchi_key: Option<String>,
    #[schema(value_type = String, example = "2026-11-22")]
    as_of: NaiveDate,
    recommendation: Recommendation,
    /// What the recommendation is about.
    disease: Option<String>,
    /// Pieces of evidence by kind.
    n_evidence: BTreeMap<EvidenceKind, usize>,
    n_suggestions: usize,
    degraded: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct ComparedDisease {
    mesh_id: MeshId,
    disease: String,
    tree_numbers: Vec<String>,
    /// Jobs that suggest it.
    n_jobs: usize,
    /// One per job, in the order of `jobs`; null where it does not suggest the disease.
    cells: Vec<Option<ComparedSuggestion>>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ComparedSuggestion {
    /// 1-based, within its job.
    rank: u32,
    score: f32,
    stance: Stance,
    stance_counts: StanceCounts,
    known_use: bool,
    recommendation: Recommendation,
    evidence_ids: Vec<EvidenceId>,
}

/// Compare the results of 2 to 5 jobs
#[utoipa::path(
    get, path = "/api/jobs/compare", operation_id = "compare_jobs", tag = "jobs",
    params(("job_ids" = Vec<JobId>, Query, description = "2 to 5 ids, the parameter repeated: `job_ids=a&job_ids=b`")),
    responses(
        (status = 200, description = "The jobs side by side", body = Comparison),
        (status = 400, description = "Too few or too many ids, or a malformed or repeated one", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Some jobs do not exist; `errors` name them", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Some jobs have no result; `errors` name them", body = ProblemBody, content_type = "application/problem+json")))]
async fn compare(
    State(app): State<Arc<App>>,
    query: QueryParams,
) -> Result<Json<Comparison>, Problem> {
    let ids = ids(&query.only(&[PARAMETER])?)?;
    let results = results(&app, &ids).await?;
    Ok(Json(aligned(&results)))
}

fn ids(query: &QueryParams) -> Result<Vec<JobId>, Problem> {
    let invalid = |message: String| Problem::of_field(Kind::InvalidParameter, PARAMETER, message);
    let mut ids = Vec::new();
    for text in query.all(PARAMETER) {
        let id = job_id(PARAMETER, text)?;
        if ids.contains(&id) {
            return Err(invalid(format!("`{id}` is given more than once")));
        }
        ids.push(id);
        if ids.len() > MAX_JOBS {
            break;
        }
    }
    if !(MIN_JOBS..=MAX_JOBS).contains(&ids.len()) {
        return Err(invalid(format!("give {MIN_JOBS} to {MAX_JOBS} of them")));
    }
    Ok(ids)
}

/// The result of each job; every missing one is named, else every one without a result.
async fn results(app: &App, ids: &[JobId]) -> Result<Vec<(JobId, Box<JobResult>)>, Problem> {
    let (mut results, mut missing, mut without_result) = (Vec::new(), Vec::new(), Vec::new());
    for &id in ids {
        let Some(job) = app.store.find_job(id).await? else {
            let message = format!("job `{id}` does not exist");
            missing.push(FieldError::new(PARAMETER, message));
            continue;
        };
        let status = job.state.status();
        if let JobState::Succeeded { result, .. } = job.state {
            results.push((id, result));
        } else {
            let message = format!("job `{id}` is {}: it has no result", status.as_str());
            without_result.push(FieldError::new(PARAMETER, message));
        }
    }
    if !missing.is_empty() {
        return Err(Problem::of_fields(Kind::JobNotFound, missing));
    }
    if !without_result.is_empty() {
        return Err(Problem::of_fields(Kind::JobNotSucceeded, without_result));
    }
    Ok(results)
}

fn aligned(results: &[(JobId, Box<JobResult>)]) -> Comparison {
    let mut by_descriptor: BTreeMap<&MeshId, Vec<Option<&Suggestion>>> = BTreeMap::new();
    for (column, (_, result)) in results.iter().enumerate() {
        for suggestion in &result.repurposing_suggestions {
            let cells = by_descriptor
                .entry(&suggestion.mesh_id)
                .or_insert_with(|| vec![None; results.len()]);
            cells[column] = Some(suggestion);
        }
    }
    let mut rows: Vec<ComparedDisease> = by_descriptor.into_values().filter_map(row).collect();
    // The map was sorted by id and the sort is stable, so ties stay in the order of their ids.
    rows.sort_by(|a, b| {
        Reverse(a.n_jobs)
            .cmp(&Reverse(b.n_jobs))
            .then_with(|| best_score(b).total_cmp(&best_score(a)))
    });
    Comparison {
        jobs: results
            .iter()
            .map(|(id, result)| compared(*id, result))
            .collect(),
        rows,
    }
}

/// None for a descriptor that nobody suggests, of which there is none.
fn row(cells: Vec<Option<&Suggestion>>) -> Option<ComparedDisease> {
    let first = cells.iter().flatten().next()?;
    Some(ComparedDisease {
        mesh_id: first.mesh_id.clone(),
        disease: first.disease.clone(),
        tree_numbers: first.tree_numbers.clone(),
        n_jobs: cells.iter().flatten().count(),
        cells: cells
            .into_iter()
            .map(|cell| cell.map(ComparedSuggestion::from))
            .collect(),
    })
}

fn best_score(row: &ComparedDisease) -> f32 {
    row.cells
        .iter()
        .flatten()
        .map(|cell| cell.score)
        .fold(f32::NEG_INFINITY, f32::max)
}

fn compared(id: JobId, result: &JobResult) -> ComparedJob {
    ComparedJob {
        job_id: id,
        molecule: result.molecule.name.clone(),
        inchi_key: result.molecule.inchi_key.clone(),
        as_of: result.as_of,
        recommendation: result.recommendation.label,
        disease: result.recommendation.disease.clone(),
        n_evidence: result
            .evidence
            .iter()
            .map(|(kind, ranked)| (*kind, ranked.len()))
            .collect(),
        n_suggestions: result.repurposing_suggestions.len(),
        degraded: result.degraded,
    }
}

impl From<&Suggestion> for ComparedSuggestion {
    fn from(suggestion: &Suggestion) -> Self {
        Self {
            rank: suggestion.rank,
            score: suggestion.score,
            stance: suggestion.stance,
            stance_counts: suggestion.stance_counts,
            known_use: suggestion.known_use,
            recommendation: suggestion.assessment.label,
            evidence_ids: suggestion.evidence_ids.clone(),
        }
    }
}
