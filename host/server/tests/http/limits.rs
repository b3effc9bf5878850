//! How much one caller may ask for, and all of them together.

use phagen_server::{config::Operators, http::HttpLimits};
use reqwest::Method;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{Duration, Instant, sleep, timeout},
};

use crate::common::{Answer, PATIENCE, Rules, TestApp, broken::How, quick_limits};

async fn with_two_keys(limits: HttpLimits) -> TestApp {
    TestApp::with(Rules {
        limits,
        operators: Operators::default()
            .with("ada", "k-ada")
            .with("bob", "k-bob"),
        ..Rules::default()
    })
    .await
}

async fn by(app: &TestApp, key: &str) -> Answer {
    Answer::to(app.request(Method::GET, "/api/jobs").bearer_auth(key)).await
}

#[tokio::test]
async fn a_caller_who_asks_too_often_is_told_when_to_come_back() {
    let app = with_two_keys(HttpLimits {
        requests_per_second: 1,
        burst: 3,
        ..quick_limits()
    })
    .await;
    let begun = Instant::now();
    let mut answers = Vec::new();
    // At one token a second, as many requests at once as no wait can pay for.
    while answers.iter().all(|answer: &Answer| answer.status == 200) {
        answers.push(by(&app, "k-ada").await);
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "no limit was hit"
        );
    }
    let refused = answers.pop().unwrap();
    assert!(answers.len() >= 3, "the burst comes first");
    assert!(
        refused.problem().starts_with("429 /problems/rate-limited"),
        "{}",
        refused.text
    );
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("ratelimit-limit"), Some("3"));
    assert_eq!(refused.header("ratelimit-remaining"), Some("0"));
    let first = &answers[0];
    assert_eq!(first.header("ratelimit-remaining"), Some("2"));
    assert_eq!(first.header("ratelimit-reset"), Some("1"));
    // Another key and a caller without one have their own, and probes need none.
    assert_eq!(by(&app, "k-bob").await.status, 200);
    assert_eq!(app.get("/api/jobs").await.status, 200);
    for _ in 0..5 {
        let health = app.get("/health").await;
        assert_eq!(
            (health.status, health.header("ratelimit-limit")),
            (200, None)
        );
    }
}

#[tokio::test]
async fn guessing_keys_costs_the_address() {
    let app = with_two_keys(HttpLimits {
        requests_per_second: 1,
        burst: 2,
        ..quick_limits()
    })
    .await;
    let begun = Instant::now();
    let mut statuses = Vec::new();
    while !statuses.contains(&429) {
        statuses.push(by(&app, "wrong").await.status);
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "no limit was hit"
        );
    }
    assert!(statuses.starts_with(&[401, 401]), "{statuses:?}");
    assert_eq!(by(&app, "k-ada").await.status, 200, "a good key goes on");
}

#[tokio::test]
async fn more_requests_than_there_are_places_are_turned_away() {
    let limits = HttpLimits {
        n_in_flight: 2,
        ..quick_limits()
    };
    let app = TestApp::broken(How::Hangs, limits).await;
    let mut stuck = JoinSet::new();
    for _ in 0..2 {
        let request = app.request(Method::GET, "/api/jobs");
        stuck.spawn(async move { drop(request.send().await) });
    }
    let begun = Instant::now();
    let refused = loop {
        // One that is let in hangs like the others, so it is given up.
        let request = app
            .request(Method::GET, "/api/nowhere")
            .timeout(Duration::from_secs(10));
        let answer = Answer::to(request).await;
        if answer.status == 503 {
            break answer;
        }
        assert_eq!(answer.status, 404);
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "no limit was hit"
        );
        sleep(Duration::from_millis(10)).await;
    };
    assert!(
        refused.problem().starts_with("503 /problems/overloaded"),
        "{}",
        refused.text
    );
    assert!(refused.header("retry-after").is_some());
    assert_eq!(app.get("/health").await.status, 200);
    stuck.abort_all();
    // A place that its caller gave up is free again.
    loop {
        if app.get("/api/nowhere").await.status == 404 {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "places stay taken"
        );
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn headers_past_their_limit_are_refused() {
    let app = TestApp::start().await;
    let answers = |n_headers: usize, length: usize| {
        let mut request =
            b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n".to_vec();
        for n in 0..n_headers {
            request.extend(format!("x-{n}: {}\r\n", "v".repeat(length)).bytes());
        }
        request.extend(b"\r\n");
        let app = &app;
        async move {
            let answer = app.raw(&request).await;
            answer.lines().next().unwrap_or_default().to_owned()
        }
    };
    assert!(answers(90, 10).await.contains("200"));
    assert!(answers(200, 10).await.contains("431"), "too many");
    assert!(answers(1, 60_000).await.contains("200"));
    assert!(answers(1, 70_000).await.contains("431"), "too long");
    assert!(app.get("/health").await.status == 200, "and goes on");
}

#[tokio::test]
async fn a_connection_past_the_limit_waits_for_a_place() {
    let app = TestApp::with_limits(HttpLimits {
        n_connections: 1,
        ..HttpLimits::default()
    })
    .await;
    let held = TcpStream::connect(app.address)
        .await
        .expect("the one place");
    let next = app.get("/health");
    tokio::pin!(next);
    let early = timeout(Duration::from_millis(200), next.as_mut()).await;
    assert!(early.is_err(), "the place is taken");
    drop(held);
    assert_eq!(next.await.status, 200);
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let app = TestApp::with_limits(HttpLimits {
        head_timeout: Duration::from_millis(50),
        ..HttpLimits::default()
    })
    .await;
    let mut socket = TcpStream::connect(app.address).await.expect("a connection");
    socket.write_all(b"GET /hea").await.expect("half a head");
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
    read.expect("closed in time").expect("an end");
    let told = String::from_utf8_lossy(&answer);
    assert!(told.is_empty() || told.contains("408"), "{told}");
}
