//! Whether a request may go out: both sides must cover it. Knows no addresses; those are judged
//! when the name is resolved.

use http::{Method, Uri};
use phagen_domain::plugin::{Grant, HttpGrant, Origin};
use wasmtime_wasi_http::Error;

use super::super::denial::{Denied, Missing, Wanted};

/// What both sides allow of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Permit {
    /// The operator's word alone.
    pub(super) private_addresses: bool,
}

/// The parts of a request that a grant speaks of; fails where the address is not one.
pub(super) fn wanted(method: &Method, uri: &Uri) -> Result<Wanted, Error> {
    let invalid = || Error::HttpRequestUriInvalid;
    let authority = uri.authority().ok_or_else(invalid)?;
    // `https://api.example.org@evil.org` reads like another place than it is.
    if authority.as_str().contains('@') {
        return Err(invalid());
    }
    let is_https = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(invalid()),
    };
    // `Authority::port` has none for `:99999`, too, which is not the usual port.
    let port = match &authority.as_str()[authority.host().len()..] {
        "" => None,
        rest => {
            let digits = rest.strip_prefix(':').ok_or_else(invalid)?;
            Some(digits.parse().map_err(|_| invalid())?)
        }
    };
    Ok(Wanted {
        method: method.as_str().to_owned(),
        origin: Origin::new(is_https, authority.host(), port).map_err(|_| invalid())?,
        path: match uri.path() {
            "" => "/".to_owned(),
            path => path.to_owned(),
        },
    })
}

/// Both sides must cover the request.
pub(super) fn decide(asked: &Grant, granted: &Grant, wanted: &Wanted) -> Result<Permit, Denied> {
    if ["CONNECT", "TRACE"].contains(&wanted.method.as_str()) {
        let why = "no grant opens a tunnel or asks for an echo";
        return Err(Denied::Never(wanted.clone(), why));
    }
    if is_ambiguous(&wanted.path) {
        let why =
            "its path holds `..`, an encoded `.` or `/`, or a backslash, which no grant covers";
        return Err(Denied::Never(wanted.clone(), why));
    }
    let by_operator: Vec<_> = covering(granted, wanted).collect();
    let is_asked = covering(asked, wanted).next().is_some();
    if let Some(missing) = Missing::unless(is_asked, !by_operator.is_empty()) {
        return Err(Denied::Http(missing, wanted.clone()));
    }
    Ok(Permit {
        private_addresses: by_operator.iter().any(|grant| grant.private_addresses),
    })
}

/// Whether the secret `name` may go with the request.
pub(super) fn decide_secret(
    asked: &Grant,
    granted: &Grant,
    wanted: &Wanted,
    name: &str,
) -> Result<(), Denied> {
    let names =
        |grant: &Grant| covering(grant, wanted).any(|g| g.secrets.iter().any(|s| s == name));
    match Missing::unless(names(asked), names(granted)) {
        Some(missing) => Err(Denied::Secret(missing, wanted.clone(), name.to_owned())),
        None => Ok(()),
    }
}

fn covering<'a>(grant: &'a Grant, wanted: &'a Wanted) -> impl Iterator<Item = &'a HttpGrant> {
    grant
        .http
        .iter()
        .filter(|place| place.covers(&wanted.method, &wanted.origin, &wanted.path))
}

