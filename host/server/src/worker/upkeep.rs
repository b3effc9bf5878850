//! What comes round again: old jobs and keys are forgotten. Every process with workers asks for the
//! tick; the database gives it to one.

use std::{sync::Arc, time::Duration};

use phagen_store::{Retention, Store, StoreError};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// How often a process asks for ticks.
const ASK_EVERY: Duration = Duration::from_mins(1);
/// How often each chore is done by whoever gets its tick.
const EVERY: Duration = Duration::from_hours(1);
/// Rows that one transaction forgets.
const BATCH: u32 = 500;

const PRUNE: &str = "prune-jobs";
const EXPIRE: &str = "expire-keys";

/// Asks until shutdown.
pub(super) async fn run(store: Arc<dyn Store>, kept: Retention, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(ASK_EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shutdown
        .run_until_cancelled(interval.tick())
        .await
        .is_some()
    {
        if let Err(error) = look_around(&*store, kept, &shutdown).await {
            error!(%error, "what is old was not forgotten; the next tick tries again");
        }
    }
}

async fn look_around(
    store: &dyn Store,
    kept: Retention,
    shutdown: &CancellationToken,
) -> Result<(), StoreError> {
    if store.take_tick(PRUNE, EVERY).await? {
        let mut n_jobs = 0;
        while !shutdown.is_cancelled() {
            let n_pruned = store.prune_jobs(kept, BATCH).await?;
            n_jobs += n_pruned;
            if n_pruned < u64::from(BATCH) {
                break;
            }
        }
        if n_jobs > 0 {
            info!(n_jobs, "forgot {n_jobs} old jobs");
        }
    }
    if store.take_tick(EXPIRE, EVERY).await? {
        // A key that is left is as good as forgotten, so the next hour is soon enough for the rest.
        store.expire_keys(BATCH).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use phagen_domain::job::{JobId, JobRequest};
    use phagen_store::{JobFilter, NewJob, QueueStore};
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
            let job = NewJob {
                id: JobId::new(),
                request: JobRequest {
                    molecule: "aspirin".to_owned(),
                    smiles: None,
                    synonyms: Vec::new(),
                    sources: None,
                    limit: JobRequest::DEFAULT_LIMIT,
                    record: false,
                },
                max_attempts: 1,
                run_at: None,
            };
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
        let running = CancellationToken::new();
        cancelled(&store, BATCH as usize + 1).await;
        look_around(&store, cancelled_at_once(), &running)
            .await
            .unwrap();
        assert_eq!(n_jobs(&store).await, 0);
        cancelled(&store, 1).await;
        look_around(&store, cancelled_at_once(), &running)
            .await
            .unwrap();
        assert_eq!(n_jobs(&store).await, 1, "the tick was taken");
    }
}
