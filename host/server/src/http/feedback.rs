//! Votes on evidence. A vote keeps what the voter saw: rank, reranker, features and text, so that
//! training can use it long after the job is gone.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use phagen_domain::{
    digest::Digest,
    evidence::{EvidenceId, EvidenceKind},
    feedback::{Feedback, Vote, VoteCounts},
    job::{Job, JobId, JobState},
    result::JobResult,
};
use phagen_store::FeedbackStats;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    body::JsonBody,
    door::Caller,
    jobs::JobPath,
    problem::{FieldError, Kind, Problem, ProblemBody},
    query::listed,
    state::App,
};

const MAX_COMMENT_CHARS: usize = 2_000;
/// Pieces of evidence that the statistics list, the most voted first.
const MAX_STATS_EVIDENCE: usize = 1_000;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default()
        .routes(routes!(vote))
        .routes(routes!(list))
        .routes(routes!(stats))
}

/// A vote on one piece of evidence of one job.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FeedbackRequest, example = json!({
    "job_id": "0193a1b2-7c00-7000-8000-000000000000",
    "evidence_id": "PMID:7605421",
    "evidence_type": "literature",
    "feedback_type": "upvote",
    "comment": "the trial behind the label"
}))]
struct VoteBody {
    job_id: JobId,
    evidence_id: EvidenceId,
    /// The kind that the job's result lists it under.
    evidence_type: EvidenceKind,
    feedback_type: Vote,
    #[schema(max_length = 2000)]
    comment: Option<String>,
}

/// A vote as it is kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Feedback)]
struct FeedbackBody {
    job_id: JobId,
    evidence_id: EvidenceId,
    evidence_type: EvidenceKind,
    feedback_type: Vote,
    comment: Option<String>,
    /// The name of the voter's key, or `anonymous`.
    voter: String,
    molecule: String,
    /// 1-based rank within its kind, as the voter saw it.
    rank: u32,
    #[schema(value_type = String)]
    reranker_digest: Digest,
    #[schema(value_type = Option<String>)]
    artifact_digest: Option<Digest>,
    /// What the reranker knew of the evidence, by name.
    features: BTreeMap<String, f32>,
    #[schema(value_type = String)]
    text_digest: Digest,
    created_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FeedbackPage {
    /// Oldest first.
    items: Vec<FeedbackBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FeedbackStats)]
struct StatsBody {
    total: VoteCounts,
    /// By evidence type.
    by_kind: BTreeMap<EvidenceKind, VoteCounts>,
    /// By evidence id, across jobs; the 1,000 with most votes.
    by_evidence: BTreeMap<EvidenceId, VoteCounts>,
    /// Pieces of evidence with a vote.
    n_evidence: usize,
}

/// Vote on evidence
///
/// One vote per voter, job and evidence: a later one replaces the earlier.
#[utoipa::path(
    post, path = "/api/feedback", operation_id = "submit_feedback", tag = "feedback",
    request_body = VoteBody,
    responses(
        (status = 201, description = "Kept", body = FeedbackBody),
        (status = 400, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such job", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The job has no result", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not sent as JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is invalid, or the job's result does not hold the evidence", body = ProblemBody, content_type = "application/problem+json")))]
async fn vote(
    State(app): State<Arc<App>>,
    caller: Caller,
    JsonBody(body): JsonBody<VoteBody>,
) -> Result<(StatusCode, Json<FeedbackBody>), Problem> {
    let comment = checked_comment(body.comment.as_deref())?;
    let job = app.store.find_job(body.job_id).await?;
    let job = job.ok_or_else(|| Problem::job_not_found(body.job_id))?;
    let feedback = cast(&body, comment, job, caller.name(), app.clock.now())?;
    app.store.record_feedback(&feedback).await?;
    Ok((StatusCode::CREATED, Json(feedback.into())))
}

/// Votes of one job
#[utoipa::path(
    get, path = "/api/feedback/job/{job_id}", operation_id = "list_job_feedback", tag = "feedback",
    params(("job_id" = JobId, Path, description = "Id of the job")),
    responses(
        (status = 200, description = "Its votes; they outlive it", body = FeedbackPage),
        (status = 400, description = "The id is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such job, and no vote on one", body = ProblemBody, content_type = "application/problem+json")))]
async fn list(
    State(app): State<Arc<App>>,
    JobPath(id): JobPath,
) -> Result<Json<FeedbackPage>, Problem> {
    let votes = app.store.list_job_feedback(id).await?;
    if votes.is_empty() && app.store.find_job(id).await?.is_none() {
        return Err(Problem::job_not_found(id));
    }
    Ok(Json(FeedbackPage {
        items: votes.into_iter().map(FeedbackBody::from).collect(),
    }))
}

/// Votes added up across jobs
#[utoipa::path(
    get, path = "/api/feedback/stats", operation_id = "show_feedback_stats", tag = "feedback",
    responses((status = 200, description = "In all, by evidence type and by evidence id", body = StatsBody)))]
async fn stats(State(app): State<Arc<App>>) -> Result<Json<StatsBody>, Problem> {
    Ok(Json(app.store.feedback_stats().await?.into()))
}

