//! The example source in Rust, Python and JavaScript: the same requests, the same evidence, the
//! same denials.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use phagen_domain::plugin::HttpGrant;
use phagen_plugin::{ActiveSlot, replay};

use crate::{
    replay::record,
    room::{Names, Room, SECRET, guest, place, read, search},
    server::{Asked, Reply, Server, ok, redirect, reply},
};

const ANSWER: &str = r#"{"items": [
    {"id": "PMID:1", "kind": "literature", "title": "Aspirin and asthma",
     "text": "Aspirin did well in asthma.", "date": "2020-01-01", "url": "https://example.org/1"},
    {"id": "NCT01907900", "kind": "clinical", "title": "A trial", "text": "Größe: 10 mg.",
     "date": "2021", "url": "https://example.org/2"}
]}"#;

/// The example as each language builds it.
fn component(language: &str) -> Vec<u8> {
    match language {
        "rust" => guest("web_source"),
        other => read(
            "PHAGEN_TEST_LANGUAGES",
            &format!("{other}/source.wasm"),
            "cargo xtask test",
        ),
    }
}

/// The manifest is part of a component, and an interpreter takes long to compile: so all tests ask
/// for one place, whose name leads each to an address of its own.
const ORIGIN: &str = "http://evidence.test:18231";

/// At an address that no other test and no other story has.
async fn server(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Server {
    static N_STARTED: AtomicU8 = AtomicU8::new(0);
    let nth = 100 + N_STARTED.fetch_add(1, Ordering::Relaxed);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    Server::start_at((format!("127.{nth}.{high}.{low}"), 18231), answer).await
}

fn room(server: &Server) -> Room {
    let address = server.address.ip().to_string();
    Room::with(|settings| {
        let names = Names::default().with("evidence.test", &[&[address.as_str()]]);
        settings.egress.resolver = Arc::new(names);
        // An interpreter needs them, in a debug build of the host above all.
        settings.limits.init_deadline = Duration::from_secs(30);
        settings.limits.deadline = Duration::from_secs(30);
    })
}

fn source(room: &Room, language: &str, base_url: &str, granted: &[HttpGrant]) -> ActiveSlot {
    let asked = [HttpGrant {
        secrets: vec!["api_key".to_owned()],
        ..place(base_url, "/search")
    }];
    room.slot(
        &component(language),
        &asked,
        granted,
        &[("base_url", base_url)],
    )
}

async fn fetches_what_it_is_granted(language: &str) {
    let server = server(|_| ok(ANSWER)).await;
    let room = room(&server);
    let origin = ORIGIN;
    let granted = HttpGrant {
        secrets: vec!["api_key".to_owned()],
        ..place(origin, "/search")
    };
    let page = search(&source(&room, language, origin, &[granted]))
        .await
        .expect("a page");
    let asked = &server.asked()[0];
    assert!(asked.line.starts_with("GET /search?"), "{}", asked.line);
    assert!(asked.line.contains("q=aspirin"), "{}", asked.line);
    assert_eq!(
        asked.header("authorization"),
        Some(format!("Bearer {SECRET}").as_str())
    );
    assert_eq!(page.candidates.len(), 2);
    let evidence = &page.candidates[0].evidence;
    assert_eq!(evidence.evidence_id.as_str(), "PMID:1");
    assert_eq!(evidence.title, "Aspirin and asthma");
    assert_eq!(evidence.text_of(1), Some("Aspirin did well in asthma."));
    assert_eq!(
        page.candidates[1].evidence.text_of(1),
        Some("Größe: 10 mg.")
    );

    // Without the secret it asks without one.
    let slot = source(&room, language, origin, &[place(origin, "/search")]);
    search(&slot).await.expect("a page");
    assert_eq!(server.asked()[1].header("authorization"), None);
}

async fn is_denied_what_it_is_not(language: &str) {
    let server = server(|_| ok(ANSWER)).await;
    let room = room(&server);
    let origin = ORIGIN;
    let error = search(&source(&room, language, origin, &[]))
        .await
        .expect_err("denied");
    assert_eq!(error.code(), "plugin_denied", "{error}");
    let command = format!("phagen plugin grant web --http 'GET {origin}/search'");
    assert!(error.to_string().contains(&command), "{error}");
    assert!(server.asked().is_empty());
}

async fn is_held_to_the_grant_by_redirects(language: &str) {
    let other = Server::start(|_| ok(ANSWER)).await;
    let elsewhere = format!("{}/search", other.origin());
    let server = server(move |_| redirect(&elsewhere)).await;
    let room = room(&server);
    let origin = ORIGIN;
    let slot = source(&room, language, origin, &[place(origin, "/search")]);
    let error = search(&slot).await.expect_err("denied");
    assert_eq!(error.code(), "plugin_denied", "{error}");
    assert!(error.to_string().contains(&other.origin()), "{error}");
    assert!(other.asked().is_empty());
}

async fn follows_a_redirect(language: &str) {
    let moving = server(|asked: &Asked| {
        if asked.line.contains("moved=1") {
            ok(ANSWER)
        } else {
            redirect("/search?moved=1")
        }
    })
    .await;
    let room = room(&moving);
    let origin = ORIGIN;
    let slot = source(&room, language, origin, &[place(origin, "/search")]);
    let page = search(&slot).await.expect("a page");
    assert_eq!(page.candidates.len(), 2);
    assert_eq!(moving.asked().len(), 2);
}

async fn passes_on_what_a_server_says(language: &str) {
    let busy = || reply("429 Too Many Requests", &[("retry-after", "2")], "");
    let server = server(move |_| busy()).await;
    let room = room(&server);
    let origin = ORIGIN;
    let slot = source(&room, language, origin, &[place(origin, "/search")]);
    let error = search(&slot).await.expect_err("limited");
    assert!(error.is_retryable(), "{error}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(2)), "{error}");
}

async fn is_the_same_again_without_its_server(language: &str) {
    let server = server(|_| ok(ANSWER)).await;
    let room = room(&server);
    let slot = source(&room, language, ORIGIN, &[place(ORIGIN, "/search")]);
    let call = record(&slot).await;
    assert!(call.answer.is_ok() && call.http.len() == 1, "{call:?}");
    let n_asked = server.asked().len();
    replay(&slot, &call).await.expect("the same bits");
    assert_eq!(server.asked().len(), n_asked, "the recording answered");
}

/// One after the other: the first story compiles the component, and the others find it compiled.
async fn every_story(language: &str) {
    fetches_what_it_is_granted(language).await;
    is_denied_what_it_is_not(language).await;
    is_held_to_the_grant_by_redirects(language).await;
    follows_a_redirect(language).await;
    passes_on_what_a_server_says(language).await;
    is_the_same_again_without_its_server(language).await;
}

#[tokio::test]
async fn a_source_in_rust_is_held_to_its_grant() {
    every_story("rust").await;
}

#[tokio::test]
async fn long_a_source_in_python_is_held_to_its_grant() {
    every_story("python").await;
}

#[tokio::test]
async fn long_a_source_in_javascript_is_held_to_its_grant() {
    every_story("js").await;
}
