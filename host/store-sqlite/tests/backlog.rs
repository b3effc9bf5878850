//! A claim stays a few looks into an index, however many jobs wait.

use std::{num::NonZeroU32, path::Path};

use phagen_domain::job::Priority;
use phagen_store::{
    QueueStore as _,
    conformance::specimen::{LEASE, claimed, job},
};
use phagen_store_sqlite::{
    SqliteStore,
    statement::{CLAIM, CLAIM_FAIRLY},
};
use sqlx::{AssertSqlSafe, SqlitePool, sqlite::SqliteConnectOptions};

const N_JOBS: u32 = 100_000;

async fn rows(path: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(path);
    SqlitePool::connect_with(options).await.expect("the rows")
}

/// Older than any job that is enqueued.
async fn fill(rows: &SqlitePool, tenant: &str) {
    let request = serde_json::to_string(&job("aspirin").request).expect("a request");
    let fill = format!(
        "with recursive n (n) as (select 1 union all select n + 1 from n where n < {N_JOBS})
         insert into job (id, molecule_folded, molecule, request, state, run_at, attempt,
            max_attempts, created_at, tenant)
         select printf('00000000-0000-7000-8000-%012x', n), 'aspirin', 'aspirin', '{request}',
            'queued', now - 10 * n, 0, 3, now, '{tenant}'
         from n, clock"
    );
    let filled = sqlx::query(AssertSqlSafe(fill)).execute(rows).await;
    assert_eq!(
        filled.expect("a backlog").rows_affected(),
        u64::from(N_JOBS)
    );
}

/// The steps of the plan that read jobs.
async fn looks(rows: &SqlitePool, sql: &str) -> Vec<String> {
    let explained = AssertSqlSafe(format!("explain query plan {sql}"));
    let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(explained)
        .fetch_all(rows)
        .await
        .expect("a plan");
    let steps = plan.into_iter().map(|(.., step)| step);
    steps
        .filter(|step| step.contains("job") || step.contains("oldest"))
        .collect()
}

#[tokio::test]
async fn a_claim_of_a_long_backlog_is_a_look_into_an_index() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("phagen.db");
    let store = SqliteStore::open(&path).await.expect("a database");
    let rows = rows(&path).await;
    fill(&rows, "").await;
    assert_eq!(
        looks(&rows, CLAIM).await,
        [
            "SEARCH job USING INDEX sqlite_autoindex_job_1 (id=?)",
            "SEARCH oldest USING INDEX sqlite_autoindex_job_1 (id=?)",
            "SEARCH job USING COVERING INDEX job_due (priority=? AND run_at<?)",
        ]
    );
    let stats = store.queue_stats().await.expect("counts");
    assert_eq!(stats.n_queued, u64::from(N_JOBS));
    assert!(stats.oldest_due_seconds >= 1_000, "{stats:?}");
    for n in 0..500 {
        let id = claimed(&store).await.job.id.to_string();
        let expected = format!("00000000-0000-7000-8000-{:012x}", N_JOBS - n);
        assert_eq!(id, expected);
    }
    let mut urgent = job("aspirin");
    urgent.priority = Priority::URGENT;
    store.enqueue(&urgent, None).await.expect("a job");
    assert_eq!(claimed(&store).await.job.id, urgent.id);
    rows.close().await;
    store.close().await;
}

#[tokio::test]
async fn a_fair_claim_steps_over_the_flood_of_a_tenant() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("phagen.db");
    let store = SqliteStore::open(&path).await.expect("a database");
    let rows = rows(&path).await;
    fill(&rows, "flood").await;
    let looks = looks(&rows, CLAIM_FAIRLY).await;
    for look in &looks {
        let is_step = look.starts_with("SEARCH") || look.contains("job_leased");
        assert!(is_step, "{looks:#?}");
    }
    let claim = async || {
        let claim = store.claim_fairly("worker-1", LEASE, NonZeroU32::MIN).await;
        claim.expect("a claim").map(|claim| claim.job)
    };
    let flood = claim().await.expect("the oldest of the flood");
    assert_eq!(flood.tenant.as_deref(), Some("flood"));
    assert_eq!(claim().await, None);
    for tenant in [None, Some("another"), Some("zed")] {
        let mut job = job("aspirin");
        job.tenant = tenant.map(str::to_owned);
        store.enqueue(&job, None).await.expect("a job");
    }
    for tenant in [None, Some("another"), Some("zed")] {
        let job = claim().await.expect("a job of somebody else");
        assert_eq!(job.tenant.as_deref(), tenant);
    }
    assert_eq!(claim().await, None);
    rows.close().await;
    store.close().await;
}
