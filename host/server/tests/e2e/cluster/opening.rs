//! What every command says of a database that it cannot use, and what brings it up to date.

use sqlx::Executor as _;

use super::{Cluster, database::Way};
use crate::{data_dir::DataDir, process::PATIENCE};

#[tokio::test]
async fn migrations_are_asked_for_and_go_past_the_pooler() {
    let cluster = Cluster::empty(Way::Pooled).await;
    for command in [
        &["serve", "--port", "0"][..],
        &["worker"],
        &["plugin", "list"],
    ] {
        let refusal = cluster.run(command).expect_failure();
        for part in ["its schema is 0", "run `phagen migrate`"] {
            assert!(refusal.contains(part), "{refusal}");
        }
    }
    let pooled = [("PHAGEN_DATABASE__URL", cluster.url.as_str())];
    let migrating = cluster.dir.spawn(&["migrate"], &pooled);
    let refusal = migrating.wait(PATIENCE).expect_failure();
    assert!(refusal.contains("a pooler stands in front"), "{refusal}");

    let told = cluster.run(&["migrate"]).expect_success();
    assert!(told.contains("the database was empty"), "{told}");
    let told = cluster.run(&["migrate"]).expect_success();
    assert!(told.contains("already"), "{told}");
    cluster.run(&["plugin", "list"]).expect_success();
}

#[tokio::test]
async fn a_newer_schema_asks_for_an_upgrade() {
    let cluster = Cluster::migrated(Way::Direct).await;
    let newer =
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
        values (29990101000000, 'from the future', true, '', 0)";
    let mut rows = cluster.database.rows().await;
    rows.execute(newer).await.expect("a newer schema");
    for command in [&["serve", "--port", "0"][..], &["worker"], &["migrate"]] {
        let refusal = cluster.run(command).expect_failure();
        assert!(refusal.contains("upgrade phagen"), "{refusal}");
    }
}

/// Debian 12 has such a one, and it would hand one client's answers to another.
#[tokio::test]
async fn an_old_pooler_is_refused_with_cause_and_fix() {
    let cluster = Cluster::migrated(Way::OldPooled).await;
    for command in [&["serve", "--port", "0"][..], &["worker"]] {
        let refusal = cluster.run(command).expect_failure();
        for part in [
            "cannot open the database",
            "mixes up the prepared statements of its clients",
            "pgBouncer 1.21 or newer",
            "`max_prepared_statements`",
        ] {
            assert!(refusal.contains(part), "{refusal}");
        }
    }
}

#[test]
fn an_address_is_told_without_its_password() {
    let dir = DataDir::empty();
    let settings = [
        (
            "PHAGEN_DATABASE__URL",
            "postgres://ada:s3cret@127.0.0.1:1/phagen",
        ),
        ("PHAGEN_LOG__FILTER", "trace"),
    ];
    for command in [&["serve", "--port", "0"][..], &["worker"], &["migrate"]] {
        let ended = dir.spawn(command, &settings).wait(PATIENCE);
        assert!(!ended.stdout.contains("s3cret"), "{ended:?}");
        let refusal = ended.expect_failure();
        assert!(refusal.contains("127.0.0.1:1/phagen"), "{refusal}");
        assert!(!refusal.contains("s3cret"), "{refusal}");
    }
}

#[test]
fn sqlite_migrates_itself() {
    let dir = DataDir::empty();
    let told = dir.run(&["migrate"]).expect_success();
    assert!(told.contains("migrates itself"), "{told}");
}

#[test]
fn a_worker_process_needs_a_worker() {
    let dir = DataDir::empty();
    let refusal = dir.run(&["worker", "--count", "0"]).expect_failure();
    assert!(refusal.contains("`--count`"), "{refusal}");
}
