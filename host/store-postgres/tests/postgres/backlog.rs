//! A claim stays a few looks into an index: with a plan made while the queue was empty, and with one
//! made while 100,000 jobs wait, whether the statistics know of them or not.

use std::num::NonZeroU32;

use phagen_domain::job::Priority;
use phagen_store::{
    QueueStore as _,
    conformance::specimen::{LEASE, claimed, enqueued, job},
};
use phagen_store_postgres::PostgresStore;
use sqlx::{AssertSqlSafe, PgPool};

use crate::database::{Database, Way};

const N_JOBS: u32 = 100_000;

/// What the driver asks, before it changes the row.
const PLAIN: &str = "
explain with lane as (
    select class.priority, oldest.run_at + class.priority * 3600000 * interval '1 millisecond' as rank
    from (values (1), (2), (3), (4)) as class (priority)
    cross join lateral (
        select run_at from job
        where state = 'queued' and attempt >= 0 and job.priority = class.priority
            and run_at <= clock()
        order by run_at, id limit 1
    ) as oldest
)
select oldest.id
from (select priority from lane order by rank, priority) as best
cross join lateral (
    select id from job
    where state = 'queued' and attempt >= 0 and job.priority = best.priority
        and run_at <= clock()
    order by run_at, id limit 1
    for no key update skip locked
) as oldest
limit 1";

const FAIR: &str = "
explain with recursive waiting (name) as (
    (select tenant from job where state = 'queued' order by tenant limit 1)
    union all
    select next.tenant
    from waiting
    cross join lateral (
        select job.tenant from job
        where state = 'queued' and job.tenant > waiting.name
        order by job.tenant limit 1
    ) as next
)
select oldest.id
from waiting
cross join (values (1), (2), (3), (4)) as class (priority)
cross join lateral (
    select id, run_at from job
    where state = 'queued' and job.tenant = waiting.name
        and job.priority = class.priority and run_at <= clock()
    order by run_at, id limit 1
) as oldest
order by oldest.run_at + class.priority * 3600000 * interval '1 millisecond',
    class.priority, oldest.id
limit 1";

const COUNT_QUEUED: &str = "
explain select count(*) from (
    select from job where state = 'queued' and tenant = 'flood'
    order by priority, run_at, id limit 1000
) as queued";

struct Bench {
    store: PostgresStore,
    rows: PgPool,
    _database: Database,
}

impl Bench {
    async fn new() -> Self {
        let database = Database::migrated().await;
        Self {
            store: database.store(Way::Direct).await,
            rows: database.rows().await,
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

    /// Every look at the jobs is one into `index`, in its order.
    async fn looks_into(&self, sql: &'static str, index: &str) {
        let plan: Vec<String> = sqlx::query_scalar(sql)
            .fetch_all(&self.rows)
            .await
            .expect("a plan");
        let mut looks = plan
            .iter()
            .filter(|line| line.contains(" on job"))
            .peekable();
        assert!(looks.peek().is_some(), "{}", plan.join("\n"));
        for look in looks {
            assert!(
                look.contains(&format!("using {index} on job")),
                "{}",
                plan.join("\n")
            );
        }
        let sorts_jobs = plan.iter().any(|line| line.contains("Sort Key: job"));
        assert!(!sorts_jobs, "{}", plan.join("\n"));
    }
}

#[tokio::test]
async fn a_claim_of_a_long_backlog_is_a_look_into_an_index() {
    let bench = Bench::new().await;
    bench.looks_into(PLAIN, "job_due").await;
    bench.fill("").await;
    bench.looks_into(PLAIN, "job_due").await;
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
    bench.looks_into(PLAIN, "job_due").await;
    let mut urgent = job("aspirin");
    urgent.priority = Priority::URGENT;
    bench.store.enqueue(&urgent, None).await.expect("a job");
    assert_eq!(claimed(&bench.store).await.job.id, urgent.id);
}

#[tokio::test]
async fn a_fair_claim_steps_over_the_flood_of_a_tenant() {
    let bench = Bench::new().await;
    let looks = async || {
        bench.looks_into(FAIR, "job_due_by_tenant").await;
        bench.looks_into(COUNT_QUEUED, "job_due_by_tenant").await;
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
