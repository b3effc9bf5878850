//! Machines with a disk each, one database and one bucket: what is uploaded to one serves on the
//! other, and an outage of the bucket takes nothing back.

use std::fs;

use phagen_domain::digest::Digest;

use super::{Cluster, database};
use crate::{
    bucket::{Bucket, Way},
    data_dir::DataDir,
    plugin::{in_slot, reranked_by, reranker_version},
    process::Process,
    server::Server,
};

const RERANKER: &str = "evidence-reranker";

/// A worker on a machine of its own, which reaches the bucket by this way.
fn worker(cluster: &Cluster, machine: &DataDir, bucket: &Bucket, way: &Way) -> Process {
    let (bucket, url) = (bucket.by(&way.address), bucket.url());
    let settings = cluster.settings(&bucket.settings(&url));
    let mut process = machine.spawn(&["worker"], &settings);
    process.wait_until("the worker works", |stdout| stdout.contains("phagen works"));
    process
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
    let order = in_slot("reranker");
    server.moves(RERANKER, old_digest, "activate", &order).await;
    assert_eq!(reranked_by(&server.analyse("aspirin").await), old_digest);

    way.cut().await;
    fs::remove_dir_all(machine.path().join("blob")).expect("its disk is emptied");
    let path = format!("/api/plugins/{RERANKER}/versions/{new_digest}/activate");
    let answer = server.post(&path, &order).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    worker.wait_until_told("the swap waits", |words| {
        words.contains("those before go on")
    });
    assert_eq!(reranked_by(&server.analyse("metformin").await), old_digest);
    let slot = server.slot("reranker").await;
    assert_eq!(slot["plugin_digest"], new_digest.to_string(), "{slot}");

    way.mend().await;
    server.followed().await;
    assert_eq!(reranked_by(&server.analyse("tamoxifen").await), new_digest);
}
