//! Whether a caller sits on this machine and means to call it.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header};

use crate::http::problem::{Kind, Problem};

/// A page from elsewhere may make a browser on this machine call: its `Host` is then another
/// name, even where that name resolves to this machine.
pub(super) fn check(peer: Option<IpAddr>, headers: &HeaderMap) -> Result<(), Problem> {
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    if peer.is_some_and(|peer| peer.is_loopback()) && host.is_some_and(is_this_machine) {
        return Ok(());
    }
    Err(Problem::new(
        Kind::NotLocal,
        "this host has no operators, so only callers on its own machine may change plugins: make a key with `phagen key create NAME --scope operate`",
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
}
