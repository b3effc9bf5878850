//! The record of changes, for operators: who changed what serves and who is let in.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use phagen_domain::digest::Digest;
use phagen_store::AuditRow;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    door::Operator,
    problem::{Problem, ProblemBody},
    query::QueryParams,
    state::App,
};

const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1_000;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(list))
}

/// One change. Its `hash` covers all of it and the hash of the row before.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditRow)]
struct RowBody {
    /// Counts up from 1 without gap.
    seq: u64,
    at: DateTime<Utc>,
    /// The name of a key, `local` or `host`.
    actor: String,
    /// Such as `plugin.activate` or `key.create`.
    action: String,
    /// The number of an event of plugins, the name of a key, the digest of an artifact, what of the
    /// cache was forgotten, or `serve` or `worker` on a machine.
    subject: String,
    /// Of what it changed to.
    #[schema(value_type = String)]
    digest: Digest,
    #[schema(value_type = String)]
    previous: Digest,
    #[schema(value_type = String)]
    hash: Digest,
    /// Of `setting.change`: `changed`, each setting by name with what it was and is, and all
    /// `settings`, secrets as digests. The text as it stands, since `digest` is of its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AuditPage {
    /// Oldest first.
    items: Vec<RowBody>,
    /// `after` of the next page; none at the end of what there is.
    next_after: Option<u64>,
}

/// The record of changes: plugins, slots, models, keys and settings
#[utoipa::path(
    get, path = "/api/audit", operation_id = "list_audit", tag = "operations",
    params(
        ("after" = Option<u64>, Query, description = "Only rows with a larger number"),
        ("limit" = Option<u32>, Query, description = "At most so many, 1 to 1000; 100 when left out")),
    responses(
        (status = 200, description = "Rows, oldest first", body = AuditPage),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json")))]
async fn list(
    State(app): State<Arc<App>>,
    _: Operator,
    query: QueryParams,
) -> Result<Json<AuditPage>, Problem> {
    let query = query.only(&["after", "limit"])?;
    let limit = query
        .parse_one("limit", "a whole number from 1 to 1000", |text| {
            text.parse()
                .ok()
                .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        })?
        .unwrap_or(DEFAULT_LIMIT);
    let after = query.parse_one("after", "the number of a row", |text| text.parse().ok())?;
    // One more than asked for tells whether there is a next page.
    let mut rows = app
        .store
        .list_audit(after.unwrap_or_default(), limit + 1)
        .await?;
    let n_wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > n_wanted;
    rows.truncate(n_wanted);
    let next_after = rows.last().filter(|_| has_more).map(|row| row.seq);
    Ok(Json(AuditPage {
        items: rows.into_iter().map(RowBody::from).collect(),
        next_after,
    }))
}

impl From<AuditRow> for RowBody {
    fn from(row: AuditRow) -> Self {
        Self {
            seq: row.seq,
            at: row.at,
            actor: row.actor,
            action: row.action,
            subject: row.subject,
            digest: row.digest,
            previous: row.previous,
            hash: row.hash,
            detail: row.detail,
        }
    }
}
