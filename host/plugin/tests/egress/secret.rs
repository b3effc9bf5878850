//! A guest uses a secret that it never sees.

use phagen_domain::plugin::HttpGrant;

use crate::{
    room::{Room, SECRET, guest, place, search, told},
    server::{Asked, Server, ok, redirect, reply},
};

fn with_secret(origin: &str, path: &str) -> HttpGrant {
    HttpGrant {
        secrets: vec!["api_key".to_owned()],
        ..place(origin, path)
    }
}

const BEARER: (&str, &str) = ("headers", "authorization: Bearer {secret}");

#[tokio::test]
async fn the_host_puts_the_value_into_headers_and_query() {
    let server = Server::start(|_| ok("fine")).await;
    let room = Room::new();
    let url = format!("{}/search?key={{secret}}&q=1", server.origin());
    let grant = [with_secret(&server.origin(), "/search")];
    let page = search(&room.fetcher(&grant, &[("url", &url), BEARER]))
        .await
        .expect("a page");
    let asked = &server.asked()[0];
    assert_eq!(
        asked.header("authorization"),
        Some(format!("Bearer {SECRET}").as_str())
    );
    assert_eq!(
        asked.line,
        "GET /search?key=s3cr3t-value%2Fof%2Bthe%3Doperator&q=1"
    );
    // What the guest knows of it is its own placeholder.
    let url = told(&page, "url").expect("told");
    assert!(url.contains("key=phagen-secret-"), "{url}");
}

#[tokio::test]
async fn a_server_that_repeats_the_secret_tells_the_guest_nothing() {
    let server = Server::start(|asked: &Asked| {
        let all = format!("{} {asked:?}", asked.line);
        reply(
            "200 OK",
            &[("x-echo", asked.header("authorization").unwrap_or(""))],
            &all,
        )
    })
    .await;
    let room = Room::new();
    let url = format!("{}/?key={{secret}}", server.origin());
    let slot = room.fetcher(
        &[with_secret(&server.origin(), "/")],
        &[("url", &url), BEARER],
    );
    let page = search(&slot).await.expect("a page");
    let everything = format!("{page:?}");
    assert!(!everything.contains(SECRET), "{everything}");
    assert!(!everything.contains("s3cr3t"), "{everything}");
    let echo = told(&page, "header.x-echo").expect("told");
    assert!(echo.starts_with("Bearer phagen-secret-"), "{echo}");
    assert_eq!(
        server.asked()[0].header("accept-encoding"),
        Some("identity")
    );
}

#[tokio::test]
async fn an_answer_that_cannot_be_looked_through_is_refused() {
    let server = Server::start(|_| reply("200 OK", &[("content-encoding", "gzip")], "x")).await;
    let room = Room::new();
    let url = format!("{}/", server.origin());
    let slot = room.fetcher(
        &[with_secret(&server.origin(), "/")],
        &[("url", &url), BEARER],
    );
    let error = search(&slot).await.expect_err("refused").to_string();
    assert!(error.contains("HttpResponseContentCoding"), "{error}");
}

#[tokio::test]
async fn a_secret_goes_nowhere_else() {
    let server = Server::start(|asked: &Asked| match asked.line.as_str() {
        "GET /home" => redirect("/away"),
        _ => ok("away"),
    })
    .await;
    let room = Room::new();
    let origin = server.origin();
    let home = with_secret(&origin, "/home");
    let away = place(&origin, "/away");

    // To a place that both sides name, and not for this.
    let url = format!("{origin}/away");
    let slot = room.fetcher(&[home.clone(), away.clone()], &[("url", &url), BEARER]);
    let error = search(&slot).await.expect_err("denied");
    assert_eq!(error.code(), "plugin_denied");
    let text = error.to_string();
    assert!(text.contains("grants no secret `api_key` for"), "{text}");
    assert!(text.contains("secrets = [\"api_key\"]"), "{text}");
    assert!(text.contains("--secret 'api_key'\n"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
    assert!(server.asked().is_empty());

    // The same by a redirect, which keeps its headers on the same server.
    let url = format!("{origin}/home");
    let slot = room.fetcher(&[home.clone(), away], &[("url", &url), BEARER]);
    assert_eq!(
        search(&slot).await.expect_err("denied").code(),
        "plugin_denied"
    );
    assert_eq!(server.lines(), ["GET /home"]);

    // In a path.
    let url = format!("{origin}/home/{{secret}}");
    let slot = room.fetcher(&[home], &[("url", &url)]);
    let error = search(&slot).await.expect_err("denied").to_string();
    assert!(error.contains("not in the path"), "{error}");
}

#[tokio::test]
async fn a_guest_gets_a_placeholder_only_where_both_sides_name_the_secret() {
    let server = Server::start(|_| ok("fine")).await;
    let room = Room::new();
    let origin = server.origin();
    let (with, without) = ([with_secret(&origin, "/")], [place(&origin, "/")]);
    let url = format!("{origin}/");
    for (asked, granted) in [(&with, &without), (&without, &with), (&without, &without)] {
        let config = [("url", url.as_str()), BEARER];
        let slot = room.slot(&guest("fetcher_guest"), asked, granted, &config);
        search(&slot).await.expect("a page");
        let asked = server.asked().pop().expect("asked");
        assert_eq!(asked.header("authorization"), Some("Bearer no-secret"));
    }
}

#[tokio::test]
async fn a_value_in_the_configuration_is_kept_from_the_guest() {
    let server = Server::start(|_| ok("fine")).await;
    let room = Room::new();
    let url = format!("{}/", server.origin());
    let config = [
        ("url", url.as_str()),
        BEARER,
        ("secret.api_key", "written-by-mistake"),
    ];
    search(&room.fetcher(&[place(&server.origin(), "/")], &config))
        .await
        .expect("a page");
    assert_eq!(
        server.asked()[0].header("authorization"),
        Some("Bearer no-secret")
    );
}
