//! A redirect is a new request, and judged like one.

use std::sync::Arc;

use phagen_domain::plugin::HttpGrant;

use crate::{
    room::{Names, Room, place, search, told},
    server::{Asked, Server, ok, redirect},
};

#[tokio::test]
async fn a_granted_redirect_is_followed() {
    let server = Server::start(|asked: &Asked| match asked.line.as_str() {
        "GET /a" => redirect("/b?c=1"),
        _ => ok("there"),
    })
    .await;
    let room = Room::new();
    let url = format!("{}/a", server.origin());
    let slot = room.fetcher(&[place(&server.origin(), "/")], &[("url", &url)]);
    let page = search(&slot).await.expect("a page");
    assert_eq!(told(&page, "body"), Some("there"));
    assert_eq!(server.lines(), ["GET /a", "GET /b?c=1"]);

    let config = [("url", url.as_str()), ("redirects", "no")];
    let slot = room.fetcher(&[place(&server.origin(), "/")], &config);
    let page = search(&slot).await.expect("a page");
    assert_eq!(told(&page, "status"), Some("302"));
    assert_eq!(told(&page, "header.location"), Some("/b?c=1"));
}

#[tokio::test]
async fn a_redirect_to_what_is_not_granted_is_denied() {
    let other = Server::start(|_| ok("elsewhere")).await;
    let to = format!("{}/data", other.origin());
    let server = Server::start(move |_| redirect(&to)).await;
    let room = Room::new();
    let url = format!("{}/a", server.origin());
    let slot = room.fetcher(&[place(&server.origin(), "/")], &[("url", &url)]);
    let error = search(&slot).await.expect_err("denied");
    assert_eq!(error.code(), "plugin_denied");
    let command = format!("--http 'GET {}/data'", other.origin());
    assert!(error.to_string().contains(&command), "{error}");
    assert_eq!(server.asked().len(), 1);
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn a_redirect_from_a_granted_path_to_another_is_denied() {
    let server = Server::start(|_| redirect("/admin")).await;
    let room = Room::new();
    let url = format!("{}/search", server.origin());
    let slot = room.fetcher(&[place(&server.origin(), "/search")], &[("url", &url)]);
    assert_eq!(
        search(&slot).await.expect_err("denied").code(),
        "plugin_denied"
    );
    assert_eq!(server.lines(), ["GET /search"]);
}

#[tokio::test]
async fn a_redirect_into_the_operators_network_is_denied() {
    let server = Server::start(|_| redirect("http://router.test/")).await;
    let names = Names::default().with("router.test", &[&["192.168.0.1"]]);
    let room = Room::with(|settings| settings.egress.resolver = Arc::new(names));
    let url = format!("{}/a", server.origin());
    // Granted, as a place on the internet.
    let router = HttpGrant {
        private_addresses: false,
        ..place("http://router.test", "/")
    };
    let slot = room.fetcher(&[place(&server.origin(), "/"), router], &[("url", &url)]);
    let error = search(&slot).await.expect_err("denied");
    assert_eq!(error.code(), "plugin_denied");
    assert!(error.to_string().contains("a private address"), "{error}");
}

#[tokio::test]
async fn redirects_come_to_an_end() {
    let server = Server::start(|_| redirect("/again")).await;
    let room = Room::new();
    let url = format!("{}/again", server.origin());
    let slot = room.fetcher(&[place(&server.origin(), "/")], &[("url", &url)]);
    let error = search(&slot).await.expect_err("a loop");
    assert!(
        error.to_string().contains("redirects more than 5 times"),
        "{error}"
    );
    assert_eq!(server.asked().len(), 6);
}
