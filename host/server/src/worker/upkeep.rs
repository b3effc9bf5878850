//! What comes round again: old jobs, their recordings, keys and corpus indexes are forgotten. Every
//! process with workers asks for the tick; the database gives it to one.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use phagen_blob::Blobs;
use phagen_domain::{
    digest::Digest,
    plugin::{PluginVersion, Slot, VersionState},
};
use phagen_store::{Pruned, Retention, Store, StoreError};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{causes, house::House, recording};

/// How often a process asks for ticks.
const ASK_EVERY: Duration = Duration::from_mins(1);
/// How often each chore is done by whoever gets its tick.
const EVERY: Duration = Duration::from_hours(1);
/// Rows that one transaction forgets.
const BATCH: u32 = 500;

const PRUNE: &str = "prune-jobs";
const EXPIRE: &str = "expire-keys";
const RETIRE: &str = "retire-corpus";

/// Asks until shutdown.
pub(super) async fn run(house: Arc<House>, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(ASK_EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let kept = house.settings.retention.kept();
    // Not in the first minute, which has enough to do.
    let mut code_due = Instant::now() + ASK_EVERY;
    while shutdown
        .run_until_cancelled(interval.tick())
        .await
        .is_some()
    {
        if Instant::now() >= code_due {
            code_due = Instant::now() + EVERY;
            if let Err(error) = forget_code(&house).await {
                let error = causes::told(&*error);
                warn!(%error, "machine code that nobody needs is still on this disk: {error}");
            }
        }
        if let Err(error) = look_around(&*house.store, &house.blobs, kept, BATCH, &shutdown).await {
            error!(%error, "what is old was not forgotten; the next tick tries again");
        }
        if let Err(error) = retire(&house).await {
            let error = causes::told(&*error);
            error!(%error, "old corpus indexes were not forgotten; the next tick tries again: {error}");
        }
    }
}

async fn look_around(
    store: &dyn Store,
    blobs: &Blobs,
    kept: Retention,
    batch: u32,
    shutdown: &CancellationToken,
) -> Result<(), StoreError> {
    if store.take_tick(PRUNE, EVERY).await? {
        let mut n_jobs = 0;
        while !shutdown.is_cancelled() {
            let pruned = store.prune_jobs(kept, batch).await?;
            n_jobs += pruned.n_jobs;
            forget_recordings(blobs, &pruned).await;
            if pruned.n_jobs < u64::from(batch) {
                break;
            }
        }
        if n_jobs > 0 {
            info!(n_jobs, "forgot {n_jobs} old jobs");
        }
    }
    if store.take_tick(EXPIRE, EVERY).await? {
        // A key that is left is as good as forgotten, so the next hour is soon enough for the rest.
        store.expire_keys(batch).await?;
    }
    Ok(())
}

/// What cannot be deleted now is named once, and takes room until somebody deletes it: no row tells
/// of it any more.
async fn forget_recordings(blobs: &Blobs, pruned: &Pruned) {
    for (job, digest) in &pruned.recordings {
        if let Err(error) = recording::forget(blobs, *job, *digest).await {
            let error = causes::told(&error);
            warn!(%job, %digest, %error, "recording `{digest}` of a forgotten job is still among the blobs");
        }
    }
}

/// Deletes machine code on this disk that no version needs any more, and that of other builds of the
/// host. This is no tick: each process sees to its own disk.
async fn forget_code(house: &House) -> Result<()> {
    let needed = needed(
        &house.store.list_versions().await?,
        &house.store.list_slots().await?,
    );
    let plugins = Arc::clone(&house.plugins);
    let pruned = tokio::task::spawn_blocking(move || plugins.prune_compiled(&needed));
    let n_files = pruned.await??;
    if n_files > 0 {
        info!(n_files, "deleted the machine code of {n_files} guests");
    }
    Ok(())
}

/// Components that may be called: all but those that no slot names and that never come back by
/// themselves. Whoever activates one of these waits until it is compiled again.
fn needed(versions: &[PluginVersion], slots: &[Slot]) -> Vec<Digest> {
    let ended = [VersionState::Retired, VersionState::Rejected];
    let living = (versions.iter()).filter(|version| !ended.contains(&version.state));
    living
        .map(|version| version.digest)
        .chain(slots.iter().flat_map(Slot::plugin_digests))
        .collect()
}

async fn retire(house: &House) -> Result<()> {
    if house.store.take_tick(RETIRE, EVERY).await? {
        let age = house.settings.corpus.retired_after();
        let n_indexes = house.snapshots.retire(age).await?;
        if n_indexes > 0 {
            info!(n_indexes, "forgot {n_indexes} old corpus indexes");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use phagen_blob::BlobFolder;
    use phagen_domain::{job::JobRequest, result::JobResult};
    use phagen_plugin::Recording;
    use phagen_store::{
        JobFilter, NewJob, QueueStore, RegistryStore,
        conformance::{plugin_specimen, specimen},
    };
    use phagen_store_sqlite::SqliteStore;

    use super::*;

    fn cancelled_at_once() -> Retention {
        Retention {
            cancelled: Some(Duration::ZERO),
            ..Retention::default()
        }
    }

    async fn n_jobs(store: &SqliteStore) -> usize {
        let page = store.list_jobs(&JobFilter::default(), 5_000, None).await;
        page.unwrap().jobs.len()
    }

    async fn cancelled(store: &SqliteStore, n: usize) {
        for _ in 0..n {
            let request = JobRequest {
                molecule: "aspirin".to_owned(),
                smiles: None,
                synonyms: Vec::new(),
                sources: None,
                limit: JobRequest::DEFAULT_LIMIT,
                record: false,
            };
            let job = NewJob::new(request, 1);
            store.enqueue(&job, None).await.unwrap();
            store.cancel(job.id).await.unwrap();
        }
    }

    #[tokio::test]
    async fn whoever_gets_the_tick_forgets_more_than_a_batch_and_the_next_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("phagen.db"))
            .await
            .unwrap();
        let blobs = Blobs::local(BlobFolder::open(folder.path().join("blob")).unwrap());
        let running = CancellationToken::new();
        cancelled(&store, 6).await;
        look_around(&store, &blobs, cancelled_at_once(), 5, &running)
            .await
            .unwrap();
        assert_eq!(n_jobs(&store).await, 0);
        cancelled(&store, 1).await;
        look_around(&store, &blobs, cancelled_at_once(), 5, &running)
            .await
            .unwrap();
        assert_eq!(n_jobs(&store).await, 1, "the tick was taken");
    }

    #[tokio::test]
    async fn machine_code_goes_with_the_versions_that_no_slot_names() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("phagen.db"))
            .await
            .unwrap();
        for name in ["serves", "before", "retired", "rejected", "quarantined"] {
            plugin_specimen::recorded(&store, &plugin_specimen::uploaded(name)).await;
        }
        let mut versions = store.list_versions().await.unwrap();
        for version in &mut versions {
            version.state = match &*version.name.to_string() {
                "serves" => VersionState::Active,
                "rejected" => VersionState::Rejected,
                "quarantined" => VersionState::Quarantined,
                _ => VersionState::Retired,
            };
        }
        let mut slot = plugin_specimen::reranker("serves");
        slot.previous = Some(plugin_specimen::reranker("before").serving);
        let needed = needed(&versions, &[slot]);
        let is_needed = |name: &str| needed.contains(&plugin_specimen::digest(name));
        for name in ["serves", "before", "quarantined"] {
            assert!(is_needed(name), "{name}");
        }
        for name in ["retired", "rejected"] {
            assert!(!is_needed(name), "{name}");
        }
    }

    #[tokio::test]
    async fn a_recording_is_forgotten_with_its_job() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("phagen.db"))
            .await
            .unwrap();
        let blobs = Blobs::local(BlobFolder::open(folder.path().join("blob")).unwrap());
        let job = specimen::enqueued(&store, "aspirin").await;
        let lease = specimen::claimed(&store).await.lease;
        let calls = Recording {
            calls: Vec::new(),
            n_dropped: 1,
        };
        let kept = recording::keep(&blobs, &calls, job, 1).await.unwrap();
        let result = JobResult {
            recording: Some(kept),
            ..specimen::result("aspirin")
        };
        store.finish(&lease, &result).await.unwrap();
        let at_once = Retention {
            succeeded: Some(Duration::ZERO),
            ..Retention::default()
        };
        let running = CancellationToken::new();
        look_around(&store, &blobs, at_once, 5, &running)
            .await
            .unwrap();
        assert_eq!(n_jobs(&store).await, 0);
        assert_eq!(blobs.get(&kept).await.unwrap(), None);
    }
}
