//! One corpus index for all: built by one machine, fetched by the others with their own disks, and
//! swapped under them while they work.

use std::fs;

use phagen_domain::{digest::Digest, result::JobResult};
use tokio::time::{Instant, sleep};

use super::{Cluster, database::Way};
use crate::{
    bucket::Bucket,
    data_dir::DataDir,
    plugin::POLL,
    process::{Ended, PATIENCE, Process},
    server::{Server, evidence},
};

const NEWS: &str = r#"{"id": "PMID:99000001", "kind": "literature", "title": "Aspirin and gout in the tests of this house", "text": "Aspirin was effective in gout in this very test.", "citation": "A"}"#;

/// A machine without a corpus and a blob. Its machine code is that of every test, to save its making.
fn machine_with_an_empty_disk() -> DataDir {
    let machine = DataDir::ready();
    empty(&machine);
    machine
}

fn empty(machine: &DataDir) {
    for folder in ["index", "blob"] {
        fs::remove_dir_all(machine.path().join(folder)).expect("its disk is emptied");
    }
}

fn worker(cluster: &Cluster, machine: &DataDir, bucket: &[(&str, &str)]) -> Process {
    let mut process = machine.spawn(&["worker"], &cluster.settings(bucket));
    process.wait_until("the worker works", |stdout| stdout.contains("at a time"));
    process
}

/// Digests of the indexes that were published, the oldest first.
async fn published(cluster: &Cluster) -> Vec<Digest> {
    let mut rows = cluster.database.rows().await;
    let digests: Vec<String> =
        sqlx::query_scalar("select digest from corpus_snapshot order by generation")
            .fetch_all(&mut rows)
            .await
            .expect("the snapshots");
    digests
        .iter()
        .map(|digest| digest.parse().expect("a digest"))
        .collect()
}

/// The first result that was made with this index.
async fn result_with(server: &Server, index: Digest) -> JobResult {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let result = server.analyse("aspirin").await;
        if result.versions.corpus_digest == Some(index) {
            return result;
        }
        assert!(
            Instant::now() < deadline,
            "no result with `{index}`: {:?}",
            result.versions
        );
        sleep(POLL).await;
    }
}

fn has_the_news(result: &JobResult) -> bool {
    evidence(result).any(|ranked| ranked.evidence.evidence_id.as_str() == "PMID:99000001")
}

#[tokio::test]
async fn an_index_is_built_once_fetched_by_all_and_swapped_while_they_work() {
    let bucket = Bucket::named("snapshots");
    bucket.make().await;
    let url = bucket.url();
    let shared = bucket.settings(&url);
    let cluster = Cluster::migrated(Way::Pooled).await;
    // This machine has an index, and no database or bucket knows it yet: it brings it in.
    let server = Server::start_with(
        &cluster.dir,
        &["--workers", "0"],
        &cluster.settings(&shared),
    );
    server.until_ready().await;
    let one = machine_with_an_empty_disk();
    let workers = [worker(&cluster, &one, &shared)];
    let [first] = published(&cluster).await[..] else {
        panic!("one index")
    };
    let before = server.analyse("aspirin").await;
    assert_eq!(before.versions.corpus_digest, Some(first));
    assert!(!has_the_news(&before));
    for worker in &workers {
        let said = worker.to_string();
        assert!(!said.contains("indexed the bundled corpus"), "{said}");
    }

    // A third machine, without guests or workers, adds to it.
    let other = DataDir::empty();
    let file = other.file("news.jsonl", NEWS);
    let import = ["corpus", "import", file.to_str().expect("a name of text")];
    let import = other.spawn(&import, &cluster.settings(&shared));
    let told = import.wait(PATIENCE).expect_success();
    assert!(told.contains("1 added"), "{told}");
    let [_, second] = published(&cluster).await[..] else {
        panic!("two indexes")
    };
    let after = result_with(&server, second).await;
    assert!(has_the_news(&after));
    assert!(after.versions.corpus_generation > before.versions.corpus_generation);

    // With a disk that lost all, the same worker is where the others are before its first job.
    drop(workers);
    empty(&one);
    let _worker = worker(&cluster, &one, &shared);
    let again = server.analyse("aspirin").await;
    assert_eq!(again.versions.corpus_digest, Some(second));
    assert!(evidence(&again).eq(evidence(&after)));
    assert_eq!(published(&cluster).await.len(), 2);
}

#[tokio::test]
async fn of_two_machines_that_start_with_nothing_one_builds() {
    let bucket = Bucket::named("two-starts");
    bucket.make().await;
    let url = bucket.url();
    let shared = bucket.settings(&url);
    let cluster = Cluster::migrated(Way::Direct).await;
    let settings = cluster.settings(&shared);
    let machines = [DataDir::empty(), DataDir::empty()];
    let run = |machine: &DataDir, command: &[&str]| machine.spawn(command, &settings);
    let imports = machines
        .each_ref()
        .map(|machine| run(machine, &["corpus", "import"]));
    let told = imports.map(|import| import.wait(PATIENCE).expect_success());
    let n_builders = told.iter().filter(|told| told.contains("added")).count();
    assert_eq!(n_builders, 1, "{told:?}");
    let [index] = published(&cluster).await[..] else {
        panic!("one index")
    };
    let stats = machines.each_ref().map(|machine| {
        run(machine, &["corpus", "stats"])
            .wait(PATIENCE)
            .expect_success()
    });
    assert_eq!(stats[0], stats[1]);
    assert!(stats[0].contains(&index.to_string()), "{}", stats[0]);
}

#[tokio::test]
async fn machines_that_share_nothing_are_told_what_to_share() {
    let cluster = Cluster::migrated(Way::Direct).await;
    cluster.run(&["corpus", "stats"]).expect_success();
    let file = cluster.dir.file("news.jsonl", NEWS);
    let import = ["corpus", "import", file.to_str().expect("a name of text")];
    cluster.run(&import).expect_success();
    let alone = DataDir::empty();
    let ended: Ended = alone
        .spawn(&["corpus", "stats"], &cluster.settings(&[]))
        .wait(PATIENCE);
    let error = ended.expect_failure();
    assert!(error.contains("`blob.url`"), "{error}");
}
