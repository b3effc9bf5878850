//! The tier of one machine: a table of its database.

use std::{path::Path, sync::Arc, time::Duration};

use phagen_cache::{Reach, Scope};
use phagen_domain::digest::Digest;
use phagen_store::{CacheTier, Store as _};
use phagen_store_sqlite::SqliteStore;
use tempfile::TempDir;

use crate::world::{get, over, until, was};

const MEBIBYTE: u64 = 1024 * 1024;

async fn tier(path: &Path, max_bytes: u64) -> (SqliteStore, Arc<dyn CacheTier>) {
    let store = SqliteStore::open(path).await.expect("a database");
    let tier = store.cache_tier(max_bytes).expect("a tier");
    (store, tier)
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

#[tokio::test]
async fn an_answer_outlives_its_process() {
    let folder = folder();
    let path = folder.path().join("phagen.db");
    let (store, kept) = tier(&path, MEBIBYTE).await;
    let cache = over(kept).await;
    assert_eq!(get(&cache, "a", "one").await, was("one", false));
    cache.close().await;
    store.close().await;
    let (store, kept) = tier(&path, MEBIBYTE).await;
    let cache = over(kept).await;
    assert_eq!(get(&cache, "a", "two").await, was("one", true));
    cache.close().await;
    store.close().await;
}

#[tokio::test]
async fn processes_of_one_machine_forget_together() {
    let folder = folder();
    let path = folder.path().join("phagen.db");
    let (_a_store, a) = tier(&path, MEBIBYTE).await;
    let (_b_store, b) = tier(&path, MEBIBYTE).await;
    let (a, b) = (over(a).await, over(b).await);
    get(&a, "a", "old").await;
    until("an answer for both", async || get(&b, "a", "old").await.1).await;
    let scope = Scope::Molecule("aspirin".to_owned());
    assert_eq!(a.invalidate(&scope).await.unwrap(), Reach::EveryProcess);
    assert!(!get(&a, "a", "new").await.1);
    until("the news", async || get(&b, "a", "new").await.0 == "new").await;
    // And what comes after them.
    a.close().await;
    let (_c_store, c) = tier(&path, MEBIBYTE).await;
    assert_eq!(get(&over(c).await, "a", "").await, was("new", true));
}

#[tokio::test]
async fn rows_run_out() {
    let folder = folder();
    let (_store, tier) = tier(&folder.path().join("phagen.db"), MEBIBYTE).await;
    let [gone, kept] = [b"gone", b"kept"].map(|name| Digest::of(name));
    tier.put(gone, b"x", Duration::ZERO).await.unwrap();
    tier.put(kept, b"x", Duration::from_mins(1)).await.unwrap();
    assert_eq!(tier.get(gone).await.unwrap(), None);
    assert_eq!(tier.get(kept).await.unwrap().as_deref(), Some(&b"x"[..]));
}

#[tokio::test]
async fn the_table_stays_within_its_bound() {
    let folder = folder();
    let (_store, tier) = tier(&folder.path().join("phagen.db"), MEBIBYTE).await;
    let value = vec![7; 32 * 1024];
    let key = |n: u64| Digest::of(&n.to_le_bytes());
    for n in 0..200 {
        let lifetime = Duration::from_secs(60 + n);
        tier.put(key(n), &value, lifetime).await.unwrap();
    }
    let mut kept = Vec::new();
    for n in 0..200 {
        if tier.get(key(n)).await.unwrap().is_some() {
            kept.push(n);
        }
    }
    // What was written since the last look may come on top: a sixteenth, and the value that passed it.
    assert!((30..=36).contains(&kept.len()), "{kept:?}");
    // What would have run out first went first.
    let newest: Vec<u64> = (200 - kept.len() as u64..200).collect();
    assert_eq!(kept, newest);
}
