//! From one machine to many: all that SQLite held, in Postgres, or nothing of it.

use phagen_domain::digest::Digest;
use phagen_store::conformance::filled;
use phagen_store_sqlite::SqliteStore;
use sqlx::Executor as _;

use super::{Cluster, database::Way};
use crate::{
    plugin::{in_slot, reranked_by, reranker_version},
    server::Server,
};

const RERANKER: &str = "evidence-reranker";

/// A SQLite file with something in each of its tables, and the names of these.
async fn filled(cluster: &Cluster) -> (String, Vec<String>) {
    let file = cluster.dir.path().join("filled.db");
    let store = SqliteStore::open(&file).await.expect("a store");
    filled::fill(&store).await;
    let tables = store.export().await.expect("a copy").tables().await;
    store.close().await;
    let file = file.to_str().expect("a name of text").to_owned();
    (file, tables.expect("the tables"))
}

#[tokio::test]
async fn every_row_of_every_table_arrives() {
    let cluster = Cluster::migrated(Way::Pooled).await;
    let (file, tables) = filled(&cluster).await;
    let copied = cluster.run(&["db", "copy", "--from", &file]);
    let told = copied.expect_success();
    for table in &tables {
        let line = told
            .lines()
            .find(|line| line.split_whitespace().next() == Some(table));
        let line = line.unwrap_or_else(|| panic!("no `{table}` in {told}"));
        let n_rows = line.split_whitespace().nth(1);
        assert_ne!(n_rows, Some("0"), "{line}: fill it in `filled.rs`");
    }
    assert!(told.contains("read back the same"), "{told}");

    // What holds rows is not written over.
    let refusal = cluster
        .run(&["db", "copy", "--from", &file])
        .expect_failure();
    assert!(refusal.contains("holds rows already"), "{refusal}");
}

#[tokio::test]
async fn a_copy_goes_on_where_one_machine_left_off() {
    let cluster = Cluster::migrated(Way::Pooled).await;
    let server = Server::start(&cluster.dir);
    let component = reranker_version("9.9.9");
    let digest = Digest::of(&component);
    server.upload(RERANKER, &component).await;
    server
        .moves(RERANKER, digest, "activate", &in_slot("reranker"))
        .await;
    let job = server.submit("aspirin").await;
    let before = server.result_of(job).await;
    server
        .end_by("TERM", crate::process::PATIENCE)
        .expect_success();
    cluster.run(&["db", "copy"]).expect_success();

    let server = cluster.serve();
    let _worker = cluster.worker(&[]);
    assert_eq!(server.result_of(job).await, before);
    assert_eq!(reranked_by(&server.analyse("metformin").await), digest);
    // What is numbered goes on counting.
    let component = reranker_version("9.9.10");
    let version = server.upload(RERANKER, &component).await;
    assert_eq!(version["state"], "checked", "{version}");
}

#[tokio::test]
async fn what_does_not_read_back_as_it_was_is_not_kept() {
    let cluster = Cluster::migrated(Way::Direct).await;
    let (file, _) = filled(&cluster).await;
    let mut rows = cluster.database.rows().await;
    let forger = "create function forge() returns trigger language plpgsql
            as $$ begin new.name = upper(new.name); return new; end $$;
        create trigger forger before insert on artifact for each row execute function forge();";
    rows.execute(forger).await.expect("a forger");
    let refusal = cluster
        .run(&["db", "copy", "--from", &file])
        .expect_failure();
    for part in ["`artifact` did not come over whole", "nothing was kept"] {
        assert!(refusal.contains(part), "{refusal}");
    }
    let kept: bool = sqlx::query_scalar("select exists (select from job)")
        .fetch_one(&mut rows)
        .await
        .expect("an answer");
    assert!(!kept, "rows were kept");
}

#[tokio::test]
async fn a_copy_needs_both_ends() {
    let cluster = Cluster::empty(Way::Direct).await;
    let absent = ["db", "copy", "--from", "absent.db"];
    let refusal = cluster.run(&absent).expect_failure();
    assert!(refusal.contains("`absent.db`"), "{refusal}");
    let refusal = cluster.run(&["db", "copy"]).expect_failure();
    assert!(refusal.contains("run `phagen migrate`"), "{refusal}");
    let refusal = cluster.dir.run(&["db", "copy"]).expect_failure();
    assert!(refusal.contains("`--to`"), "{refusal}");
}