/// Paths that `HttpGrant::covers` never covers, so that proposing a grant would help nobody.
fn is_ambiguous(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    ["..", "%2e", "%2f", "\\"]
        .iter()
        .any(|sign| path.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(lines: &[(&str, &str, &[&str], bool)]) -> Grant {
        let place = |(origin, path, secrets, private): &(&str, &str, &[&str], bool)| HttpGrant {
            origin: origin.parse().unwrap(),
            methods: vec!["GET".to_owned()],
            path: (*path).to_owned(),
            secrets: secrets.iter().map(|&name| name.to_owned()).collect(),
            private_addresses: *private,
        };
        Grant {
            http: lines.iter().map(place).collect(),
            ..Grant::default()
        }
    }

    fn ask(method: &str, uri: &str) -> Result<Wanted, Error> {
        wanted(&method.parse().unwrap(), &uri.parse().unwrap())
    }

    #[test]
    fn both_sides_must_cover_a_request() {
        let api = grant(&[("https://api.example.org", "/search", &[], false)]);
        let nothing = Grant::default();
        let request = ask("GET", "https://API.example.org:443/search?q=x").unwrap();
        assert!(decide(&api, &api, &request).is_ok());
        for (asked, granted, missing) in [
            (&api, &nothing, (false, true)),
            (&nothing, &api, (true, false)),
            (&nothing, &nothing, (true, true)),
        ] {
            let Err(Denied::Http(found, _)) = decide(asked, granted, &request) else {
                panic!("allowed");
            };
            assert_eq!((found.in_manifest, found.in_slot), missing);
        }
    }

    #[test]
    fn scheme_host_port_method_and_path_all_count() {
        let api = grant(&[("https://api.example.org", "/search", &[], false)]);
        for (method, uri) in [
            ("GET", "http://api.example.org/search"),
            ("GET", "https://example.org/search"),
            ("GET", "https://api.example.org.evil.org/search"),
            ("GET", "https://api.example.org:444/search"),
            ("POST", "https://api.example.org/search"),
            ("GET", "https://api.example.org/searching"),
            ("GET", "https://api.example.org"),
        ] {
            let request = ask(method, uri).unwrap();
            let denied = decide(&api, &api, &request);
            assert!(matches!(denied, Err(Denied::Http(..))), "{method} {uri}");
        }
        for (method, uri) in [
            ("CONNECT", "https://api.example.org/search"),
            ("TRACE", "https://api.example.org/search"),
            ("GET", "https://api.example.org/search/../admin"),
            ("GET", "https://api.example.org/search/%2E%2E/admin"),
            ("GET", "https://api.example.org/search/..%5cadmin"),
        ] {
            let request = ask(method, uri).unwrap();
            let denied = decide(&api, &api, &request);
            assert!(matches!(denied, Err(Denied::Never(..))), "{method} {uri}");
        }
    }

    #[test]
    fn an_address_with_a_user_is_none() {
        for uri in ["https://api.example.org@evil.org/", "https://u:p@evil.org/"] {
            assert!(
                matches!(ask("GET", uri), Err(Error::HttpRequestUriInvalid)),
                "{uri}"
            );
        }
        assert!(ask("GET", "https://api.example.org:99999/").is_err());
        assert!(ask("GET", "/search").is_err());
    }

    #[test]
    fn only_the_operator_opens_private_addresses() {
        let mild = grant(&[("http://h", "/", &[], false)]);
        let keen = grant(&[("http://h", "/", &[], true)]);
        let request = ask("GET", "http://h/").unwrap();
        assert!(!decide(&keen, &mild, &request).unwrap().private_addresses);
        assert!(decide(&mild, &keen, &request).unwrap().private_addresses);
    }

    #[test]
    fn a_secret_goes_only_where_both_sides_name_it() {
        let with = grant(&[
            ("http://h", "/a", &["key"], false),
            ("http://h", "/b", &[], false),
        ]);
        let without = grant(&[("http://h", "/", &[], false)]);
        let a = ask("GET", "http://h/a").unwrap();
        let b = ask("GET", "http://h/b").unwrap();
        assert!(decide_secret(&with, &with, &a, "key").is_ok());
        assert!(decide_secret(&with, &with, &a, "other").is_err());
        assert!(decide_secret(&with, &with, &b, "key").is_err());
        assert!(decide_secret(&with, &without, &a, "key").is_err());
        assert!(decide_secret(&without, &with, &a, "key").is_err());
    }
}
