//! Machines with a disk each, one database and one bucket: what is uploaded to one serves on the
//! other, and an outage of the bucket takes nothing back.

use std::{fs, time::Instant};

use phagen_domain::{digest::Digest, result::JobResult};
use serde_json::json;

use super::{Cluster, database};
use crate::{
    bucket::{Bucket, Way},
    data_dir::DataDir,
    plugin::{guest, in_slot, reranked_by, reranker_version},
    process::{PATIENCE, Process},
    server::Server,
};

const RERANKER: &str = "evidence-reranker";
const SECOND: &str = "second-mapper";

/// A worker on a machine of its own, which reaches the bucket by this way.
fn worker(cluster: &Cluster, machine: &DataDir, bucket: &Bucket, way: &Way) -> Process {
    let (bucket, url) = (bucket.by(&way.address), bucket.url());
    let settings = cluster.settings(&bucket.settings(&url));
    let mut process = machine.spawn(&["worker"], &settings);
    process.wait_until("the worker works", |stdout| stdout.contains("phagen works"));
    process
}

fn has_slot(result: &JobResult, name: &str) -> bool {
    let mut slots = result.versions.slots.iter();
    slots.any(|slot| slot.slot.as_str() == name)
}

/// The way to the bucket is a task, beside a thread that waits for processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_the_bucket_delays_a_swap_and_takes_nothing_back() {
    let bucket = Bucket::named("swap");
    bucket.make().await;
    let url = bucket.url();
    let cluster = Cluster::migrated(database::Way::Direct).await;
    let settings = cluster.settings(&bucket.settings(&url));
    let server = Server::start_with(&cluster.dir, &["--workers", "0"], &settings);
    let machine = DataDir::ready();
    let mut way = Way::to(bucket.authority()).await;
    let mut worker = worker(&cluster, &machine, &bucket, &way);
    let [old, new] = ["9.9.8", "9.9.9"].map(reranker_version);
    let [old_digest, new_digest] = [&old, &new].map(|component| Digest::of(component));
    // The worker takes both through their gates: it has fetched them from the bucket.
    for component in [&old, &new] {
        let version = server.upload(RERANKER, component).await;
        assert_eq!(version["state"], "checked", "{version}");
    }
    let mapper = guest("unruly_mapper");
    server.upload("unruly-mapper", &mapper).await;
    let version = format!(
        "/api/plugins/unruly-mapper/versions/{}",
        Digest::of(&mapper)
    );
    let second = json!({
        "slot": SECOND,
        "reason": "a mapper beside the built-in one",
        "config": [{ "key": "mode", "value": "ok" }],
    });
    let answer = server.post(&format!("{version}/activate"), &second).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let order = in_slot("reranker");
    server.moves(RERANKER, old_digest, "activate", &order).await;
    let before = server.analyse("aspirin").await;
    assert_eq!(reranked_by(&before), old_digest);
    assert!(has_slot(&before, SECOND), "{:?}", before.versions);

    way.cut().await;
    fs::remove_dir_all(machine.path().join("blob")).expect("its disk is emptied");
    let path = format!("/api/plugins/{RERANKER}/versions/{new_digest}/activate");
    let answer = server.post(&path, &order).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    worker.wait_until_told("the swap waits", |words| {
        words.contains("slot `reranker` waits")
    });
    assert_eq!(reranked_by(&server.analyse("metformin").await), old_digest);
    // One slot waits, and the others follow: here is one that goes.
    let reason = json!({ "reason": "a test takes it out" });
    let answer = server.post(&format!("{version}/quarantine"), &reason).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let begun = Instant::now();
    while has_slot(&server.analyse("cisplatin").await, SECOND) {
        assert!(begun.elapsed() < PATIENCE, "the worker does not follow");
    }
    let slot = server.slot("reranker").await;
    assert_eq!(slot["plugin_digest"], new_digest.to_string(), "{slot}");

    way.mend().await;
    server.followed().await;
    assert_eq!(reranked_by(&server.analyse("tamoxifen").await), new_digest);
}
