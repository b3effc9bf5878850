//! What is Postgres's alone in the queue: rows that others hold, connections that break, and rows
//! that are not what they should be.

use std::sync::Arc;

use phagen_domain::job::{JobFailure, JobState, JobStatus, Stage};
use phagen_store::{
    FeedbackStore as _, QueueStore as _, Store as _, StoreError,
    conformance::specimen::{LEASE, LONG, claimed, enqueued, failure, progress, result},
};
use phagen_store_postgres::PostgresStore;
use sqlx::{AssertSqlSafe, PgPool};
use tokio::task::JoinSet;

use crate::database::{Database, Way, address};

struct Bench {
    store: Arc<PostgresStore>,
    rows: PgPool,
    database: Database,
}

async fn bench() -> Bench {
    let database = Database::migrated().await;
    Bench {
        store: Arc::new(database.store(Way::Direct).await),
        rows: database.rows().await,
        database,
    }
}

impl Bench {
    /// Writes behind the driver's back.
    async fn write(&self, sql: &str) -> Result<u64, sqlx::Error> {
        let done = sqlx::query(AssertSqlSafe(sql)).execute(&self.rows).await;
        done.map(|done| done.rows_affected())
    }
}

#[tokio::test]
async fn a_reopened_database_keeps_everything() {
    let bench = bench().await;
    let store = &*bench.store;
    let done = enqueued(store, "aspirin").await;
    let running = enqueued(store, "metformin").await;
    let lease = claimed(store).await.lease;
    store.finish(&lease, &result("aspirin")).await.expect("end");
    let lease = claimed(store).await.lease;
    let before = store.find_job(done).await.expect("a read");
    store.close().await;

    let store = bench.database.store(Way::Direct).await;
    assert_eq!(store.find_job(done).await.expect("a read"), before);
    // A lease outlives its process: the next may still hand the result in.
    store.release(&lease).await.expect("a release");
    assert_eq!(claimed(&store).await.job.id, running);
}

#[tokio::test]
async fn a_job_that_another_holds_is_passed_over() {
    let bench = bench().await;
    let [held, free] = [
        enqueued(&*bench.store, "aspirin").await,
        enqueued(&*bench.store, "metformin").await,
    ];
    let mut other = bench.rows.begin().await.expect("a transaction");
    let lock = "select 1 from job where id = $1 for update";
    sqlx::query(lock)
        .bind(held.0)
        .execute(&mut *other)
        .await
        .expect("a lock");
    assert_eq!(claimed(&*bench.store).await.job.id, free);
    let none = bench.store.claim("worker-1", LEASE).await;
    assert_eq!(none.expect("no wait"), None);
    other.rollback().await.expect("the lock goes");
    assert_eq!(claimed(&*bench.store).await.job.id, held);
}

/// The verdict on an attempt is made of the row as it is when its turn comes, not as it was when
/// the statement began.
#[tokio::test]
async fn a_cancellation_that_comes_in_between_is_heeded() {
    let bench = bench().await;
    let id = enqueued(&*bench.store, "aspirin").await;
    let lease = claimed(&*bench.store).await.lease;
    let mut other = bench.rows.begin().await.expect("a transaction");
    sqlx::query("update job set cancel_requested_at = clock()")
        .execute(&mut *other)
        .await
        .expect("a request");
    let failure = failure(true);
    let (ended, ()) = tokio::join!(bench.store.fail(&lease, &failure, LONG), async {
        bench.database.until_someone_waits(&bench.rows).await;
        other.commit().await.expect("the request stands");
    });
    ended.expect("the attempt ends");
    let job = bench.store.find_job(id).await.expect("a read");
    assert_eq!(
        job.expect("the job").state.status(),
        JobStatus::Cancelled,
        "it is not tried again"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_come_side_by_side_are_numbered_without_gap() {
    const N_REPORTS: u64 = 50;
    let bench = bench().await;
    let id = enqueued(&*bench.store, "aspirin").await;
    let lease = Arc::new(claimed(&*bench.store).await.lease);
    let mut reports = JoinSet::new();
    for _ in 0..N_REPORTS {
        let (store, lease) = (bench.store.clone(), lease.clone());
        reports.spawn(async move {
            let report = progress(Stage::Gather, "on its way");
            store.report_progress(&lease, &report).await
        });
    }
    for reported in reports.join_all().await {
        reported.expect("a report");
    }
    let events = bench.store.list_events(id, 0).await.expect("the story");
    let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=N_REPORTS + 2).collect::<Vec<_>>());
}

/// Guests may say anything; `jsonb` and `text` could not hold this.
#[tokio::test]
async fn a_nul_in_what_a_guest_said_is_kept() {
    let bench = bench().await;
    let [failing, succeeding] = [
        enqueued(&*bench.store, "aspirin").await,
        enqueued(&*bench.store, "metformin").await,
    ];
    let lease = claimed(&*bench.store).await.lease;
    let failure = JobFailure {
        message: "it said \0 and \u{7}".to_owned(),
        retryable: false,
    };
    let ended = bench.store.fail(&lease, &failure, LONG).await;
    ended.expect("an end");
    let events = bench.store.list_events(failing, 2).await.expect("the end");
    assert_eq!(events[0].data["message"], failure.message);
    let lease = claimed(&*bench.store).await.lease;
    let mut odd = result("metformin");
    for ranked in odd.evidence.values_mut().flatten() {
        for passage in &mut ranked.evidence.passages {
            passage.text.push('\0');
        }
    }
    bench.store.finish(&lease, &odd).await.expect("an end");
    for id in [failing, succeeding] {
        let job = bench.store.find_job(id).await.expect("a read");
        match job.expect("the job").state {
            JobState::Failed { failure: found, .. } => assert_eq!(found, failure),
            JobState::Succeeded { result: found, .. } => assert_eq!(*found, odd),
            state => panic!("{state:?}"),
        }
    }
}

