//! Kept answers, forgotten by an operator: all, those of one source or those about one molecule.

use std::sync::Arc;

use axum::{Json, extract::State};
use phagen_cache::{CacheError, Reach, Scope};
use phagen_store::AuditChange;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    body::JsonBody,
    door::Operator,
    problem::{Kind, Problem, ProblemBody},
    state::App,
};

const MAX_NAME_CHARS: usize = 300;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(invalidate))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CacheInvalidation, example = json!({ "molecule": "aspirin" }))]
struct InvalidateBody {
    /// Only what this slot answered.
    #[schema(max_length = 300)]
    source: Option<String>,
    /// Only what was answered about this molecule: its name as results show it, in any case.
    #[schema(max_length = 300)]
    molecule: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CacheReach)]
enum ReachBody {
    /// The cache is off: there was nothing to forget.
    Nowhere,
    /// This process keeps its answers to itself, and so does every other.
    ThisProcess,
    /// Every process that shares the tier, others within a second.
    EveryProcess,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CacheInvalidated)]
struct InvalidatedBody {
    reach: ReachBody,
}

/// Forget kept answers
///
/// Without a name, all of them. Takes the same time whatever is kept; few answers about other
/// molecules may go with those about one.
#[utoipa::path(
    post, path = "/api/cache/invalidate", operation_id = "invalidate_cache", tag = "operations",
    request_body = InvalidateBody,
    responses(
        (status = 200, description = "Forgotten; `reach` says by whom", body = InvalidatedBody),
        (status = 400, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No operator's key, or a wrong one", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "A host without operators was called from another machine", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not sent as JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is invalid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The tier that processes share does not answer: only this process forgot", body = ProblemBody, content_type = "application/problem+json")))]
async fn invalidate(
    State(app): State<Arc<App>>,
    operator: Operator,
    JsonBody(body): JsonBody<InvalidateBody>,
) -> Result<Json<InvalidatedBody>, Problem> {
    let scope = body.scope()?;
    // First, so that nobody makes all forget unseen: a row may stand for what then did not happen.
    let change = AuditChange::of_cache_invalidated(&told(&scope), &operator.0)?;
    app.store.record_change(&change).await?;
    let reach = app.answers.invalidate(&scope).await?;
    tracing::info!(actor = %operator.0, ?scope, "kept answers were forgotten");
    Ok(Json(InvalidatedBody {
        reach: reach.into(),
    }))
}

/// As the record of changes has it: names as they are quoted, whatever is in them.
fn told(scope: &Scope) -> String {
    match scope {
        Scope::All => "all".to_owned(),
        Scope::Source(name) => format!("source {name:?}"),
        Scope::Molecule(name) => format!("molecule {name:?}"),
    }
}

impl From<CacheError> for Problem {
    fn from(error: CacheError) -> Self {
        let kind = match error {
            CacheError::TierSilent { .. } => Kind::Unavailable,
        };
        Self::new(kind, error.to_string())
    }
}

impl InvalidateBody {
    fn scope(self) -> Result<Scope, Problem> {
        let invalid =
            |field: &str, message: String| Problem::of_field(Kind::InvalidField, field, message);
        let checked = |field: &str, name: String| {
            let n_chars = name.trim().chars().count();
            if (1..=MAX_NAME_CHARS).contains(&n_chars) {
                Ok(name.trim().to_owned())
            } else {
                let message = format!("must have 1 to {MAX_NAME_CHARS} characters");
                Err(invalid(field, message))
            }
        };
        match (self.source, self.molecule) {
            (None, None) => Ok(Scope::All),
            (Some(source), None) => Ok(Scope::Source(checked("source", source)?)),
            (None, Some(molecule)) => Ok(Scope::Molecule(checked("molecule", molecule)?)),
            (Some(_), Some(_)) => Err(invalid(
                "molecule",
                "stands beside `source`: name one of them, or none for all".to_owned(),
            )),
        }
    }
}

impl From<Reach> for ReachBody {
    fn from(reach: Reach) -> Self {
        match reach {
            Reach::Nowhere => Self::Nowhere,
            Reach::ThisProcess => Self::ThisProcess,
            Reach::EveryProcess => Self::EveryProcess,
        }
    }
}
