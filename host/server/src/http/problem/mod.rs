//! Every error that leaves the API, as RFC 9457 words it.
//!
//! A kind is a promise: its `type` and status never change. The detail is for people and may. No
//! detail holds a stack, a statement or a path of the server.

mod kind;

use std::error::Error;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use phagen_domain::job::JobId;
use phagen_store::{Scope, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

pub(super) use kind::Kind;

use super::observe;

/// One thing wrong with one field, parameter or header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct FieldError {
    /// Such as `molecule` or `synonyms[3]`.
    pub(super) field: String,
    pub(super) message: String,
}

impl FieldError {
    pub(super) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: clipped(field.into()),
            message: clipped(message.into()),
        }
    }
}

/// A refusal on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    kind: Kind,
    detail: String,
    errors: Vec<FieldError>,
    retry_after_seconds: Option<u32>,
    /// What the challenge says besides its realm (RFC 6750).
    challenge: Option<String>,
}

impl Problem {
    const REALM: &str = "Bearer realm=\"phagen\"";
    /// Field errors that one answer lists.
    pub(super) const MAX_ERRORS: usize = 20;
    /// Characters of one message, since some repeat what the caller sent.
    const MAX_MESSAGE_CHARS: usize = 400;
    /// How long to leave a server alone that cannot answer now.
    const RETRY_AFTER_SECONDS: u32 = 2;
    /// When a key with a full queue may find room; a job takes seconds.
    const QUEUE_FULL_SECONDS: u32 = 10;

    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: clipped(detail.into()),
            errors: Vec::new(),
            retry_after_seconds: None,
            challenge: None,
        }
    }

    /// Names what is wrong, field by field; the detail is the first of them.
    pub(super) fn of_fields(kind: Kind, mut errors: Vec<FieldError>) -> Self {
        errors.truncate(Self::MAX_ERRORS);
        let detail = errors.first().map_or_else(String::new, |first| {
            clipped(format!("`{}`: {}", first.field, first.message))
        });
        Self {
            kind,
            detail,
            errors,
            retry_after_seconds: None,
            challenge: None,
        }
    }

    /// Says when it is worth asking again.
    pub(super) fn after_seconds(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Says that a key was given, and that another may be let in.
    pub(super) fn with_wrong_token(mut self) -> Self {
        self.challenge = Some("error=\"invalid_token\"".to_owned());
        self
    }

    pub(super) fn missing_scope(scope: Scope) -> Self {
        let mut problem = Self::new(
            Kind::MissingScope,
            format!(
                "this key lacks the scope `{scope}`; `phagen key create NAME --scope {scope}` makes one that has it"
            ),
        );
        problem.challenge = Some(format!("error=\"insufficient_scope\", scope=\"{scope}\""));
        problem
    }

    pub(super) fn of_field(
        kind: Kind,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::of_fields(kind, vec![FieldError::new(field, message)])
    }

    pub(super) fn job_not_found(id: JobId) -> Self {
        Self::new(Kind::JobNotFound, format!("job `{id}` does not exist"))
    }
}

fn clipped(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(Problem::MAX_MESSAGE_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The body of every error, `application/problem+json` (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "/problems/invalid-field",
    "title": "A field of the body is invalid",
    "status": 422,
    "detail": "`molecule`: must hold a letter or a digit",
    "request_id": "0193a1b2-7c00-7000-8000-000000000000",
    "errors": [{ "field": "molecule", "message": "must hold a letter or a digit" }]
}))]
pub(super) struct ProblemBody {
    /// Stable; what a program branches on.
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    /// What was wrong this time, for people.
    detail: String,
    /// As in the header `X-Request-Id` and in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// What was wrong, field by field; at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.kind.status();
        let body = ProblemBody {
            kind: format!("/problems/{}", self.kind.name()),
            title: self.kind.title().to_owned(),
            status: status.as_u16(),
            detail: self.detail,
            request_id: observe::current_request_id(),
            errors: self.errors,
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let usual =
            (status == StatusCode::SERVICE_UNAVAILABLE).then_some(Self::RETRY_AFTER_SECONDS);
        if let Some(seconds) = self.retry_after_seconds.or(usual) {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        let challenge = match &self.challenge {
            Some(error) => HeaderValue::try_from(format!("{}, {error}", Self::REALM)).ok(),
            None if status == StatusCode::UNAUTHORIZED => {
                Some(HeaderValue::from_static(Self::REALM))
            }
            None => None,
        };
        if let Some(challenge) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// What the caller did is told to the caller; what the database did is logged, here and only here.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::UnknownJob(id) => Self::job_not_found(id),
            StoreError::AlreadyFinished { .. } => Self::new(Kind::JobFinished, error.to_string()),
            StoreError::NotRetryable { .. } => Self::new(Kind::JobNotRetryable, error.to_string()),
            StoreError::QueueFull { .. } => Self::new(Kind::QueueFull, error.to_string())
                .after_seconds(Self::QUEUE_FULL_SECONDS),
            StoreError::KeyReused(_) => Self::new(
                Kind::IdempotencyKeyReused,
                "the key was used with another body; use a new key for a new request",
            ),
            StoreError::InvalidCursor(_) => Self::of_field(
                Kind::InvalidParameter,
                "cursor",
                "is not a cursor of this listing; take `next_cursor` of the page before, unchanged",
            ),
            StoreError::UnknownSlot(_) => Self::new(Kind::SlotNotFound, error.to_string()),
            StoreError::UnknownVersion(_) => Self::new(Kind::VersionNotFound, error.to_string()),
            StoreError::UnknownKey(_) => Self::new(Kind::PublisherKeyNotFound, error.to_string()),
            StoreError::KeyExists(_) | StoreError::KeyHeld(_) => {
                Self::new(Kind::PublisherKeyExists, error.to_string())
            }
            StoreError::GenerationMoved { .. } | StoreError::SlotExists(_) => {
                Self::new(Kind::GenerationMoved, error.to_string())
            }
            StoreError::VersionMoved { .. } | StoreError::VersionServes(_) => {
                Self::new(Kind::VersionMoved, error.to_string())
            }
            StoreError::VersionMayNotServe { .. } => {
                Self::new(Kind::VersionRefused, error.to_string())
            }
            StoreError::Database { .. } | StoreError::Unavailable { .. } => {
                log(&error);
                Self::new(
                    Kind::Unavailable,
                    "the database did not answer; try again soon",
                )
            }
            other => {
                log(&other);
                Self::new(
                    Kind::Internal,
                    "the server failed; its log names the cause under this request id",
                )
            }
        }
    }
}

fn log(error: &StoreError) {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        causes.push(deeper.to_string());
        cause = deeper.source();
    }
    tracing::error!(%error, causes = causes.join(": "), "request failed: {error}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_clipped_on_a_character() {
        let problem = Problem::of_field(Kind::InvalidField, "é".repeat(1_000), "no");
        assert_eq!(problem.errors[0].field.chars().count(), 401);
        assert!(problem.detail.chars().count() <= 401);
    }

    #[test]
    fn a_flood_of_field_errors_is_cut() {
        let errors = vec![FieldError::new("synonyms[0]", "must not be blank"); 500];
        let problem = Problem::of_fields(Kind::InvalidField, errors);
        assert_eq!(problem.errors.len(), Problem::MAX_ERRORS);
    }
}
