//! Who calls, as handlers see it once the door has let them in.

use std::{convert::Infallible, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};
use phagen_store::Scopes;

use crate::{
    config::Operators,
    http::problem::{Kind, Problem},
};

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) enum Caller {
    Key {
        name: Arc<str>,
        scopes: Scopes,
    },
    /// Whoever shows no key, where none is needed.
    Anonymous,
}

impl Caller {
    const ANONYMOUS: &str = "anonymous";

    /// The name that votes are kept under.
    pub(in crate::http) fn name(&self) -> &str {
        match self {
            Self::Key { name, .. } => name,
            Self::Anonymous => Self::ANONYMOUS,
        }
    }

    /// Whose the jobs are that it submits; nobody's without a key.
    pub(in crate::http) fn key_name(&self) -> Option<&str> {
        match self {
            Self::Key { name, .. } => Some(name),
            Self::Anonymous => None,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let caller = parts.extensions.get::<Self>().cloned();
        Ok(caller.unwrap_or(Self::Anonymous))
    }
}

/// The door has seen that this caller may change plugins.
#[derive(Debug, Clone)]
pub(super) struct Operates(pub(super) Arc<str>);

impl Operates {
    pub(super) fn local() -> Self {
        Self(Operators::LOCAL.into())
    }
}

/// Who changes something: the name that the record of moves gets.
pub(in crate::http) struct Operator(pub(in crate::http) String);

impl<S: Sync> FromRequestParts<S> for Operator {
    type Rejection = Problem;

    /// A route that asks for an operator where the door asked for less is a mistake of ours, and
    /// lets nobody in.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let operates = parts.extensions.get::<Operates>();
        operates
            .map(|operates| Self(operates.0.as_ref().to_owned()))
            .ok_or_else(|| {
                tracing::error!("a route that changes something is not guarded by `operate`");
                Problem::new(
                    Kind::Internal,
                    "the server failed; its log names the cause under this request id",
                )
            })
    }
}