fn checked_comment(comment: Option<&str>) -> Result<Option<String>, Problem> {
    let invalid = |message: &str| Problem::of_field(Kind::InvalidField, "comment", message);
    let Some(text) = comment.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.chars().count() > MAX_COMMENT_CHARS {
        return Err(invalid(&format!(
            "must have at most {MAX_COMMENT_CHARS} characters"
        )));
    }
    let breaks_lines = |c: char| matches!(c, '\n' | '\r' | '\t');
    if text.chars().any(|c| c.is_control() && !breaks_lines(c)) {
        return Err(invalid(
            "must hold no control characters but line breaks and tabs",
        ));
    }
    Ok(Some(text.to_owned()))
}

/// A vote in the state it was cast in; refused when the job shows no such evidence.
fn cast(
    body: &VoteBody,
    comment: Option<String>,
    job: Job,
    voter: &str,
    now: DateTime<Utc>,
) -> Result<Feedback, Problem> {
    let status = job.state.status();
    let JobState::Succeeded { result, .. } = job.state else {
        return Err(Problem::new(
            Kind::JobNotSucceeded,
            format!(
                "job `{}` is {}: there is no evidence to vote on",
                job.id,
                status.as_str()
            ),
        ));
    };
    let ranked = result.find_evidence(&body.evidence_id).ok_or_else(|| {
        let message = format!(
            "`{}` is not in the result of job `{}`",
            body.evidence_id, job.id
        );
        Problem::of_field(Kind::InvalidField, "evidence_id", message)
    })?;
    let kind = kind_in(&result, &body.evidence_id).unwrap_or(ranked.evidence.kind);
    if kind != body.evidence_type {
        let given = body.evidence_type;
        return Err(Problem::of_fields(
            Kind::InvalidField,
            vec![FieldError::new(
                "evidence_type",
                format!(
                    "`{}` is {}, not {}",
                    body.evidence_id,
                    listed(&[kind.as_str()]),
                    listed(&[given.as_str()])
                ),
            )],
        ));
    }
    Ok(Feedback {
        job_id: job.id,
        evidence_id: body.evidence_id.clone(),
        kind,
        vote: body.feedback_type,
        comment,
        voter: voter.to_owned(),
        molecule: job.request.molecule,
        rank: ranked.rank,
        reranker_digest: result.reranking.plugin_digest,
        artifact_digest: result.reranking.artifact_digest,
        feature_names: result.reranking.feature_names.clone(),
        features: ranked.features.clone(),
        text_digest: ranked.text_digest,
        created_at: now,
    })
}

/// The kind that the result lists evidence under: what the voter saw.
fn kind_in(result: &JobResult, id: &EvidenceId) -> Option<EvidenceKind> {
    result
        .evidence
        .iter()
        .find(|(_, ranked)| ranked.iter().any(|r| &r.evidence.evidence_id == id))
        .map(|(kind, _)| *kind)
}

impl From<Feedback> for FeedbackBody {
    fn from(feedback: Feedback) -> Self {
        Self {
            job_id: feedback.job_id,
            evidence_id: feedback.evidence_id,
            evidence_type: feedback.kind,
            feedback_type: feedback.vote,
            comment: feedback.comment,
            voter: feedback.voter,
            molecule: feedback.molecule,
            rank: feedback.rank,
            reranker_digest: feedback.reranker_digest,
            artifact_digest: feedback.artifact_digest,
            features: feedback
                .feature_names
                .into_iter()
                .zip(feedback.features)
                .collect(),
            text_digest: feedback.text_digest,
            created_at: feedback.created_at,
        }
    }
}

impl From<FeedbackStats> for StatsBody {
    fn from(stats: FeedbackStats) -> Self {
        let n_evidence = stats.by_evidence.len();
        let mut by_evidence: Vec<(EvidenceId, VoteCounts)> =
            stats.by_evidence.into_iter().collect();
        by_evidence
            .sort_by_key(|(_, counts)| Reverse(counts.upvotes + counts.downvotes + counts.flags));
        by_evidence.truncate(MAX_STATS_EVIDENCE);
        Self {
            total: stats.total,
            by_kind: stats.by_kind,
            by_evidence: by_evidence.into_iter().collect(),
            n_evidence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statistics_list_the_most_voted_and_count_all() {
        let counts = |upvotes| VoteCounts {
            upvotes,
            ..VoteCounts::default()
        };
        let by_evidence = (1..=1_500)
            .map(|n| (EvidenceId::pubmed(n), counts(n)))
            .collect();
        let body = StatsBody::from(FeedbackStats {
            by_evidence,
            ..FeedbackStats::default()
        });
        assert_eq!(body.n_evidence, 1_500);
        assert_eq!(body.by_evidence.len(), MAX_STATS_EVIDENCE);
        assert!(!body.by_evidence.contains_key(&EvidenceId::pubmed(500)));
        assert!(body.by_evidence.contains_key(&EvidenceId::pubmed(501)));
    }

    #[test]
    fn a_comment_may_have_so_many_characters_and_no_more() {
        assert!(checked_comment(Some(&"é".repeat(MAX_COMMENT_CHARS))).is_ok());
        assert!(checked_comment(Some(&"é".repeat(MAX_COMMENT_CHARS + 1))).is_err());
        assert!(checked_comment(Some("two\r\nlines\tand a tab")).is_ok());
        assert!(checked_comment(Some("bell\u{7}")).is_err());
        assert_eq!(checked_comment(Some("  ")).unwrap(), None);
    }
}
