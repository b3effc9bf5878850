//! Query parameters: an unknown one is refused, since a misspelt filter that filters nothing is
//! worse than an error.

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};

use super::problem::{Kind, Problem};

pub(super) struct QueryParams(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for QueryParams {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let invalid = |detail: String| Problem::new(Kind::InvalidParameter, detail);
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|error| invalid(error.body_text()))?;
        // The decoder puts U+FFFD for what is not UTF-8; only its own three bytes may make one.
        let raw = parts.uri.query().unwrap_or_default().to_ascii_lowercase();
        let n_written = raw.matches("%ef%bf%bd").count();
        let n_decoded = pairs
            .iter()
            .flat_map(|(name, value)| name.chars().chain(value.chars()))
            .filter(|c| *c == char::REPLACEMENT_CHARACTER)
            .count();
        if n_decoded > n_written {
            return Err(invalid("the query is not UTF-8".to_owned()));
        }
        Ok(Self(pairs))
    }
}

impl QueryParams {
    /// Refuses every parameter that is not of `known`.
    pub(super) fn only(self, known: &[&str]) -> Result<Self, Problem> {
        match self
            .0
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()))
        {
            Some((name, _)) => Err(Problem::of_field(
                Kind::InvalidParameter,
                name,
                format!("is not a parameter here; known: {}", listed(known)),
            )),
            None => Ok(self),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(given, _)| given == name)
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that may stand once.
    pub(super) fn one<'a>(&'a self, name: &'a str) -> Result<Option<&'a str>, Problem> {
        let mut values = self.all(name);
        let value = values.next();
        if values.next().is_some() {
            return Err(Problem::of_field(
                Kind::InvalidParameter,
                name,
                "is given more than once",
            ));
        }
        Ok(value)
    }

    /// As [`QueryParams::one`], parsed; `expected` says what would have been right.
    pub(super) fn parse_one<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.one(name)? else {
            return Ok(None);
        };
        parse(value).map(Some).ok_or_else(|| {
            Problem::of_field(
                Kind::InvalidParameter,
                name,
                format!("`{value}` is not {expected}"),
            )
        })
    }
}

/// Names in backticks, one after the other.
pub(super) fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    if quoted.is_empty() {
        "none".to_owned()
    } else {
        quoted.join(", ")
    }
}
