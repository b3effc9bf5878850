//! Kept answers are forgotten by whoever may, and a tier that is gone is told and waited for by
//! nobody.

use std::sync::Arc;

use phagen_cache::{Cache, CacheSettings, RedisSettings, RedisTier};
use phagen_domain::clock::FixedClock;
use phagen_server::config::Operators;
use phagen_store::Store as _;
use phagen_store_sqlite::SqliteStore;
use serde_json::{Value, json};

use crate::common::{Rules, TestApp, noon};

const PATH: &str = "/api/cache/invalidate";

async fn with(answers: Cache) -> TestApp {
    TestApp::with(Rules {
        answers,
        ..Rules::default()
    })
    .await
}

fn clock() -> Arc<FixedClock> {
    Arc::new(FixedClock(noon()))
}

/// Over a Redis that nobody started.
async fn over_nothing() -> Cache {
    let settings = RedisSettings {
        url: "redis://127.0.0.1:1".to_owned(),
        prefix: "test".to_owned(),
        roots: None,
        timeout: CacheSettings::TIER_TIMEOUT,
    };
    let tier = RedisTier::open(&settings).expect("an address");
    Cache::over(CacheSettings::default(), clock(), Arc::new(tier)).await
}

#[tokio::test]
async fn forgetting_says_how_far_it_reached() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(&folder.path().join("phagen.db")).await;
    let tier = store.expect("a database").cache_tier(1024).expect("a tier");
    let settings = CacheSettings::default;
    for (answers, reach) in [
        (Cache::off(), "nowhere"),
        (Cache::new(settings(), clock()), "this_process"),
        (
            Cache::over(settings(), clock(), tier).await,
            "every_process",
        ),
    ] {
        let app = with(answers).await;
        for body in [
            json!({}),
            json!({ "source": "clinical" }),
            json!({ "molecule": "aspirin", "source": null }),
        ] {
            let answer = app.post(PATH, &body).await;
            assert_eq!(
                (answer.status, answer.json()),
                (200, json!({ "reach": reach }))
            );
        }
        let rows = app.get("/api/audit?after=7").await.json();
        let rows = rows["items"].as_array().expect("rows").iter();
        let told: Vec<[&Value; 3]> = rows
            .map(|row| [&row["action"], &row["subject"], &row["actor"]])
            .collect();
        let expected = ["all", "source \"clinical\"", "molecule \"aspirin\""]
            .map(|subject| json!(["cache.invalidate", subject, "local"]));
        assert_eq!(json!(told), json!(expected), "after the slots of the tests");
    }
}

#[tokio::test]
async fn what_to_forget_is_one_thing_or_all() {
    let app = TestApp::start().await;
    for (body, field) in [
        (
            json!({ "source": "clinical", "molecule": "aspirin" }),
            "molecule",
        ),
        (json!({ "source": " " }), "source"),
        (json!({ "molecule": "x".repeat(301) }), "molecule"),
        (json!({ "everything": true }), "everything"),
    ] {
        let answer = app.post(PATH, &body).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert!(answer.text.contains(field), "{}", answer.text);
    }
    let longest = json!({ "molecule": "x".repeat(300) });
    assert_eq!(app.post(PATH, &longest).await.status, 200);
}

#[tokio::test]
async fn only_an_operator_forgets() {
    let app = TestApp::with(Rules {
        operators: Operators::default().with("ada", "a-1"),
        ..Rules::default()
    })
    .await;
    assert_eq!(app.post(PATH, &json!({})).await.status, 401);
}

#[tokio::test]
async fn without_redis_it_is_ready_and_degraded_and_forgets_for_itself_alone() {
    let app = with(over_nothing().await).await;
    let ready = app.get("/ready").await;
    assert_eq!(
        (ready.status, &ready.json()["status"]),
        (200, &json!("degraded"))
    );
    let reasons = json!(["`redis`: does not answer; nothing waits for it"]);
    assert_eq!(ready.json()["reasons"], reasons);
    let answer = app.post(PATH, &json!({})).await;
    let body: Value = answer.json();
    assert_eq!(
        (answer.status, &body["type"]),
        (503, &json!("/problems/unavailable"))
    );
    let detail = body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("only this process forgot"), "{detail}");
}
