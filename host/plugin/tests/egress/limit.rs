//! Each limit of `EgressLimits`, hit.

use std::time::{Duration, Instant};

use phagen_domain::plugin::HttpGrant;
use phagen_plugin::{EgressLimits, PluginError};

use crate::{
    room::{Room, place, search, told},
    server::{Reply, Server, ok, reply},
};

fn room(change: impl FnOnce(&mut EgressLimits)) -> Room {
    Room::with(|settings| change(&mut settings.egress.limits))
}

/// What came of fetching from a server that answers so, with a configuration besides the address.
async fn fetch(
    room: &Room,
    answer: impl Fn() -> Reply + Send + Sync + 'static,
    config: &[(&str, &str)],
) -> (Result<phagen_domain::evidence::Page, PluginError>, Server) {
    let server = Server::start(move |_| answer()).await;
    let url = format!("{}/", server.origin());
    let mut whole = vec![("url", url.as_str())];
    whole.extend_from_slice(config);
    let grant = HttpGrant {
        methods: vec!["GET".to_owned(), "POST".to_owned()],
        ..place(&server.origin(), "/")
    };
    let answer = search(&room.fetcher(&[grant], &whole)).await;
    (answer, server)
}

fn says(answer: Result<phagen_domain::evidence::Page, PluginError>, what: &str) {
    let error = answer.expect_err(what).to_string();
    assert!(error.contains(what), "{error}");
}

fn silent() -> Reply {
    vec![(Duration::from_mins(1), Vec::new())]
}

fn pieces(pause: Duration, n: usize) -> Reply {
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let body = (0..n).map(|_| (pause, b"x".to_vec()));
    std::iter::once((Duration::ZERO, head))
        .chain(body)
        .collect()
}

#[tokio::test]
async fn a_request_body_has_a_limit() {
    let room = room(|limits| limits.request_bytes = 5_000);
    for (n_bytes, fits) in [("5000", true), ("5001", false)] {
        let config = [("method", "POST"), ("body_bytes", n_bytes)];
        let (answer, _) = fetch(&room, || ok("taken"), &config).await;
        if fits {
            assert!(answer.is_ok(), "{answer:?}");
        } else {
            says(answer, "HttpRequestBodySize");
        }
    }
}

#[tokio::test]
async fn a_response_body_has_a_limit_announced_or_not() {
    let room = room(|limits| limits.response_bytes = 5_000);
    let (answer, _) = fetch(&room, || ok(&"x".repeat(5_000)), &[]).await;
    assert_eq!(told(&answer.expect("it fits"), "n_bytes"), Some("5000"));
    let (answer, _) = fetch(&room, || ok(&"x".repeat(5_001)), &[]).await;
    says(answer, "HttpResponseBodySize(Some(5001))");
    let endless = || {
        let mut reply = pieces(Duration::ZERO, 1);
        reply.push((Duration::ZERO, vec![b'x'; 5_000]));
        reply
    };
    let (answer, _) = fetch(&room, endless, &[]).await;
    says(answer, "response body size exceeds limit");
}

#[tokio::test]
async fn headers_have_a_limit_both_ways() {
    let room = room(|limits| limits.header_bytes = 2_000);
    let long = "y".repeat(2_500);
    let header = format!("x-long: {long}");
    let (answer, server) = fetch(&room, || ok(""), &[("headers", &header)]).await;
    says(answer, "HttpRequestHeaderSectionSize");
    assert!(server.asked().is_empty());
    let (answer, _) = fetch(
        &room,
        move || reply("200 OK", &[("x-long", &long)], ""),
        &[],
    )
    .await;
    says(answer, "HttpResponseHeaderSectionSize");
}

#[tokio::test]
async fn a_set_of_headers_has_a_size_in_memory() {
    let room = room(|limits| limits.header_bytes = 2_000);
    let header = format!("x-long: {}", "y".repeat(5_000));
    let (answer, _) = fetch(&room, || ok(""), &[("headers", &header)]).await;
    let error = answer.expect_err("too large");
    assert_eq!(error.code(), "plugin_trap");
    assert!(
        error.to_string().contains("size of fields exceeds limit"),
        "{error}"
    );
}

#[tokio::test]
async fn the_number_of_headers_has_a_limit() {
    let room = room(|limits| limits.n_headers = 10);
    let headers: Vec<_> = (0..12).map(|n| (format!("x-{n}"), n.to_string())).collect();
    let many = move || {
        let headers: Vec<_> = headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        reply("200 OK", &headers, "")
    };
    let (answer, _) = fetch(&room, many, &[]).await;
    says(answer, "HttpResponseHeaderSectionSize");
}

#[tokio::test]
async fn a_target_has_a_limit() {
    let room = room(|limits| limits.target_bytes = 100);
    let server = Server::start(|_| ok("")).await;
    let grant = [place(&server.origin(), "/")];
    for (n_bytes, fits) in [(100, true), (101, false)] {
        let url = format!("{}/{}", server.origin(), "x".repeat(n_bytes - 1));
        let answer = search(&room.fetcher(&grant, &[("url", &url)])).await;
        if fits {
            assert!(answer.is_ok(), "{answer:?}");
        } else {
            says(answer, "HttpRequestUriTooLong");
        }
    }
}

