//! Keys whose signatures count: added by an operator, revoked, never deleted.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use chrono::{DateTime, Utc};
use phagen_domain::plugin::PublisherKey;
use phagen_package::signature::{key_id, parse_public_key};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    body::JsonBody,
    door::Operator,
    problem::{Kind, Problem, ProblemBody},
    state::App,
};

const MAX_NAME_CHARS: usize = 64;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default()
        .routes(routes!(list, add))
        .routes(routes!(revoke))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PublisherKeyRequest, example = json!({
    "name": "ada",
    "public_key": "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3",
    "expires_at": "2099-01-01T00:00:00Z"
}))]
struct AddBody {
    /// Who holds it: 1 to 64 of letters, digits, `-`, `_`, `.`, `@` and spaces.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// The base64 line of a minisign public key, or its whole file.
    public_key: String,
    /// Signatures count until then.
    expires_at: Option<DateTime<Utc>>,
}

/// A key and the digits by which signatures name it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListedPublisherKey)]
struct KeyBody {
    #[serde(flatten)]
    key: PublisherKey,
    key_id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct PublisherKeyPage {
    /// By name.
    items: Vec<KeyBody>,
}

/// Keys whose signatures count, and those that were revoked
#[utoipa::path(
    get, path = "/api/publisher-keys", operation_id = "list_publisher_keys", tag = "plugins",
    responses((status = 200, description = "Every key, by name", body = PublisherKeyPage)))]
async fn list(State(app): State<Arc<App>>) -> Result<Json<PublisherKeyPage>, Problem> {
    let keys = app.store.list_publisher_keys().await?;
    Ok(Json(PublisherKeyPage {
        items: keys.into_iter().map(KeyBody::from).collect(),
    }))
}

/// Trust a publisher's key
#[utoipa::path(
    post, path = "/api/publisher-keys", operation_id = "add_publisher_key", tag = "plugins",
    request_body = AddBody,
    responses(
        (status = 201, description = "Its signatures count from now on", body = KeyBody),
        (status = 400, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "A key is needed, or this one is not let in", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope `operate`; or a host without operators was called from another machine", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The name belongs to another key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not sent as JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is invalid", body = ProblemBody, content_type = "application/problem+json")))]
async fn add(
    State(app): State<Arc<App>>,
    operator: Operator,
    JsonBody(body): JsonBody<AddBody>,
) -> Result<(StatusCode, Json<KeyBody>), Problem> {
    let key = body.checked(operator.0, app.clock.now())?;
    app.store.add_publisher_key(&key).await?;
    // As the database has it: a key that was added before keeps its date.
    let stored = app.store.list_publisher_keys().await?;
    let key = stored
        .into_iter()
        .find(|stored| stored.name == key.name)
        .unwrap_or(key);
    Ok((StatusCode::CREATED, Json(key.into())))
}

/// Stop trusting a key
///
/// No signature of it counts any more, whenever it was made. What was checked before keeps its
/// state; quarantine it to take it out.
#[utoipa::path(
    post, path = "/api/publisher-keys/{name}/revoke", operation_id = "revoke_publisher_key", tag = "plugins",
    params(("name" = String, Path, description = "Name of the key")),
    responses(
        (status = 200, description = "Revoked", body = KeyBody),
        (status = 401, description = "A key is needed, or this one is not let in", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope `operate`; or a host without operators was called from another machine", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such key", body = ProblemBody, content_type = "application/problem+json")))]
async fn revoke(
    State(app): State<Arc<App>>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<Json<KeyBody>, Problem> {
    let revoked = app.store.revoke_publisher_key(&name, &operator.0);
    Ok(Json(revoked.await?.into()))
}

impl AddBody {
    fn checked(self, added_by: String, now: DateTime<Utc>) -> Result<PublisherKey, Problem> {
        let invalid =
            |field: &str, message: String| Problem::of_field(Kind::InvalidField, field, message);
        let name = self.name.trim();
        let is_plain = |c: char| c.is_alphanumeric() || "-_.@ ".contains(c);
        if !(1..=MAX_NAME_CHARS).contains(&name.chars().count()) || !name.chars().all(is_plain) {
            let message = format!(
                "must have 1 to {MAX_NAME_CHARS} of letters, digits, `-`, `_`, `.`, `@` and spaces"
            );
            return Err(invalid("name", message));
        }
        if self.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(invalid("expires_at", "lies in the past".to_owned()));
        }
        let public_key = parse_public_key(&self.public_key)
            .map_err(|error| invalid("public_key", error.to_string()))?;
        Ok(PublisherKey {
            name: name.to_owned(),
            public_key,
            added_at: now,
            added_by,
            expires_at: self.expires_at,
            revoked_at: None,
        })
    }
}

impl From<PublisherKey> for KeyBody {
    fn from(key: PublisherKey) -> Self {
        Self {
            key_id: key_id(&key.public_key).ok(),
            key,
        }
    }
}
