//! What a caller can tell apart: one kind a line of the promise.

use axum::http::StatusCode;

/// What a caller can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Kind {
    InvalidField,
    InvalidParameter,
    InvalidHeader,
    MalformedBody,
    UnsupportedMediaType,
    BodyTooLarge,
    BodyTooSlow,
    IdempotencyKeyReused,
    JobNotFound,
    JobFinished,
    JobNotRetryable,
    JobNotSucceeded,
    NoStructure,
    RouteNotFound,
    MethodNotAllowed,
    TooManyStreams,
    TooManyUploads,
    NotAPlugin,
    PluginNotFound,
    VersionNotFound,
    SlotNotFound,
    TrialNotFound,
    PublisherKeyNotFound,
    PublisherKeyExists,
    NotAuthorized,
    NotLocal,
    MissingScope,
    RateLimited,
    QueueFull,
    Overloaded,
    GenerationMoved,
    VersionMoved,
    VersionNotChecked,
    VersionRefused,
    MoveRefused,
    TrialShort,
    Timeout,
    Unavailable,
    StorageUnavailable,
    Internal,
}

impl Kind {
    /// Last part of the `type`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InvalidField => "invalid-field",
            Self::InvalidParameter => "invalid-parameter",
            Self::InvalidHeader => "invalid-header",
            Self::MalformedBody => "malformed-body",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::BodyTooLarge => "body-too-large",
            Self::BodyTooSlow => "body-too-slow",
            Self::IdempotencyKeyReused => "idempotency-key-reused",
            Self::JobNotFound => "job-not-found",
            Self::JobFinished => "job-finished",
            Self::JobNotRetryable => "job-not-retryable",
            Self::JobNotSucceeded => "job-not-succeeded",
            Self::NoStructure => "no-structure",
            Self::RouteNotFound => "route-not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::TooManyStreams => "too-many-streams",
            Self::TooManyUploads => "too-many-uploads",
            Self::NotAPlugin => "not-a-plugin",
            Self::PluginNotFound => "plugin-not-found",
            Self::VersionNotFound => "version-not-found",
            Self::SlotNotFound => "slot-not-found",
            Self::TrialNotFound => "trial-not-found",
            Self::PublisherKeyNotFound => "publisher-key-not-found",
            Self::PublisherKeyExists => "publisher-key-exists",
            Self::NotAuthorized => "not-authorized",
            Self::NotLocal => "not-local",
            Self::MissingScope => "missing-scope",
            Self::RateLimited => "rate-limited",
            Self::QueueFull => "queue-full",
            Self::Overloaded => "overloaded",
            Self::GenerationMoved => "generation-moved",
            Self::VersionMoved => "version-moved",
            Self::VersionNotChecked => "version-not-checked",
            Self::VersionRefused => "version-refused",
            Self::MoveRefused => "move-refused",
            Self::TrialShort => "trial-short",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::StorageUnavailable => "storage-unavailable",
            Self::Internal => "internal",
        }
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::InvalidField | Self::IdempotencyKeyReused | Self::NotAPlugin => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::InvalidParameter | Self::InvalidHeader | Self::MalformedBody => {
                StatusCode::BAD_REQUEST
            }
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::JobNotFound
            | Self::NoStructure
            | Self::RouteNotFound
            | Self::PluginNotFound
            | Self::VersionNotFound
            | Self::SlotNotFound
            | Self::TrialNotFound
            | Self::PublisherKeyNotFound => StatusCode::NOT_FOUND,
            Self::JobFinished
            | Self::JobNotRetryable
            | Self::JobNotSucceeded
            | Self::PublisherKeyExists
            | Self::VersionMoved
            | Self::VersionNotChecked
            | Self::VersionRefused
            | Self::MoveRefused
            | Self::TrialShort => StatusCode::CONFLICT,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooManyStreams
            | Self::TooManyUploads
            | Self::Overloaded
            | Self::Timeout
            | Self::Unavailable
            | Self::StorageUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::RateLimited | Self::QueueFull => StatusCode::TOO_MANY_REQUESTS,
            Self::NotAuthorized => StatusCode::UNAUTHORIZED,
            Self::NotLocal | Self::MissingScope => StatusCode::FORBIDDEN,
            Self::GenerationMoved => StatusCode::PRECONDITION_FAILED,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::InvalidField => "A field of the body is invalid",
            Self::InvalidParameter => "A parameter of the address is invalid",
            Self::InvalidHeader => "A header is invalid",
            Self::MalformedBody => "The body cannot be read",
            Self::UnsupportedMediaType => "The body is of the wrong type",
            Self::BodyTooLarge => "The body is too large",
            Self::BodyTooSlow => "The body did not arrive in time",
            Self::IdempotencyKeyReused => "The idempotency key belongs to another request",
            Self::JobNotFound => "The job does not exist",
            Self::JobFinished => "The job has already finished",
            Self::JobNotRetryable => "The job has not come to nothing",
            Self::JobNotSucceeded => "The job has no result",
            Self::NoStructure => "The molecule has no structure",
            Self::RouteNotFound => "Nothing is served here",
            Self::MethodNotAllowed => "The method is not allowed here",
            Self::TooManyStreams => "Too many event streams are open",
            Self::TooManyUploads => "Too many components are being uploaded",
            Self::NotAPlugin => "The bytes are not a plugin",
            Self::PluginNotFound => "The plugin does not exist",
            Self::VersionNotFound => "The version does not exist",
            Self::SlotNotFound => "The slot does not exist",
            Self::TrialNotFound => "The version is not on trial",
            Self::PublisherKeyNotFound => "The publisher key does not exist",
            Self::PublisherKeyExists => "The name belongs to another publisher key",
            Self::NotAuthorized => "A key is needed, or this one is not let in",
            Self::NotLocal => "Only a caller on the same machine may do this",
            Self::MissingScope => "The key does not allow this",
            Self::RateLimited => "This caller asks too often",
            Self::QueueFull => "This key has as many jobs queued as it may",
            Self::Overloaded => "Too many requests are under way",
            Self::GenerationMoved => "The slot has changed meanwhile",
            Self::VersionMoved => "The version has changed meanwhile",
            Self::VersionNotChecked => "The version is still being checked",
            Self::VersionRefused => "The version may not serve",
            Self::MoveRefused => "The slot does not allow this",
            Self::TrialShort => "The trial does not pass",
            Self::Timeout => "The request took too long",
            Self::Unavailable => "The database does not answer",
            Self::StorageUnavailable => "The object store does not answer",
            Self::Internal => "The server failed",
        }
    }
}
