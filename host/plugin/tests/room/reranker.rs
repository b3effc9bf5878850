//! Rerankers, and the determinism of the engine they run in.

use std::time::Instant;

use phagen_domain::{evidence::Candidate, query::Query};
use phagen_plugin::{PluginError, Reranked};

use crate::common::{DEADLINE, Room, SLACK, candidate, day, query};

fn candidates() -> Vec<Candidate> {
    ["One", "Two and more", ""]
        .iter()
        .zip(1..)
        .map(|(title, pmid)| candidate(pmid, title))
        .collect()
}

async fn failure(room: &Room, mode: &str) -> PluginError {
    let error = room.reranker(mode).rerank(&query(), &candidates()).await;
    let next = room.reranker("ok").rerank(&query(), &candidates()).await;
    assert!(next.is_ok(), "the next call works");
    error.expect_err(mode)
}

#[tokio::test]
async fn names_features_and_scores_come_of_one_call() {
    let reranker = Room::new().reranker("ok");
    let reranked = reranker
        .rerank(&query(), &candidates())
        .await
        .expect("scores");
    assert_eq!(
        reranked,
        Reranked {
            feature_names: vec!["title_length".to_owned()],
            features: vec![vec![3.0], vec![12.0], vec![0.0]],
            scores: vec![3.0, 12.0, 0.0],
        }
    );
    let none = reranker.rerank(&query(), &[]).await.expect("no scores");
    assert!(none.scores.is_empty() && none.features.is_empty());
}

#[tokio::test]
async fn what_is_not_one_finite_number_each_is_refused() {
    let room = Room::new();
    for (mode, what) in [
        (
            "short",
            "`rerank` answered against the contract: 2 features for 3 candidates and 1 names",
        ),
        ("long", "4 features for 3 candidates and 1 names"),
        ("nan", "feature `title_length` of candidate 2 is NaN"),
        ("infinite", "feature `title_length` of candidate 2 is inf"),
    ] {
        let error = failure(&room, mode).await;
        assert_eq!(error.code(), "plugin_invalid_output");
        assert!(error.to_string().ends_with(what), "{error}");
    }
    // Rows cross as one list: the SDK looks at each before.
    let error = failure(&room, "ragged").await;
    assert_eq!(error.code(), "plugin_failed");
    assert!(
        error
            .to_string()
            .contains("row 2 of the features has 0 values for 1 names"),
        "{error}"
    );
}

#[tokio::test]
async fn faults_of_scoring_guests_have_their_kinds() {
    let room = Room::hasty();
    for (mode, code) in [
        ("memory", "plugin_memory"),
        ("trap", "plugin_trap"),
        ("fail", "plugin_failed"),
        ("loop", "plugin_timeout"),
    ] {
        let started = Instant::now();
        assert_eq!(failure(&room, mode).await.code(), code);
        assert!(started.elapsed() < DEADLINE + SLACK);
    }
}

#[tokio::test]
async fn scoring_guests_have_no_time_and_chance_of_their_own() {
    let room = Room::new();
    let reranker = room.reranker("random");
    let query = query();
    let rerank = async |query| reranker.rerank(query, &candidates()).await.expect("scores");
    let first = rerank(&query).await.scores;
    assert_eq!(rerank(&query).await.scores, first);
    // Another host, another process: the same.
    let elsewhere = Room::new().reranker("random");
    let again = elsewhere
        .rerank(&query, &candidates())
        .await
        .expect("scores");
    assert_eq!(again.scores, first);

    // Days since 1970.
    assert!((first[0] - 20_779.0).abs() < f32::EPSILON, "{first:?}");
    let a_year_before = Query {
        as_of: day(2025),
        ..query.clone()
    };
    let earlier = rerank(&a_year_before).await.scores;
    assert!((earlier[0] - 20_414.0).abs() < f32::EPSILON, "{earlier:?}");
    assert_eq!(earlier[1..], first[1..]);
}
