//! A claim stays a few looks into an index: with a plan made while the queue was empty, and with one
//! made while 100,000 jobs wait, whether the statistics know of them or not.

use std::num::NonZeroU32;

use phagen_domain::job::Priority;
use phagen_store::{
    QueueStore as _,
    conformance::specimen::{LEASE, claimed, enqueued, job},
};
use phagen_store_postgres::{
    PostgresStore,
    statement::{CLAIM, CLAIM_FAIRLY, COUNT_QUEUED},
};
use sqlx::{AssertSqlSafe, PgPool};

use crate::database::{Database, Way};

const N_JOBS: u32 = 100_000;

/// How Postgres goes about a statement of the driver, each parameter with a likely value.
fn explained(sql: &str, values: [&str; 5]) -> String {
    let numbered = (1..).zip(values);
    let filled = numbered.fold(sql.to_owned(), |sql, (n, value)| {
        sql.replace(&format!("${n}"), value)
    });
    format!("explain {filled}")
}

const TOKEN: &str = "'00000000-0000-0000-0000-000000000000'::uuid";

fn plain() -> String {
    explained(CLAIM, [TOKEN, "30000", "'worker'", "3600000", ""])
}

fn fair() -> String {
    explained(CLAIM_FAIRLY, [TOKEN, "30000", "'worker'", "3600000", "1"])
}

fn count_queued() -> String {
    explained(COUNT_QUEUED, ["'flood'", "1000", "", "", ""])
}

struct Bench {
    store: PostgresStore,
    rows: PgPool,
    _database: Database,
}

impl Bench {
    async fn new() -> Self {
        let database = Database::migrated().await;
        let rows = database.rows().await;
        // The statistics are the test's to make.
        sqlx::query("alter table job set (autovacuum_enabled = false)")
            .execute(&rows)
            .await
            .expect("a setting of the table");
        Self {
            store: database.store(Way::Direct).await,
            rows,
            _database: database,
        }
    }

    /// Older than any job that is enqueued, the first of them by 1,000 seconds.
    async fn fill(&self, tenant: &str) {
        let request = serde_json::to_string(&job("aspirin").request).expect("a request");
        let fill = format!(
            "insert into job (id, molecule_folded, molecule, request, state, run_at, attempt,
                max_attempts, n_events, created_at, tenant)
             select gen_random_uuid(), 'aspirin', 'aspirin', '{request}', 'queued',
                clock() - n * interval '10 milliseconds', 0, 3, 1, clock(), '{tenant}'
             from generate_series(1, {N_JOBS}) as n"
        );
        let filled = sqlx::query(AssertSqlSafe(fill)).execute(&self.rows).await;
        let n_filled = filled.expect("a backlog").rows_affected();
        assert_eq!(n_filled, u64::from(N_JOBS));
    }

    async fn analyze(&self) {
        let analyzed = sqlx::query("analyze job").execute(&self.rows).await;
        analyzed.expect("statistics");
    }

    /// Every look at the jobs is one into `index`, in its order, or at a row by its key.
    async fn looks_into(&self, sql: String, indexes: &[&str]) {
        let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_all(&self.rows)
            .await
            .expect("a plan");
        let mut looks = plan
            .iter()
            .filter(|line| line.contains("Scan") && line.contains(" on job"))
            // What it reads is what the index below it names.
            .filter(|line| !line.contains("Bitmap Heap Scan"))
            .peekable();
        assert!(looks.peek().is_some(), "{}", plan.join("\n"));
        for look in looks {
            // The few that run may come in any order, and by their state.
            if look.contains("Bitmap Index Scan on job_leased")
                || look.contains("Scan using job_newest_by_state on job")
            {
                continue;
            }
            let is_into = |index: &&str| look.contains(&format!("using {index} on job"));
            assert!(
                indexes.iter().chain(&["job_pkey"]).any(is_into),
                "{}",
                plan.join("\n")
            );
        }
        let by_state = plan
            .iter()
            .any(|line| line.contains("Index Cond: (state = 'queued'"));
        assert!(!by_state, "{}", plan.join("\n"));
        // The best of each priority are compared, and tenants that run jobs are counted.
        let sorts_jobs =
            |line: &String| line.contains("Sort Key: job") && !line.contains(".tenant COLLATE");
        assert!(!plan.iter().any(sorts_jobs), "{}", plan.join("\n"));
    }
}

#[tokio::test]
async fn a_claim_of_a_long_backlog_is_a_look_into_an_index() {
    let bench = Bench::new().await;
    bench.looks_into(plain(), &["job_due"]).await;
    bench.fill("").await;
    bench.looks_into(plain(), &["job_due"]).await;
    let stats = bench.store.queue_stats().await.expect("counts");
    assert_eq!(stats.n_queued, u64::from(N_JOBS));
    assert!(stats.oldest_due_seconds >= 1_000, "{stats:?}");
    let oldest = "select id from job order by run_at, id limit 500";
    let expected: Vec<uuid::Uuid> = sqlx::query_scalar(oldest)
        .fetch_all(&bench.rows)
        .await
        .expect("the oldest");
    for id in expected {
        assert_eq!(claimed(&bench.store).await.job.id.0, id);
    }
    bench.analyze().await;
    bench.looks_into(plain(), &["job_due"]).await;
    let mut urgent = job("aspirin");
    urgent.priority = Priority::URGENT;
    bench.store.enqueue(&urgent, None).await.expect("a job");
    assert_eq!(claimed(&bench.store).await.job.id, urgent.id);
}

#[tokio::test]
async fn a_fair_claim_steps_over_the_flood_of_a_tenant() {
    let bench = Bench::new().await;
    let looks = async || {
        bench
            .looks_into(fair(), &["job_due_by_tenant", "job_leased"])
            .await;
        bench
            .looks_into(count_queued(), &["job_due_by_tenant"])
            .await;
    };
    looks().await;
    bench.fill("flood").await;
    looks().await;
    let one = NonZeroU32::MIN;
    let claim = async || {
        let claim = bench.store.claim_fairly("worker-1", LEASE, one).await;
        claim.expect("a claim").map(|claim| claim.job)
    };
    let flood = claim().await.expect("the oldest of the flood");
    assert_eq!(flood.tenant.as_deref(), Some("flood"));
    assert_eq!(claim().await, None);
    for tenant in [None, Some("another"), Some("zed")] {
        let mut job = job("aspirin");
        job.tenant = tenant.map(str::to_owned);
        bench.store.enqueue(&job, None).await.expect("a job");
    }
    looks().await;
    bench.analyze().await;
    looks().await;
    for tenant in [None, Some("another"), Some("zed")] {
        let job = claim().await.expect("a job of somebody else");
        assert_eq!(job.tenant.as_deref(), tenant);
    }
    assert_eq!(claim().await, None);
    enqueued(&bench.store, "aspirin").await;
    assert_eq!(claim().await.expect("a job").tenant, None);
}
