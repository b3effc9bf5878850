//! Votes over the API → `train reranker` → `model promote` → the next job of the running server.

use std::collections::BTreeMap;

use phagen_domain::{
    evidence::{EvidenceId, EvidenceKind},
    result::JobResult,
};

use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::{
    data_dir::DataDir,
    process::PATIENCE,
    server::{Server, evidence},
};

const MOLECULES: [&str; 5] = [
    "aspirin",
    "metformin",
    "cisplatin",
    "tamoxifen",
    "dexamethasone",
];

#[tokio::test]
async fn votes_train_a_reranker_that_the_running_server_then_serves() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    let before = server.analyse("aspirin").await;
    let n_votes = vote_for_literature(&server).await;
    assert!(n_votes >= 50, "{n_votes} votes");

    let trained = dir.run(&["train", "reranker"]).expect_success();
    assert!(
        trained.contains(&format!("{n_votes} votes: {n_votes} used")),
        "{trained}"
    );
    for expected in ["serving until now", "trained", "nDCG@10", "pair accuracy"] {
        assert!(trained.contains(expected), "no `{expected}` in {trained}");
    }
    let digest = trained
        .lines()
        .find_map(|line| line.strip_prefix("artifact "))
        .expect("the digest of the artifact");

    // Trained is not serving.
    assert_eq!(
        artifact_of(&server.analyse("aspirin").await),
        artifact_of(&before)
    );
    let list = dir.run(&["model", "list"]).expect_success();
    assert!(
        line_with(&list, "reranker-default").starts_with('*'),
        "{list}"
    );
    assert!(line_with(&list, digest).starts_with(' '), "{list}");

    dir.run(&["model", "promote", digest]).expect_success();
    server.followed().await;
    let list = dir.run(&["model", "list"]).expect_success();
    assert!(line_with(&list, digest).starts_with('*'), "{list}");
    assert!(
        line_with(&list, "reranker-default").starts_with(' '),
        "{list}"
    );
    assert_literature_gained(&dir.run(&["model", "stats"]).expect_success());

    let after = server.analyse("aspirin").await;
    assert!(artifact_of(&after).starts_with(digest), "{after:?}");
    let plugins = server.get("/api/plugins").await.json();
    let slots = plugins["items"].as_array().unwrap();
    let reranker = slots
        .iter()
        .find(|slot| slot["slot"] == "reranker")
        .unwrap();
    assert_eq!(reranker["artifact_digest"], artifact_of(&after));
    assert_eq!(reranker["generation"], 2);
    assert_literature_rose(&before, &after);
}

#[tokio::test]
async fn a_worker_trains_by_itself_and_leaves_it_to_an_operator_to_promote() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    let n_votes = vote_for_literature(&server).await;
    server.end_by("TERM", PATIENCE).expect_success();
    let list = dir.run(&["model", "list"]).expect_success();
    assert_eq!(list.lines().count(), 2, "{list}");

    // Too few of them are left for another time, and its tick is taken.
    let asks_for_more = (n_votes + 1).to_string();
    let scheduled = [
        ("PHAGEN_TRAINING__EVERY_HOURS", "1"),
        ("PHAGEN_TRAINING__MIN_NEW_VOTES", asks_for_more.as_str()),
    ];
    let server = Server::start_with(&dir, &[], &scheduled);
    let told = format!("{n_votes} new votes, and {asks_for_more} are asked for");
    server.told(&told).await;
    server.end_by("TERM", PATIENCE).expect_success();
    forget_tick(&dir).await;

    let scheduled = [("PHAGEN_TRAINING__EVERY_HOURS", "1")];
    let server = Server::start_with(&dir, &[], &scheduled);
    server
        .told(&format!("on {n_votes} new votes, nDCG@10"))
        .await;
    let list = dir.run(&["model", "list"]).expect_success();
    assert_eq!(list.lines().count(), 3, "{list}");
    assert!(
        line_with(&list, "reranker-default").starts_with('*'),
        "it serves by itself: {list}"
    );
    let audit = server.get("/api/audit?limit=1000").await.json();
    let rows = audit["items"].as_array().expect("rows");
    let last = rows.iter().rfind(|row| row["action"] == "model.record");
    let last = last.expect("a row");
    assert_eq!(last["actor"], "host");
    let digest = last["subject"].as_str().expect("a digest");
    assert!(list.contains(&digest[..12]), "{digest} in {list}");
    // Whoever asks next finds nothing new.
    server.end_by("TERM", PATIENCE).expect_success();
    forget_tick(&dir).await;
    let server = Server::start_with(&dir, &[], &scheduled);
    server.told("0 new votes, and 20 are asked for").await;
    dir.run(&["model", "promote", digest]).expect_success();
    server.followed().await;
    let after = server.analyse("aspirin").await;
    assert_eq!(artifact_of(&after), digest);
}