#[tokio::test]
async fn a_call_has_so_many_requests() {
    let room = room(|limits| limits.n_requests = 3);
    let (answer, _) = fetch(&room, || ok(""), &[("n_requests", "3")]).await;
    assert!(answer.is_ok(), "{answer:?}");
    let (answer, server) = fetch(&room, || ok(""), &[("n_requests", "4")]).await;
    says(answer, "one call may make 3 requests");
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_slot_has_so_many_requests_a_second_and_the_others_wait() {
    let room = room(|limits| limits.n_requests_per_second = 4);
    let started = Instant::now();
    let (answer, server) = fetch(&room, || ok(""), &[("n_requests", "6")]).await;
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(server.asked().len(), 6);
    // Four at once, and a quarter of a second for each of the two after them.
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(450), "{took:?}");

    // Another call of the same slot finds the line as it is.
    let impatient = self::room(|limits| {
        limits.n_requests_per_second = 1;
        limits.first_byte_timeout = Duration::from_millis(100);
    });
    let (answer, server) = fetch(&impatient, || ok(""), &[("n_requests", "2")]).await;
    says(answer, "the slot's 1 requests a second are taken");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_call_has_so_many_requests_under_way() {
    for (of_call, of_house) in [(2, 9), (9, 2)] {
        let room = room(|limits| {
            limits.n_connections_per_call = of_call;
            limits.n_connections = of_house;
            limits.connect_timeout = Duration::from_millis(300);
        });
        let held = || pieces(Duration::from_mins(1), 1);
        let (answer, server) = fetch(&room, held, &[("n_open", "3")]).await;
        let page = answer.expect("a page");
        let outcomes = told(&page, "outcomes").expect("told");
        assert_eq!(outcomes.matches("200").count(), 2, "{outcomes}");
        assert_eq!(
            outcomes.matches("ConnectionLimitReached").count(),
            1,
            "{outcomes}"
        );
        assert_eq!(server.asked().len(), 2);
    }
}

#[tokio::test]
async fn connecting_has_a_limit_in_time() {
    // Without the limit the call's deadline, shorter than the default, would end it otherwise.
    let room = Room::with(|settings| {
        settings.egress.limits.connect_timeout = Duration::from_millis(200);
        settings.limits.deadline = Duration::from_millis(2_500);
    });
    let server = Server::start(|_| ok("")).await;
    let origin = format!("https://127.0.0.1:{}", server.port());
    let url = format!("{origin}/");
    // A server without TLS waits for the end of a head that never comes.
    let answer = search(&room.fetcher(&[place(&origin, "/")], &[("url", &url)])).await;
    says(answer, "ConnectionTimeout");
}

#[tokio::test]
async fn the_first_byte_has_a_limit_in_time() {
    let room = Room::with(|settings| {
        settings.egress.limits.first_byte_timeout = Duration::from_millis(200);
        settings.limits.deadline = Duration::from_secs(6);
    });
    let (answer, _) = fetch(&room, silent, &[]).await;
    says(answer, "ConnectionReadTimeout");
}

#[tokio::test]
async fn the_pause_between_two_pieces_has_a_limit() {
    let room = room(|limits| limits.between_bytes_timeout = Duration::from_millis(300));
    // Longer than the limit as a whole, and never between two pieces.
    let (answer, _) = fetch(&room, || pieces(Duration::from_millis(100), 6), &[]).await;
    assert_eq!(told(&answer.expect("a page"), "n_bytes"), Some("6"));
    let (answer, _) = fetch(&room, || pieces(Duration::from_mins(1), 1), &[]).await;
    says(answer, "connection read timeout");
}

#[tokio::test]
async fn no_request_outlives_its_call() {
    let room = Room::with(|settings| settings.limits.deadline = Duration::from_millis(400));
    let (answer, _) = fetch(&room, silent, &[]).await;
    // And not as a request that waited for its first byte, which takes longer.
    assert_eq!(answer.expect_err("late").code(), "plugin_timeout");
}

#[tokio::test]
async fn a_response_comes_as_it_was_sent() {
    // It says that it is compressed, which is the guest's business.
    let answer = || {
        reply(
            "200 OK",
            &[("content-encoding", "gzip")],
            "\u{1f}not gzip at all",
        )
    };
    let (page, _) = fetch(&Room::new(), answer, &[]).await;
    let page = page.expect("a page");
    assert_eq!(told(&page, "header.content-encoding"), Some("gzip"));
    assert_eq!(told(&page, "body"), Some("\u{1f}not gzip at all"));
}

#[tokio::test]
async fn half_a_response_and_none_at_all_are_told_apart() {
    let cut = || {
        vec![(
            Duration::ZERO,
            b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec(),
        )]
    };
    let (answer, _) = fetch(&Room::new(), cut, &[]).await;
    says(answer, "incomplete HTTP response");
    let nonsense = || vec![(Duration::ZERO, b"I am no web server\r\n\r\n".to_vec())];
    let (answer, _) = fetch(&Room::new(), nonsense, &[]).await;
    says(answer, "HttpProtocolError");
}
