//! The door: who calls, what they may do, and how much of it. Every request passes here before any
//! handler sees it; the probes alone go by.
//!
//! A key is looked up among the operators of the settings and then in the database. Without one a
//! caller is let in only where keys are not required, and changes plugins only from this machine
//! and only while the host has no operators.

mod bucket;
mod caller;
mod local;
mod route;
mod verify;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use phagen_store::{Scope, Standing};
use tokio::time::Instant;

pub(super) use bucket::Buckets;
pub(super) use caller::{Caller, Operator};
pub(super) use route::guard_document;
pub(super) use verify::Verifier;

use super::{
    problem::{Kind, Problem},
    state::App,
};
use bucket::Payer;
use caller::Operates;
use verify::{Verdict, Verified};

/// Lets a request in, or says why not.
pub(super) async fn admit(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(MatchedPath::as_str);
    let Some(scope) = route::scope_of(request.method(), route) else {
        return next.run(request).await;
    };
    let Ok(_place) = app.places.try_acquire() else {
        return Problem::new(
            Kind::Overloaded,
            "as many requests as this server answers at once are under way; try again soon",
        )
        .into_response();
    };
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|peer| peer.0.ip());
    let known = identify(&app, request.headers()).await;
    let payer = match &known {
        Ok(Caller::Key { name, .. }) => Payer::Key(Arc::clone(name)),
        // A wrong key costs its address something too, so guessing is slow.
        Ok(Caller::Anonymous) | Err(_) => Payer::of_address(peer),
    };
    let allowance = match app.buckets.take(payer, Instant::now()) {
        Ok(allowance) => allowance,
        Err(spent) => return spent.dress(spent.problem().into_response()),
    };
    let entered = match known {
        Ok(caller) => check(&app, &caller, scope, peer, request.headers())
            .await
            .map(|operates| (caller, operates)),
        Err(problem) => Err(problem),
    };
    let response = match entered {
        Ok((caller, operates)) => {
            request.extensions_mut().insert(caller);
            if let Some(operates) = operates {
                request.extensions_mut().insert(operates);
            }
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    allowance.dress(response)
}

/// Who calls, as far as a key says so.
async fn identify(app: &App, headers: &HeaderMap) -> Result<Caller, Problem> {
    let Some(key) = bearer(headers) else {
        if app.auth_required {
            return Err(Problem::new(
                Kind::NotAuthorized,
                "this server needs a key: send it as `Authorization: Bearer KEY`; `phagen key create` makes one",
            ));
        }
        return Ok(Caller::Anonymous);
    };
    let refused = |detail: &str| Err(Problem::new(Kind::NotAuthorized, detail).with_wrong_token());
    match app.verifier.verify(key, app.store.as_ref()).await? {
        Verdict::Known(Verified { name, scopes }) => Ok(Caller::Key { name, scopes }),
        Verdict::Refused(Standing::Expired) => {
            refused("this key has expired: `phagen key create` makes another")
        }
        Verdict::Refused(_) => refused("this key was revoked: `phagen key create` makes another"),
        Verdict::Unknown => refused(
            "this server does not know that key: `phagen key create` makes one, `phagen key new` an operator's",
        ),
    }
}

/// Whether `caller` may do what `scope` stands for; what it operates as, if that is it.
async fn check(
    app: &App,
    caller: &Caller,
    scope: Scope,
    peer: Option<std::net::IpAddr>,
    headers: &HeaderMap,
) -> Result<Option<Operates>, Problem> {
    let operates = scope == Scope::Operate;
    match caller {
        Caller::Key { name, scopes } if scopes.allow(scope) => {
            Ok(operates.then(|| Operates(Arc::clone(name))))
        }
        Caller::Key { .. } => Err(Problem::missing_scope(scope)),
        Caller::Anonymous if !operates => Ok(None),
        Caller::Anonymous => {
            if has_operators(app).await? {
                return Err(Problem::new(
                    Kind::NotAuthorized,
                    "this needs a key with the scope `operate`: send it as `Authorization: Bearer KEY`",
                ));
            }
            local::check(peer, headers)?;
            Ok(Some(Operates::local()))
        }
    }
}

/// Whether anyone has a key to change plugins with; whoever has none is then let change nothing.
async fn has_operators(app: &App) -> Result<bool, Problem> {
    if !app.operators.is_empty() {
        return Ok(true);
    }
    let keys = app.store.list_api_keys().await?;
    Ok(keys
        .iter()
        .any(|key| key.standing == Standing::Live && key.scopes.allow(Scope::Operate)))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| key.trim())
        .filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_after_its_scheme() {
        let given = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(given("Bearer k-1").as_deref(), Some("k-1"));
        assert_eq!(given("bearer  k-1 ").as_deref(), Some("k-1"));
        for wrong in ["k-1", "Bearer", "Bearer  ", "Basic k-1"] {
            assert_eq!(given(wrong), None, "{wrong}");
        }
    }
}
