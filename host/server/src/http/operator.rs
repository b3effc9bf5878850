//! Who may change plugins: whoever holds an operator's key. On a host that has no operators,
//! whoever calls from the same machine.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};

use super::{
    problem::{Kind, Problem},
    state::App,
};
use crate::config::Operators;

/// The name that the record of moves gets.
pub(super) struct Operator(pub(super) String);

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        if app.operators.is_empty() {
            let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
            check_local(peer.map(|peer| peer.0.ip()), &parts.headers)?;
            return Ok(Self(Operators::LOCAL.to_owned()));
        }
        let key = bearer(&parts.headers).ok_or_else(|| {
            Problem::new(
                Kind::NotAuthorized,
                "this needs an operator's key: send it as `Authorization: Bearer KEY`",
            )
        })?;
        app.operators
            .find(key)
            .map(|name| Self(name.to_owned()))
            .ok_or_else(|| {
                Problem::new(
                    Kind::NotAuthorized,
                    "no operator of this host has that key: `phagen key new` makes one",
                )
            })
    }
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

/// A page from elsewhere may make a browser on this machine call: its `Host` is then another
/// name, even where that name resolves to this machine.
fn check_local(peer: Option<IpAddr>, headers: &HeaderMap) -> Result<(), Problem> {
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    if peer.is_some_and(|peer| peer.is_loopback()) && host.is_some_and(is_this_machine) {
        return Ok(());
    }
    Err(Problem::new(
        Kind::NotLocal,
        "this host has no operators, so only callers on its own machine may change plugins: make a key with `phagen key new`",
    ))
}

/// Whether `Host` names this machine, with or without a port.
fn is_this_machine(host: &str) -> bool {
    if let Ok(address) = host.parse::<SocketAddr>() {
        return address.ip().is_loopback();
    }
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        if is_port && !name.ends_with(':') {
            name
        } else {
            host
        }
    });
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for host in [
            "localhost",
            "LOCALHOST:8000",
            "127.0.0.1",
            "127.0.0.1:8000",
            "[::1]",
            "[::1]:8000",
        ] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "",
            "phagen.example",
            "localhost.example:8000",
            "127.0.0.1.example",
            "10.0.0.1:8000",
            "[2001:db8::1]:8000",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

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
