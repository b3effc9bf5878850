//! Why a move is refused, in the API's words.

use utoipa::IntoResponses;

use super::RETRY_AFTER_SECONDS;
use crate::{
    http::problem::{Kind, Problem, ProblemBody},
    moves::MoveError,
};

/// What every move may answer instead.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes answers, which `Problem` makes")]
pub(super) enum Refusals {
    /// The body is not JSON, or a parameter or header is invalid
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(ProblemBody),
    /// A key is needed, or this one is not let in
    #[response(status = 401, content_type = "application/problem+json")]
    NotAuthorized(ProblemBody),
    /// The key lacks the scope `operate`; or a host without operators was called from another machine
    #[response(status = 403, content_type = "application/problem+json")]
    NotLocal(ProblemBody),
    /// No such version or slot
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemBody),
    /// The state of the version or of the slot does not allow it
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(ProblemBody),
    /// The slot has moved on from the generation that `If-Match` names
    #[response(status = 412, content_type = "application/problem+json")]
    MovedOn(ProblemBody),
    /// The body is too large
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemBody),
    /// The body is not sent as JSON
    #[response(status = 415, content_type = "application/problem+json")]
    WrongType(ProblemBody),
    /// A field is invalid, or the key belongs to another request
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(ProblemBody),
}

impl From<MoveError> for Problem {
    fn from(error: MoveError) -> Self {
        use MoveError as E;
        let kind = match error {
            E::Store(error) => return error.into(),
            E::NoReason => {
                return Self::of_field(Kind::InvalidField, "reason", error.to_string());
            }
            E::NotChecked { .. } => {
                return Self::new(Kind::VersionNotChecked, error.to_string())
                    .after_seconds(RETRY_AFTER_SECONDS);
            }
            E::UnknownSlot(_) => Kind::SlotNotFound,
            E::SlotExists(_) | E::GenerationMoved { .. } => Kind::GenerationMoved,
            E::Rejected { .. } | E::Quarantined { .. } | E::Untrusted { .. } => {
                Kind::VersionRefused
            }
            E::TrialShort { .. } => Kind::TrialShort,
            E::WrongWorld { .. }
            | E::ServesAlready { .. }
            | E::NotTried { .. }
            | E::NotServing { .. }
            | E::NoPrevious(_)
            | E::NothingLeft { .. }
            | E::HostsOwnSlot { .. }
            | E::InSlots { .. }
            | E::NotRetirable { .. } => Kind::MoveRefused,
        };
        Self::new(kind, error.to_string())
    }
}
