//! `GET /api/activations`: who moved what, and why. Rows are only ever added.

use std::sync::Arc;

use axum::{Json, extract::State};
use phagen_domain::plugin::PluginEvent;
use phagen_store::EventFilter;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{find_version, slot_parameter};
use crate::http::{
    problem::{Kind, Problem, ProblemBody},
    query::QueryParams,
    state::App,
};

const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1_000;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(list))
}

#[derive(Debug, Serialize, ToSchema)]
struct EventPage {
    /// Oldest first.
    items: Vec<PluginEvent>,
    /// `after` of the next page; none at the end of what there is.
    next_after: Option<u64>,
}

/// The record of moves: who, what, when and why
#[utoipa::path(
    get, path = "/api/activations", operation_id = "list_activations", tag = "plugins",
    params(
        ("after" = Option<u64>, Query, description = "Only events with a larger number"),
        ("slot" = Option<String>, Query, description = "Only events of this slot"),
        ("digest" = Option<String>, Query, description = "Only events of this version; at least the first 8 digits"),
        ("limit" = Option<u32>, Query, description = "At most so many, 1 to 1000; 100 when left out")),
    responses(
        (status = 200, description = "Events, oldest first", body = EventPage),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such version", body = ProblemBody, content_type = "application/problem+json")))]
async fn list(State(app): State<Arc<App>>, query: QueryParams) -> Result<Json<EventPage>, Problem> {
    let query = query.only(&["after", "slot", "digest", "limit"])?;
    let limit = query
        .parse_one("limit", "a whole number from 1 to 1000", |text| {
            text.parse()
                .ok()
                .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        })?
        .unwrap_or(DEFAULT_LIMIT);
    let digest = match query.one("digest")? {
        None => None,
        Some(digits) => {
            let found = find_version(&app, digits).await?;
            let version = found.ok_or_else(|| {
                Problem::new(
                    Kind::VersionNotFound,
                    format!("no version `{digits}` is stored"),
                )
            })?;
            Some(version.digest)
        }
    };
    let filter = EventFilter {
        after: query.parse_one("after", "the number of an event", |text| text.parse().ok())?,
        slot: slot_parameter(&query)?,
        digest,
        limit: limit + 1,
    };
    let mut items = app.store.list_plugin_events(&filter).await?;
    // One more than asked for tells whether there is a next page.
    let n_wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = items.len() > n_wanted;
    items.truncate(n_wanted);
    let next_after = items.last().filter(|_| has_more).map(|event| event.seq);
    Ok(Json(EventPage { items, next_after }))
}
