//! What a request to move something says besides its body: who asks, which state of the slot it
//! was decided on, and under which key it may be repeated.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, header, request::Parts},
};
use phagen_domain::digest::Digest;
use serde::Serialize;
use utoipa::IntoParams;

use crate::{
    http::{
        door::Operator,
        idempotency,
        problem::{Kind, Problem},
        state::App,
    },
    moves::{Asked, Expected},
};

const MAX_REASON_CHARS: usize = 500;

/// Which version.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it describes the path, which `VersionPath` reads")]
pub(super) struct VersionParams {
    /// Name of the plugin
    name: String,
    /// Digest of the version, or at least its first 8 digits
    digest: String,
}

/// On what and how often.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes the headers, which `Asker` reads")]
pub(super) struct MoveHeaders {
    /// Generation of the slot, in quotes as its `ETag` has it; refused with 412 when the slot has
    /// moved on. Without it the slot changes whatever it is
    #[param(rename = "If-Match")]
    if_match: Option<String>,
    /// 1 to 255 visible ASCII characters; the same key with the same request is answered as the
    /// first time
    #[param(rename = "Idempotency-Key")]
    idempotency_key: Option<String>,
}

/// Who asks, and with what in mind.
pub(super) struct Asker {
    actor: String,
    expected: Expected,
    headers: HeaderMap,
}

impl FromRequestParts<Arc<App>> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let Operator(actor) = Operator::from_request_parts(parts, app).await?;
        Ok(Self {
            actor,
            expected: expected(&parts.headers)?,
            headers: parts.headers.clone(),
        })
    }
}

impl Asker {
    /// `body` is the whole request body, with everything that makes a repeated request the same.
    pub(super) fn asked(
        self,
        verb: &str,
        digest: Digest,
        body: &impl Serialize,
        why: Why<'_>,
    ) -> Result<Asked, Problem> {
        Ok(Asked {
            reason: checked_reason(why.reason)?,
            key: idempotency::key(&self.headers, &(verb, digest, body))?,
            actor: self.actor,
            expected: self.expected,
            force: why.force,
        })
    }
}

/// The part of a body that is about the move itself.
#[derive(Clone, Copy)]
pub(super) struct Why<'a> {
    pub(super) reason: Option<&'a str>,
    pub(super) force: bool,
}

fn checked_reason(reason: Option<&str>) -> Result<Option<String>, Problem> {
    let invalid = |message: String| Problem::of_field(Kind::InvalidField, "reason", message);
    let Some(text) = reason.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.chars().count() > MAX_REASON_CHARS {
        return Err(invalid(format!(
            "must have at most {MAX_REASON_CHARS} characters"
        )));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid("must be one line of text".to_owned()));
    }
    Ok(Some(text.to_owned()))
}

fn expected(headers: &HeaderMap) -> Result<Expected, Problem> {
    let matched = one(headers, &header::IF_MATCH, "If-Match")?;
    let unmatched = one(headers, &header::IF_NONE_MATCH, "If-None-Match")?;
    let invalid =
        |field: &str, message: &str| Problem::of_field(Kind::InvalidHeader, field, message);
    match (matched, unmatched) {
        (None, None) => Ok(Expected::Any),
        (Some(text), None) => text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .and_then(|digits| digits.parse().ok())
            .map(Expected::Generation)
            .ok_or_else(|| invalid("If-Match", "expected a generation in quotes, such as \"3\"")),
        (None, Some("*")) => Ok(Expected::New),
        (None, Some(_)) => Err(invalid(
            "If-None-Match",
            "expected `*`: the slot must be new",
        )),
        (Some(_), Some(_)) => Err(invalid("If-None-Match", "contradicts `If-Match`")),
    }
}

fn one<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    shown: &str,
) -> Result<Option<&'a str>, Problem> {
    let invalid = |message: &str| Problem::of_field(Kind::InvalidHeader, shown, message);
    let mut given = headers.get_all(name).iter();
    let Some(value) = given.next() else {
        return Ok(None);
    };
    if given.next().is_some() {
        return Err(invalid("is given more than once"));
    }
    let text = value.to_str().map_err(|_| invalid("must be ASCII text"))?;
    Ok(Some(text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(given: &[(HeaderName, &'static str)]) -> Result<Expected, Problem> {
        let headers = given
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect();
        expected(&headers)
    }

    #[test]
    fn conditions_are_read_as_the_standard_writes_them() {
        use header::{IF_MATCH, IF_NONE_MATCH};
        assert_eq!(with(&[]).unwrap(), Expected::Any);
        assert_eq!(
            with(&[(IF_MATCH, "\"7\"")]).unwrap(),
            Expected::Generation(7)
        );
        assert_eq!(with(&[(IF_NONE_MATCH, "*")]).unwrap(), Expected::New);
        for wrong in [
            &[(IF_MATCH, "7")][..],
            &[(IF_MATCH, "W/\"7\"")],
            &[(IF_MATCH, "\"seven\"")],
            &[(IF_MATCH, "*")],
            &[(IF_NONE_MATCH, "\"7\"")],
            &[(IF_MATCH, "\"7\""), (IF_NONE_MATCH, "*")],
        ] {
            assert!(with(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_reason_is_one_line() {
        assert_eq!(checked_reason(Some("  ")).unwrap(), None);
        assert_eq!(
            checked_reason(Some(" slow ")).unwrap().as_deref(),
            Some("slow")
        );
        assert!(checked_reason(Some(&"é".repeat(500))).is_ok());
        for wrong in ["a\nb".to_owned(), "é".repeat(501)] {
            assert!(checked_reason(Some(&wrong)).is_err());
        }
    }
}