/// As if its hour had passed.
async fn forget_tick(dir: &DataDir) {
    let options = SqliteConnectOptions::new().filename(dir.path().join("phagen.db"));
    let mut rows = SqliteConnection::connect_with(&options)
        .await
        .expect("the database opens");
    let forgotten = sqlx::query("delete from tick where chore = 'train-reranker'")
        .execute(&mut rows)
        .await
        .expect("the rows change");
    assert_eq!(forgotten.rows_affected(), 1, "nobody took the tick");
}

#[tokio::test]
async fn training_without_votes_says_what_is_missing_and_changes_nothing() {
    let dir = DataDir::ready();
    let error = dir.run(&["train", "reranker"]).expect_failure();
    assert!(error.contains("an upvote and a downvote"), "{error}");
    let list = dir.run(&["model", "list"]).expect_success();
    assert_eq!(list.lines().count(), 2, "{list}");
    let error = dir
        .run(&["model", "promote", "nothing-like-it"])
        .expect_failure();
    assert!(error.contains("`nothing-like-it`"), "{error}");
}

/// Upvotes all literature and downvotes all labels.
async fn vote_for_literature(server: &Server) -> usize {
    let mut n_votes = 0;
    for molecule in MOLECULES {
        let id = server.submit(molecule).await;
        let result = server.result_of(id).await;
        for (kind, vote) in [
            (EvidenceKind::Literature, "upvote"),
            (EvidenceKind::Regulatory, "downvote"),
        ] {
            for ranked in result.evidence.get(&kind).into_iter().flatten() {
                let answer = server.vote(id, ranked, vote).await;
                assert_eq!(answer.status, 201, "{}", answer.text);
                n_votes += 1;
            }
        }
    }
    n_votes
}

fn artifact_of(result: &JobResult) -> String {
    let digest = result.reranking.artifact_digest;
    digest.expect("the reranker has weights").to_string()
}

fn line_with<'a>(text: &'a str, word: &str) -> &'a str {
    text.lines()
        .find(|line| line.contains(word))
        .unwrap_or_else(|| panic!("no line with `{word}` in {text}"))
}

/// Two weights of a line such as `literature  0.1000  0.3000`.
fn weights(stats: &str, kind: &str) -> (f64, f64) {
    let line = line_with(stats, kind);
    let mut numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
    let mut next = || {
        numbers
            .next()
            .unwrap_or_else(|| panic!("no weight in `{line}`"))
    };
    (next(), next())
}

fn assert_literature_gained(stats: &str) {
    let (literature_before, literature_after) = weights(stats, "literature");
    let (regulatory_before, regulatory_after) = weights(stats, "regulatory");
    assert!(
        literature_after - regulatory_after > literature_before - regulatory_before,
        "{stats}"
    );
    assert!(literature_after > literature_before, "{stats}");
    assert!(regulatory_after < regulatory_before, "{stats}");
}

fn scores(result: &JobResult) -> BTreeMap<&EvidenceId, f32> {
    evidence(result)
        .map(|ranked| (&ranked.evidence.evidence_id, ranked.score))
        .collect()
}

/// Pairs of an abstract and a label in which the abstract scores higher.
fn n_pairs_for_literature(result: &JobResult) -> usize {
    let of = |kind| result.evidence.get(&kind).into_iter().flatten();
    of(EvidenceKind::Literature)
        .flat_map(|article| of(EvidenceKind::Regulatory).map(move |label| (article, label)))
        .filter(|(article, label)| article.score > label.score)
        .count()
}

fn assert_literature_rose(before: &JobResult, after: &JobResult) {
    let (scores_before, scores_after) = (scores(before), scores(after));
    assert_eq!(
        scores_before.keys().collect::<Vec<_>>(),
        scores_after.keys().collect::<Vec<_>>(),
        "the same evidence, in another order"
    );
    assert_ne!(scores_before, scores_after);
    assert!(n_pairs_for_literature(after) > n_pairs_for_literature(before));
}
