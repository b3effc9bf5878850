//! A request goes out when both sides say so, and a denial says what to add.

use phagen_domain::plugin::HttpGrant;
use phagen_plugin::PluginError;

use crate::{
    room::{Room, guest, place, search, told},
    server::{Server, ok},
};

#[tokio::test]
async fn what_both_sides_name_is_fetched() {
    let server = Server::start(|_| ok("fine")).await;
    let room = Room::new();
    let url = format!("{}/search?q=1", server.origin());
    let slot = room.fetcher(&[place(&server.origin(), "/search")], &[("url", &url)]);
    let page = search(&slot).await.expect("a page");
    assert_eq!(told(&page, "status"), Some("200"));
    assert_eq!(told(&page, "body"), Some("fine"));
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "GET /search?q=1");
    assert_eq!(
        asked.header("host"),
        Some(server.address.to_string().as_str())
    );
}

#[tokio::test]
async fn a_denial_reaches_the_error_of_the_call_with_the_lines_of_both_sides() {
    let server = Server::start(|_| ok("fine")).await;
    let origin = server.origin();
    let room = Room::new();
    let url = format!("{origin}/search?q=private");
    let here = [place(&origin, "/search")];
    let toml = format!(
        "    [[grant.http]]\n    origin = \"{origin}\"\n    methods = [\"GET\"]\n    path = \"/search\"\n"
    );
    let command = format!("    phagen plugin grant web --http 'GET {origin}/search'\n");
    for (asked, granted) in [
        (&here[..], &[][..]),
        (&[][..], &here[..]),
        (&[][..], &[][..]),
    ] {
        let slot = room.slot(&guest("fetcher_guest"), asked, granted, &[("url", &url)]);
        let error = search(&slot).await.expect_err("denied");
        assert_eq!(error.code(), "plugin_denied");
        let text = error.to_string();
        assert_eq!(text.contains(&toml), asked.is_empty(), "{text}");
        assert_eq!(text.contains(&command), granted.is_empty(), "{text}");
        assert!(!text.contains("private"), "{text}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn scheme_host_port_method_and_path_are_all_held_to() {
    let server = Server::start(|_| ok("fine")).await;
    let room = Room::new();
    let grant = [place(&server.origin(), "/search")];
    let port = server.port();
    let near = [
        ("GET", format!("https://127.0.0.1:{port}/search")),
        ("GET", format!("http://localhost:{port}/search")),
        ("GET", "http://127.0.0.1/search".to_owned()),
        ("POST", format!("http://127.0.0.1:{port}/search")),
        ("GET", format!("http://127.0.0.1:{port}/searching")),
        ("GET", format!("http://127.0.0.1:{port}/")),
        ("GET", format!("http://127.0.0.1:{port}/search/../admin")),
        (
            "GET",
            format!("http://127.0.0.1:{port}/search/%2e%2e/admin"),
        ),
        ("CONNECT", format!("http://127.0.0.1:{port}/search")),
    ];
    for (method, url) in near {
        let slot = room.fetcher(&grant, &[("url", &url), ("method", method)]);
        let error = search(&slot).await.expect_err(&url);
        assert_eq!(error.code(), "plugin_denied", "{method} {url}: {error}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn what_frames_and_routes_a_message_is_the_hosts() {
    let server = Server::start(|_| ok("fine")).await;
    let room = Room::new();
    let grant = [place(&server.origin(), "/")];
    let url = format!("{}/", server.origin());
    for header in [
        "Host: other.org",
        "Connection: close",
        "Transfer-Encoding: chunked",
        "Proxy-Authorization: x",
        "X-Forwarded-For: 127.0.0.1",
        "X-HTTP-Method-Override: DELETE",
    ] {
        let slot = room.fetcher(&grant, &[("url", &url), ("headers", header)]);
        let error = search(&slot).await.expect_err(header);
        let PluginError::Guest(failure) = error else {
            panic!("{error}")
        };
        assert_eq!(failure.code, "invalid-input", "{header}");
    }
    let headers = "Accept: text/plain\nX-Mine: 1";
    let slot = room.fetcher(&grant, &[("url", &url), ("headers", headers)]);
    search(&slot).await.expect("a page");
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header("x-mine"), Some("1"));
}

#[tokio::test]
async fn a_method_is_sent_where_it_is_granted() {
    let server = Server::start(|_| ok("taken")).await;
    let room = Room::new();
    let grant = HttpGrant {
        methods: vec!["POST".to_owned()],
        ..place(&server.origin(), "/take")
    };
    let url = format!("{}/take", server.origin());
    let config = [
        ("url", url.as_str()),
        ("method", "POST"),
        ("body_bytes", "10000"),
    ];
    let page = search(&room.fetcher(&[grant], &config))
        .await
        .expect("a page");
    assert_eq!(told(&page, "body"), Some("taken"));
    assert_eq!(server.asked()[0].n_body_bytes, 10_000);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_no_denial() {
    let port = {
        let server = Server::start(|_| ok("")).await;
        server.port()
    };
    let room = Room::new();
    let origin = format!("http://127.0.0.1:{port}");
    let url = format!("{origin}/");
    let error = search(&room.fetcher(&[place(&origin, "/")], &[("url", &url)]))
        .await
        .expect_err("nobody listens");
    assert!(error.is_retryable(), "{error}");
    assert!(error.to_string().contains("ConnectionRefused"), "{error}");
}
