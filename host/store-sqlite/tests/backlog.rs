//! A claim stays a few looks into an index, however many jobs wait.

use std::{num::NonZeroU32, path::Path};

use phagen_domain::job::Priority;
use phagen_store::{
    QueueStore as _,
    conformance::specimen::{LEASE, claimed, job},
};
use phagen_store_sqlite::SqliteStore;
use sqlx::{AssertSqlSafe, SqlitePool, sqlite::SqliteConnectOptions};

const N_JOBS: u32 = 100_000;

/// What the driver asks, before it changes the row.
const PLAIN: &str = "
explain query plan
with class (priority) as (values (1), (2), (3), (4))
select oldest.id from class cross join job as oldest on oldest.id = (
    select id from job indexed by job_due
    where state = 'queued' and priority = class.priority and run_at <= (select now from clock)
    order by run_at, id limit 1
)
order by oldest.run_at + class.priority * 3600000, class.priority limit 1";

const FAIR: &str = "
explain query plan
with recursive class (priority) as (values (1), (2), (3), (4)),
waiting (name) as (
    select min(tenant) from job indexed by job_due_by_tenant where state = 'queued'
    union all
    select (
        select min(job.tenant) from job indexed by job_due_by_tenant
        where state = 'queued' and job.tenant > waiting.name
    )
    from waiting where waiting.name is not null
)
select oldest.id
from waiting cross join class cross join job as oldest on oldest.id = (
    select id from job indexed by job_due_by_tenant
    where state = 'queued' and tenant = waiting.name and priority = class.priority
        and run_at <= (select now from clock)
    order by run_at, id limit 1
)
where waiting.name not in (
    select tenant from job indexed by job_leased
    where state = 'running' and tenant <> ''
    group by tenant having count(*) >= 1
)
order by oldest.run_at + class.priority * 3600000, class.priority, oldest.id limit 1";

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
async fn looks(rows: &SqlitePool, sql: &'static str) -> Vec<String> {
    let plan: Vec<(i64, i64, i64, String)> =
        sqlx::query_as(sql).fetch_all(rows).await.expect("a plan");
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
        looks(&rows, PLAIN).await,
        [
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
    let looks = looks(&rows, FAIR).await;
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
