//! What a source fetched is written down, and fetched again from there: no server, same bits.

use std::{
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use phagen_domain::plugin::HttpGrant;
use phagen_plugin::{
    ActiveSlot, BodyEnd, Difference, HttpAnswer, HttpFailure, HttpResponse, NotKept, Octets,
    RecordedCall, ReplayError, Secrets, SlotSet, replay,
};

use crate::{
    room::{Room, SECRET, place, query},
    server::{Asked, Reply, Server, ok, redirect, reply},
};

const BEARER: (&str, &str) = ("headers", "authorization: Bearer {secret}");

/// One call of `slot`, by way of what a job is stored as.
pub(crate) async fn record(slot: &ActiveSlot) -> RecordedCall {
    let set = SlotSet {
        sources: vec![slot.clone()],
        mappers: Vec::new(),
        rerankers: Vec::new(),
    };
    let (recorded, recorder) = set.recorded();
    // The recording holds what became of it.
    let _ = recorded.sources[0].search(&query(), 5, None).await;
    let json = serde_json::to_string(&recorder.take().calls[0]).expect("JSON");
    serde_json::from_str(&json).expect("the same")
}

/// A host of other settings, which has nothing of what the recording host had.
fn elsewhere() -> Room {
    Room::with(|settings| {
        settings.secrets = Secrets::default();
        settings.egress.limits.n_requests = 0;
    })
}

struct Fetch {
    grant: Vec<HttpGrant>,
    config: Vec<(String, String)>,
}

impl Fetch {
    fn new(server: &Server, target: &str, config: &[(&str, &str)]) -> Self {
        let url = format!("{}{target}", server.origin());
        let mut config: Vec<_> = config
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        config.push(("url".to_owned(), url));
        let everything = HttpGrant {
            secrets: vec!["api_key".to_owned()],
            methods: vec!["GET".to_owned(), "POST".to_owned()],
            ..place(&server.origin(), "/")
        };
        Self {
            grant: vec![everything],
            config,
        }
    }

    fn slot(&self, room: &Room) -> ActiveSlot {
        let config: Vec<_> = self
            .config
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        room.fetcher(&self.grant, &config)
    }

    async fn record(&self) -> RecordedCall {
        record(&self.slot(&Room::new())).await
    }

    async fn replay(&self, call: &RecordedCall) -> Result<(), ReplayError> {
        replay(&self.slot(&elsewhere()), call).await
    }

    async fn differs(&self, call: &RecordedCall) -> Difference {
        match self.replay(call).await.expect_err("a difference") {
            ReplayError::Different(difference) => difference,
            error @ ReplayError::NotKept { .. } => panic!("{error}"),
        }
    }
}

fn json(call: &RecordedCall) -> String {
    serde_json::to_string(call).expect("JSON")
}

fn response(call: &mut RecordedCall, at: usize) -> &mut HttpResponse {
    match &mut call.http[at].answer {
        HttpAnswer::Response(response) => response,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_call_with_a_redirect_and_a_secret_is_the_same_without_its_server() {
    let server = Server::start(|asked: &Asked| {
        if asked.line.starts_with("GET /a") {
            return redirect("/b?c=1");
        }
        let echo = asked.header("authorization").unwrap_or("");
        reply("200 OK", &[("x-echo", echo)], &format!("{asked:?}"))
    })
    .await;
    let fetch = Fetch::new(&server, "/a?key={secret}", &[BEARER, ("luck", "yes")]);
    let mut call = fetch.record().await;
    assert_eq!(server.asked().len(), 2);
    assert!(
        server.asked()[1]
            .header("authorization")
            .is_some_and(|h| h.ends_with(SECRET))
    );
    drop(server);

    let told = json(&call);
    assert!(!told.contains(SECRET) && !told.contains("s3cr3t"), "{told}");
    assert_eq!(call.http.len(), 2);
    assert!(call.http[0].request.url.contains("key=phagen-secret-"));
    assert_eq!(response(&mut call, 0).status, 302);
    assert_eq!(response(&mut call, 1).end, BodyEnd::Whole);
    let given = call.given.as_ref().expect("time and chance");
    assert!(!given.wall_nanoseconds.is_empty() && given.n_readings_dropped == 0);
    for _ in 0..2 {
        fetch.replay(&call).await.expect("the same bits");
    }

    // Time and chance are the recording's.
    let mut planted = call.clone();
    planted.given.as_mut().expect("given").wall_nanoseconds[0] += 1;
    assert_answer(&fetch.differs(&planted).await);
    let mut planted = call.clone();
    planted.given.as_mut().expect("given").seed[0] ^= 1;
    assert_answer(&fetch.differs(&planted).await);
    planted.given.as_mut().expect("given").n_readings_dropped = 2;
    assert_eq!(
        fetch
            .replay(&planted)
            .await
            .expect_err("not kept")
            .to_string(),
        "the call cannot be replayed: what its clocks said is not in the recording, since the guest read them 2 times more often than is written down"
    );
}

fn assert_answer(difference: &Difference) {
    let path = &difference.path;
    assert!(
        path.starts_with("answer.page.candidates[0].evidence.attributes["),
        "{difference}"
    );
}

#[tokio::test]
async fn a_denial_is_told_again() {
    let other = Server::start(|_| ok("elsewhere")).await;
    let to = format!("{}/data", other.origin());
    let server = Server::start(move |_| redirect(&to)).await;
    let fetch = Fetch::new(&server, "/a", &[]);
    let call = fetch.record().await;
    assert!(other.asked().is_empty());
    let failure = call.answer.as_ref().expect_err("denied");
    assert_eq!(failure.code, "plugin_denied");
    assert_eq!(
        call.http[1].answer,
        HttpAnswer::Failure(HttpFailure::Denied)
    );
    fetch.replay(&call).await.expect("the same denial");

    // Were it granted, the guest would go there; what it was told then counts.
    let mut planted = call.clone();
    planted.http[1].answer = HttpAnswer::Failure(HttpFailure::ConnectionRefused);
    assert_eq!(fetch.differs(&planted).await.path, "answer");
}

#[tokio::test]
async fn a_planted_difference_is_named() {
    let server = Server::start(|_| ok("fine")).await;
    let config = [("headers", "x-a: 1\nx-b: 2")];
    let fetch = Fetch::new(&server, "/a", &config);
    let call = fetch.record().await;
    let url = format!("{}/a", server.origin());
    drop(server);

    let mut planted = call.clone();
    response(&mut planted, 0).pieces = vec![Octets("fire".into())];
    let difference = fetch.differs(&planted).await;
    assert_answer(&difference);
    assert_eq!(difference.recorded, "\"fine\"");
    assert_eq!(difference.replayed, "\"fire\"");

    let mut planted = call.clone();
    planted.http[0].request.url.push_str("/b");
    let difference = fetch.differs(&planted).await;
    assert_eq!(
        difference.to_string(),
        format!("`http[0].request` was `not asked` and is `GET {url}` now")
    );

    let mut planted = call.clone();
    planted.http[0].request.headers[1].1 = Octets("3".into());
    let difference = fetch.differs(&planted).await;
    assert_eq!(difference.path, "http[0].request.headers[1][1]");
    assert_eq!(difference.replayed, "\"2\"");

    let mut planted = call.clone();
    planted.http.push(planted.http[0].clone());
    let difference = fetch.differs(&planted).await;
    assert_eq!(
        difference.to_string(),
        format!("`http[1].request` was `GET {url}` and is `not asked` now")
    );

    // A body of which the guest once read less.
    let mut planted = call.clone();
    response(&mut planted, 0).end = BodyEnd::Unread;
    let difference = fetch.differs(&planted).await;
    assert_eq!(
        difference.to_string(),
        "`http[0].response.body` was `read up to byte 4` and is `read on` now"
    );
}

#[tokio::test]
async fn equal_requests_get_their_answers_in_their_order() {
    let n_asked = AtomicU16::new(0);
    let server = Server::start(move |_| {
        let nth = n_asked.fetch_add(1, Ordering::Relaxed);
        let mut reply = reply(&format!("{} Fine", 200 + nth), &[], "unread");
        // The later, the sooner.
        reply[0].0 = Duration::from_millis(40 - 10 * u64::from(nth));
        reply
    })
    .await;
    let fetch = Fetch::new(&server, "/a", &[("n_open", "4")]);
    let mut call = fetch.record().await;
    drop(server);
    let statuses: Vec<u16> = (0..4).map(|at| response(&mut call, at).status).collect();
    let mut sorted = statuses.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [200, 201, 202, 203]);
    assert_eq!(response(&mut call, 0).end, BodyEnd::Unread);
    fetch.replay(&call).await.expect("the same bits");

    let difference = {
        let mut planted = call.clone();
        planted.http.swap(0, 1);
        fetch.differs(&planted).await
    };
    assert_eq!(difference.recorded, format!("\"{}\"", told(&statuses)));
}

fn told(statuses: &[u16]) -> String {
    let texts: Vec<_> = statuses.iter().map(u16::to_string).collect();
    texts.join(" ")
}

#[tokio::test]
async fn a_request_is_known_by_its_body_too() {
    let server = Server::start(|_| ok("taken")).await;
    let config = [("method", "POST"), ("body_bytes", "20000")];
    let fetch = Fetch::new(&server, "/a", &config);
    let large = Fetch::new(&server, "/a", &[config[0], ("body_bytes", "2000000")]);
    let call = fetch.record().await;
    assert_eq!(server.asked()[0].n_body_bytes, 20_000);
    drop(server);
    let request = &call.http[0].request;
    assert_eq!((request.body.0.len(), request.is_whole), (20_000, true));
    fetch.replay(&call).await.expect("the same bits");

    let mut planted = call.clone();
    planted.http[0].request.body = Octets([b"y", &request.body.0[1..]].concat().into());
    let difference = fetch.differs(&planted).await;
    assert_eq!(difference.path, "http[0].request.body");

    // One that was refused for its size, before any of it was taken.
    let fetch = large;
    let call = fetch.record().await;
    let n_bytes = Some(2_000_000);
    let refused = HttpAnswer::Failure(HttpFailure::RequestBody { n_bytes });
    assert_eq!(call.http[0].answer, refused);
    fetch.replay(&call).await.expect("the same refusal");
}

#[tokio::test]
async fn a_body_that_broke_off_breaks_off_at_the_same_byte() {
    let broken = || -> Reply {
        let text = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n\u{fffd}half".to_owned();
        let mut bytes = text.into_bytes();
        // No text, so that its bytes are written as such.
        bytes.push(0xff);
        vec![(Duration::ZERO, bytes)]
    };
    let server = Server::start(move |_| broken()).await;
    let fetch = Fetch::new(&server, "/a", &[]);
    let mut call = fetch.record().await;
    drop(server);
    assert!(json(&call).contains("base64"), "{}", json(&call));
    let response = response(&mut call, 0);
    let n_bytes: usize = response.pieces.iter().map(|piece| piece.0.len()).sum();
    assert_eq!(n_bytes, 8);
    assert_eq!(
        response.end,
        BodyEnd::Failure(HttpFailure::ResponseIncomplete)
    );
    assert!(call.answer.is_err());
    fetch.replay(&call).await.expect("the same failure");
}

/// Longer than any test.
const LATE: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_server_that_falls_silent_is_silent_again() {
    let server = Server::start(move |_| {
        let mut reply = reply("200 OK", &[("x-a", "1")], "half");
        let n_bytes = reply[0].1.len();
        let rest = reply[0].1.split_off(n_bytes - 2);
        reply.push((LATE, rest));
        reply
    })
    .await;
    let fetch = Fetch::new(&server, "/a", &[]);
    let impatient = Duration::from_millis(100);
    let room = Room::with(|s| s.egress.limits.between_bytes_timeout = impatient);
    let mut call = record(&fetch.slot(&room)).await;
    let response = response(&mut call, 0);
    assert_eq!(response.pieces, [Octets("ha".into())]);
    assert_eq!(response.end, BodyEnd::Failure(HttpFailure::ReadTimeout));
    fetch.replay(&call).await.expect("the same failure");
}

#[tokio::test]
async fn a_guest_that_waits_in_vain_does_so_again() {
    let server = Server::start(move |asked: &Asked| {
        let mut reply = ok("late");
        if asked.line == "GET /head" {
            let n_bytes = reply[0].1.len();
            let body = reply[0].1.split_off(n_bytes - 4);
            reply.push((LATE, body));
        } else {
            reply[0].0 = LATE;
        }
        reply
    })
    .await;
    let hasty = || Room::with(|s| s.limits.deadline = Duration::from_secs(1));
    for (target, n_answers) in [("/never", 0), ("/head", 1)] {
        let fetch = Fetch::new(&server, target, &[]);
        let mut call = record(&fetch.slot(&hasty())).await;
        let failure = call.answer.as_ref().expect_err("too late");
        assert_eq!(failure.code, "plugin_timeout");
        if n_answers == 0 {
            assert_eq!(call.http[0].answer, HttpAnswer::Unanswered);
        } else {
            assert_eq!(response(&mut call, 0).end, BodyEnd::Silence);
        }
        let replayed = replay(&fetch.slot(&hasty()), &call).await;
        replayed.expect("too late again");
    }
}

#[tokio::test]
async fn trailers_come_again() {
    let text = "HTTP/1.1 200 OK\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n";
    let server = Server::start(move |_| vec![(Duration::ZERO, text.into())]).await;
    let fetch = Fetch::new(&server, "/a", &[]);
    let mut call = fetch.record().await;
    drop(server);
    let trailers = vec![("x-sum".to_owned(), Octets("1".into()))];
    assert_eq!(response(&mut call, 0).end, BodyEnd::Trailers(trailers));
    fetch.replay(&call).await.expect("the same bits");
}

#[tokio::test]
async fn what_is_too_much_to_keep_cannot_be_replayed_and_says_so() {
    let server = Server::start(|asked: &Asked| match asked.line.as_str() {
        "GET /small?key=s3cr3t-value%2Fof%2Bthe%3Doperator" => redirect("/large"),
        _ => ok(&"x".repeat(3_000)),
    })
    .await;
    let fetch = Fetch::new(&server, "/small?key={secret}", &[]);
    let room = Room::with(|settings| settings.egress.limits.recorded_bytes = 2_000);
    let mut call = record(&fetch.slot(&room)).await;
    assert!(call.answer.is_ok(), "the guest got it all");
    assert_eq!(response(&mut call, 0).status, 302);
    let too_large = NotKept::TooLarge { max_bytes: 2_000 };
    assert_eq!(call.http[1].answer, HttpAnswer::NotKept(too_large));
    let error = fetch.replay(&call).await.expect_err("not kept").to_string();
    let expected = format!(
        "the call cannot be replayed: `http[1]`, `GET {}/large`, is not in the recording, since of one call at most 2000 bytes of requests and responses are written down",
        server.origin()
    );
    assert_eq!(error, expected);
}

#[tokio::test]
async fn a_server_that_tells_a_secret_unasked_is_not_kept() {
    let server = Server::start(|_| ok(&format!("the key is {SECRET}"))).await;
    let fetch = Fetch::new(&server, "/a", &[]);
    let call = fetch.record().await;
    assert_eq!(
        call.http[0].answer,
        HttpAnswer::NotKept(NotKept::HoldsSecret)
    );
    let http = serde_json::to_string(&call.http).expect("JSON");
    assert!(!http.contains(SECRET), "{http}");
    let error = fetch.replay(&call).await.expect_err("not kept").to_string();
    assert!(
        error.contains("the value of a secret stands in it"),
        "{error}"
    );
}

#[tokio::test]
async fn a_recording_from_before_is_read_and_names_the_request() {
    let server = Server::start(|_| ok("fine")).await;
    let fetch = Fetch::new(&server, "/a", &[]);
    let mut old = serde_json::to_value(fetch.record().await).expect("JSON");
    let fields = old.as_object_mut().expect("an object");
    assert!(fields.remove("http").is_some() && fields.remove("given").is_some());
    let old: RecordedCall = serde_json::from_value(old).expect("an old recording");
    let difference = fetch.differs(&old).await;
    assert_eq!(difference.path, "http[0].request");
    assert_eq!(server.asked().len(), 1, "the replay asked nobody");
}