#[tokio::test]
async fn a_lost_connection_passes() {
    let bench = bench().await;
    let id = enqueued(&*bench.store, "aspirin").await;
    // Several connections lie idle, and all of them die.
    let mut reads = JoinSet::new();
    for _ in 0..8 {
        let store = bench.store.clone();
        reads.spawn(async move { store.find_job(id).await.expect("a read") });
    }
    reads.join_all().await;
    let hang_up = "select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()";
    bench.write(hang_up).await.expect("an end of them");
    let mut n_lost = 0;
    let found = loop {
        match bench.store.find_job(id).await {
            Ok(found) => break found,
            Err(error) => {
                assert!(error.is_retriable(), "{error:?}");
                n_lost += 1;
                assert!(n_lost <= PostgresStore::CONNECTIONS, "it heals by itself");
            }
        }
    };
    assert_eq!(found.expect("the job").id, id);
}

#[tokio::test]
async fn a_job_that_cannot_be_read_does_not_block_the_queue() {
    let bench = bench().await;
    let store = &*bench.store;
    let unreadable = enqueued(store, "aspirin").await;
    let spoil = "update job set request = '{\"molecule\":1}'";
    bench.write(spoil).await.expect("a write");
    let readable = enqueued(store, "metformin").await;
    assert_eq!(claimed(store).await.job.id, readable);
    let events = store.list_events(unreadable, 0).await.expect("its events");
    let last = events.last().expect("an end");
    assert_eq!((events.len(), last.kind.as_str()), (3, "failed"));
    assert!(last.data["message"].to_string().contains("`request`"));
    assert_eq!(store.claim("worker-1", LEASE).await.expect("none"), None);
    let found = store.find_job(unreadable).await;
    assert!(
        matches!(found, Err(StoreError::CorruptRow { table: "job", .. })),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_corrupt_row_names_its_table_and_reason() {
    let bench = bench().await;
    let store = &*bench.store;
    let id = enqueued(store, "aspirin").await;
    let lease = claimed(store).await.lease;
    store.finish(&lease, &result("aspirin")).await.expect("end");
    let spoil = "update job set result = '{\"molecule\":{}}'";
    bench.write(spoil).await.expect("a write");
    let error = store.find_job(id).await.expect_err("no result").to_string();
    assert!(
        error.starts_with("row of `job` cannot be read: `result`: missing field"),
        "{error}"
    );
    let insert =
        "insert into feedback values (gen_random_uuid(), 'v', 'PMID:1', 'clinical', 'flag',
        null, 'm', 1, '', null, '[]', '[]', '', now())";
    bench.write(insert).await.expect("a write");
    let error = store.list_feedback().await.expect_err("no digest");
    let error = error.to_string();
    assert!(error.starts_with("row of `feedback`"), "{error}");
}

#[tokio::test]
async fn the_wrong_state_cannot_be_written() {
    let bench = bench().await;
    let id = enqueued(&*bench.store, "aspirin").await;
    for sql in [
        "update job set state = 'running'",
        "update job set state = 'succeeded', finished_at = now()",
        "update job set state = 'failed', finished_at = now()",
        "update job set state = 'cancelled'",
        "update job set state = 'paused'",
        "update job set result = '{}'",
        "update job set lease_token = gen_random_uuid()",
        "update job set cancel_requested_at = now()",
        "update job set attempt = -1",
        "update job set max_attempts = 0",
    ] {
        let refused = bench.write(sql).await.expect_err(sql).to_string();
        assert!(refused.contains("check constraint"), "{sql}: {refused}");
    }
    let job = bench.store.find_job(id).await.expect("a read");
    let state = job.expect("the job").state;
    assert!(matches!(state, JobState::Queued { .. }));
}

/// What is asked for in the URL is what the connection does.
#[tokio::test]
async fn the_url_decides_on_encryption() {
    let bench = bench().await;
    let ca = address("PHAGEN_TEST_POSTGRES_CA");
    let url = bench.database.url(Way::Direct);
    let count = "select count(*) from pg_stat_ssl natural join pg_stat_activity
        where datname = current_database() and application_name = $1 and ssl";
    for (mode, is_encrypted) in [
        ("disable".to_owned(), false),
        ("require".to_owned(), true),
        (format!("verify-full&sslrootcert={ca}"), true),
    ] {
        let name = format!("{is_encrypted}-{}", mode.len());
        let url = format!("{url}?sslmode={mode}&application_name={name}");
        let store = PostgresStore::open(&url, 1).await.expect("a store");
        store.ping().await.expect("the time");
        let n_encrypted: i64 = sqlx::query_scalar(count)
            .bind(&name)
            .fetch_one(&bench.rows)
            .await
            .expect("a count");
        assert_eq!(n_encrypted > 0, is_encrypted, "{mode}");
        store.close().await;
    }
    // An authority that nobody vouches for, and a name that the certificate does not hold.
    let unknown = format!("{url}?sslmode=verify-full");
    let other_name = url.replace("localhost", "127.0.0.1");
    let other_name = format!("{other_name}?sslmode=verify-full&sslrootcert={ca}");
    for (url, reason) in [(unknown, "certificate"), (other_name, "certificate")] {
        let refused = PostgresStore::open(&url, 1).await;
        let refused = refused.expect_err("not trusted").to_string();
        assert!(refused.contains(reason), "{refused}");
    }
}
