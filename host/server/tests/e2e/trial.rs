//! Versions on trial: compared on live jobs, promoted when they do as well.

use phagen_domain::digest::Digest;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    data_dir::DataDir,
    plugin::{guest, in_slot, reranked_by, reranker_version},
    process::PATIENCE,
    server::{Server, evidence},
};

const RERANKER: &str = "evidence-reranker";
const MOLECULES: [&str; 5] = [
    "aspirin",
    "metformin",
    "cisplatin",
    "tamoxifen",
    "dexamethasone",
];

/// Without a cache every job calls its guests.
fn start(dir: &DataDir) -> Server {
    Server::start_with(dir, &[], &[("PHAGEN_CACHE__ENABLED", "false")])
}

async fn report_with(server: &Server, name: &str, digest: Digest, n_seen: u64) -> Value {
    let path = format!("/api/plugins/{name}/versions/{digest}/trial?slot=reranker");
    let begun = Instant::now();
    loop {
        let answer = server.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let report = answer.json();
        let n =
            report["n_compared"].as_u64().unwrap_or(0) + report["n_failed"].as_u64().unwrap_or(0);
        if n >= n_seen {
            return report;
        }
        assert!(begun.elapsed() < PATIENCE, "{report}");
        sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_shadow_is_compared_on_live_jobs_and_promoted_when_it_agrees() {
    let dir = DataDir::ready();
    let server = start(&dir);
    let component = reranker_version("9.9.9");
    let digest = Digest::of(&component);
    server.upload(RERANKER, &component).await;
    let order = json!({ "slot": "reranker", "share": 1.0, "reason": "a test" });
    server.moves(RERANKER, digest, "shadow", &order).await;
    assert_eq!(server.version(RERANKER, digest).await["state"], "shadow");

    let first = server.submit("aspirin").await;
    let result = server.result_of(first).await;
    assert_ne!(reranked_by(&result), digest, "a shadow serves nothing");
    for ranked in evidence(&result).take(4) {
        assert_eq!(server.vote(first, ranked, "upvote").await.status, 201);
    }
    // Too few jobs yet: promotion has to be forced, and force needs a reason.
    report_with(&server, RERANKER, digest, 1).await;
    let promote = format!("/api/plugins/{RERANKER}/versions/{digest}/promote");
    let refused = server.post(&promote, &in_slot("reranker")).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(refused.text.contains("jobs compared"), "{}", refused.text);

    for turn in 0..20 {
        server.analyse(MOLECULES[turn % MOLECULES.len()]).await;
    }
    let report = report_with(&server, RERANKER, digest, 21).await;
    let agreement = &report["agreement"];
    assert_eq!(agreement["kendall_tau"], 1.0, "{report}");
    assert_eq!(agreement["overlap_at_10"], 1.0, "{report}");
    assert_eq!(agreement["max_score_change"], 0.0, "{report}");
    assert_eq!(report["votes"]["n_jobs"], 1, "{report}");
    let votes = &report["votes"];
    assert_eq!(
        votes["serving_ndcg_at_10"], votes["candidate_ndcg_at_10"],
        "{report}"
    );
    // How late it may answer is not this test's to judge on a busy machine.
    let others = report["shortfalls"].as_array().expect("shortfalls").iter();
    let others = others.filter(|what| !what.to_string().contains("latency"));
    assert_eq!(others.count(), 0, "{report}");
    let order = json!({ "slot": "reranker", "reason": "it agrees", "force": true });
    server.moves(RERANKER, digest, "promote", &order).await;
    assert_eq!(reranked_by(&server.analyse("aspirin").await), digest);
}

#[tokio::test]
async fn a_canary_serves_its_share_and_is_withdrawn_when_it_fails() {
    let dir = DataDir::ready();
    let server = start(&dir);
    let component = guest("unruly_reranker");
    let digest = Digest::of(&component);
    server.upload("unruly-reranker", &component).await;
    let order = |mode: &str| {
        json!({
            "slot": "reranker", "share": 1.0, "reason": "a test",
            "config": [{ "key": "mode", "value": mode }],
        })
    };
    server
        .moves("unruly-reranker", digest, "canary", &order("ok"))
        .await;
    assert_eq!(reranked_by(&server.analyse("aspirin").await), digest);
    let report = report_with(&server, "unruly-reranker", digest, 1).await;
    assert_eq!(report["mode"], "canary");
    // Titles by their length are another order than the model's.
    assert!(
        report["agreement"]["kendall_tau"]
            .as_f64()
            .is_some_and(|tau| tau < 0.9),
        "{report}"
    );

    server
        .moves("unruly-reranker", digest, "canary", &order("trap"))
        .await;
    for turn in 0..6 {
        let result = server.analyse(MOLECULES[turn % MOLECULES.len()]).await;
        assert!(evidence(&result).count() > 0);
    }
    let begun = Instant::now();
    while server.slot("reranker").await["candidate"] != Value::Null {
        assert!(begun.elapsed() < PATIENCE);
        sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(
        server.version("unruly-reranker", digest).await["state"],
        "quarantined"
    );
    server.followed().await;
    assert!(!server.analyse("aspirin").await.degraded);
}
