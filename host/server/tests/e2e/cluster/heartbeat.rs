//! Leases are renewed by a thread that needs nothing of the runtime that runs guests, on either
//! store.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use chrono::{DateTime, Utc};
use phagen_domain::job::{JobRequest, JobState, Lease};
use phagen_server::{
    config::{DatabaseSettings, Settings},
    database::Database,
    worker::{Heartbeat, HeartbeatError, Notice},
};
use phagen_store::{NewJob, RetryPolicy, Store};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    runtime::Runtime,
    time::{Instant, sleep, timeout},
};
use tokio_util::task::TaskTracker;

use super::database::{self, Way};
use crate::{plugin::POLL, process::PATIENCE};

const LEASE: Duration = Duration::from_secs(2);
/// Threads of a runtime that does nothing but guests.
const N_THREADS: usize = 2;

/// A database of either kind, and what it goes with.
struct Place {
    way: Database,
    store: Arc<dyn Store>,
    folder: TempDir,
    _postgres: Option<database::Database>,
}

impl Place {
    async fn sqlite() -> Self {
        Self::of(None).await
    }

    async fn postgres() -> Self {
        let postgres = database::Database::empty().await;
        let direct = postgres.url(Way::Direct);
        let migrated = phagen_store_postgres::PostgresStore::migrate(&direct).await;
        migrated.expect("a schema");
        Self::of(Some(postgres)).await
    }

    async fn of(postgres: Option<database::Database>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = postgres.as_ref().map(|database| {
            serde_json::from_value(json!(database.url(Way::Pooled))).expect("an address")
        });
        let way = Database::of(&Settings {
            data_dir: folder.path().to_owned(),
            database: DatabaseSettings {
                url,
                ..DatabaseSettings::default()
            },
            ..Settings::default()
        });
        Self {
            store: way.open().await.expect("a store"),
            way,
            folder,
            _postgres: postgres,
        }
    }

    async fn leased(&self) -> Lease {
        let request = JobRequest {
            molecule: "aspirin".to_owned(),
            smiles: None,
            synonyms: Vec::new(),
            sources: None,
            limit: JobRequest::DEFAULT_LIMIT,
            record: false,
        };
        let job = NewJob::new(request, 3);
        self.store.enqueue(&job, None).await.expect("a job");
        let claimed = self.store.claim("the test", LEASE).await;
        claimed.expect("a claim").expect("a due job").lease
    }

    async fn heartbeat(&self, tasks: &TaskTracker) -> Heartbeat {
        let heartbeat = Heartbeat::start(self.way.clone(), LEASE, || {}, tasks).await;
        heartbeat.expect("a heartbeat")
    }

    async fn lease_until(&self, lease: &Lease) -> DateTime<Utc> {
        let job = self.store.find_job(lease.job_id).await.expect("a read");
        match job.expect("the job").state {
            JobState::Running { lease_until, .. } => lease_until,
            other => panic!("{other:?}"),
        }
    }
}

/// Two runtimes: one whose every thread is blocked, and the test's own, which looks on.
fn renews_though_all_threads_are_blocked(place: impl Future<Output = Place>) {
    let test = Runtime::new().expect("a runtime");
    let guests = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(N_THREADS)
        .enable_all()
        .build()
        .expect("a runtime");
    let place = test.block_on(place);
    let lease = test.block_on(place.leased());
    let tasks = TaskTracker::new();
    let (entered, entering) = mpsc::channel();
    let mut releases = Vec::new();
    let heartbeat = guests.block_on(place.heartbeat(&tasks));
    let _held = heartbeat.hold(&lease);
    for _ in 0..N_THREADS {
        let entered = entered.clone();
        let (release, released) = mpsc::channel::<()>();
        releases.push(release);
        let busy = async move {
            entered.send(()).expect("the test waits");
            // As a guest that keeps its thread: until the test ends.
            let _ = released.recv();
        };
        tasks.spawn_on(busy, guests.handle());
    }
    for _ in 0..N_THREADS {
        entering.recv_timeout(PATIENCE).expect("a blocked thread");
    }
    test.block_on(async {
        // Twice past the time at which it would have run out.
        let blocked = place.lease_until(&lease).await;
        let deadline = Instant::now() + PATIENCE;
        while place.lease_until(&lease).await < blocked + 2 * LEASE {
            assert!(Instant::now() < deadline, "the lease is not renewed");
            sleep(POLL).await;
        }
        let policy = RetryPolicy {
            base: LEASE,
            cap: LEASE,
        };
        assert_eq!(place.store.reap(policy).await.expect("a look"), 0);
    });
    drop(releases);
    guests.shutdown_timeout(PATIENCE);
}

#[test]
fn renews_on_sqlite_though_all_threads_are_blocked() {
    renews_though_all_threads_are_blocked(Place::sqlite());
}

#[test]
fn renews_on_postgres_though_all_threads_are_blocked() {
    renews_though_all_threads_are_blocked(Place::postgres());
}

async fn tells_its_holder(place: Place) {
    let tasks = TaskTracker::new();
    let heartbeat = place.heartbeat(&tasks).await;
    let (handed_back, cancelled) = (place.leased().await, place.leased().await);
    let (mut one, mut other) = (heartbeat.hold(&handed_back), heartbeat.hold(&cancelled));
    place.store.release(&handed_back).await.expect("a release");
    let told = timeout(PATIENCE, one.notice()).await;
    assert_eq!(told, Ok(Notice::LeaseLost));
    place.store.cancel(cancelled.job_id).await.expect("a wish");
    let told = timeout(PATIENCE, other.notice()).await;
    assert_eq!(told, Ok(Notice::CancelRequested));

    // Another lease on the same job is proof enough.
    let claimed = place.store.claim("another", LEASE).await.expect("a claim");
    let newer = claimed.expect("the job that was handed back").lease;
    assert_eq!(newer.job_id, handed_back.job_id);
    let mut older = heartbeat.hold(&handed_back);
    let held = heartbeat.hold(&newer);
    assert_eq!(older.notice().await, Notice::LeaseLost);
    drop(older);

    // Nobody holds it any more, and the thread ends.
    drop((one, other, held, heartbeat));
    tasks.close();
    timeout(PATIENCE, tasks.wait()).await.expect("an end");
}

#[tokio::test]
async fn tells_its_holder_on_sqlite() {
    tells_its_holder(Place::sqlite().await).await;
}

#[tokio::test]
async fn tells_its_holder_on_postgres() {
    tells_its_holder(Place::postgres().await).await;
}

#[tokio::test]
async fn a_heartbeat_without_a_database_does_not_start() {
    let place = Place::sqlite().await;
    let way = Database::Sqlite {
        path: place.folder.path().to_owned(),
    };
    let tasks = TaskTracker::new();
    let refused = Heartbeat::start(way, LEASE, || {}, &tasks).await;
    assert!(matches!(refused, Err(HeartbeatError::Connection(_))));
    tasks.close();
    timeout(PATIENCE, tasks.wait()).await.expect("an end");
}
