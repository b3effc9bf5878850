//! How fast the queue is on Postgres: `cargo xtask services --durable cargo run --release -p
//! phagen-store-postgres --example queue_speed`. Prints jobs a second for claim and finish, each job
//! acknowledged on disk, by 8 workers of 4 slots, each worker with a pool of its own: directly and
//! through the pooler. Ends with an error if any of them was slower than what is aimed at.

use std::{
    env,
    io::{Write as _, stdout},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use phagen_domain::result::JobResult;
use phagen_store::{
    QueueStore as _,
    conformance::specimen::{job, result},
};
use phagen_store_postgres::PostgresStore;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::task::JoinSet;

const N_WORKERS: u32 = 8;
const N_SLOTS: u32 = 4;
const N_JOBS: u32 = 6_000;
const N_ENQUEUERS: u32 = 8;
const LEASE: Duration = Duration::from_mins(1);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let direct = address("PHAGEN_TEST_POSTGRES")?;
    let pooled = address("PHAGEN_TEST_PGBOUNCER")?;
    let mut server = PgConnection::connect(&format!("{direct}/postgres")).await?;
    let durable: (String, String) =
        sqlx::query_as("select current_setting('fsync'), current_setting('synchronous_commit')")
            .fetch_one(&mut server)
            .await?;
    writeln!(
        stdout(),
        "fsync {}, synchronous_commit {}, {N_WORKERS} workers of {N_SLOTS} slots, a pool each",
        durable.0,
        durable.1
    )?;
    ensure!(durable == ("on".into(), "on".into()), "pass `--durable`");
    server.execute("create database queue_speed").await?;
    PostgresStore::migrate(&format!("{direct}/queue_speed")).await?;
    let result = Arc::new(result("aspirin"));
    let mut missed = Vec::new();
    for (way, base, aim) in [("direct", direct, 1_000.0), ("pgBouncer", pooled, 450.0)] {
        let url = format!("{base}/queue_speed");
        let rate = measure(way, &url, &result).await?;
        if rate < aim {
            missed.push(format!("{way}: {rate:.0} of {aim:.0}"));
        }
    }
    ensure!(
        missed.is_empty(),
        "slower than aimed at: {}",
        missed.join(", ")
    );
    Ok(())
}

fn address(variable: &'static str) -> anyhow::Result<String> {
    env::var_os(variable)
        .and_then(|value| value.into_string().ok())
        .with_context(|| {
            format!("`{variable}` is not set: run by `cargo xtask services --durable`")
        })
}

async fn measure(way: &str, url: &str, result: &Arc<JobResult>) -> anyhow::Result<f64> {
    let store = PostgresStore::open(url, N_ENQUEUERS).await?;
    let begun = Instant::now();
    let mut enqueuers = JoinSet::new();
    for _ in 0..N_ENQUEUERS {
        let store = store.clone();
        enqueuers.spawn(async move {
            for _ in 0..N_JOBS / N_ENQUEUERS {
                store.enqueue(&job("aspirin"), None).await?;
            }
            anyhow::Ok(())
        });
    }
    for enqueued in enqueuers.join_all().await {
        enqueued?;
    }
    say(way, "enqueue, 8 callers", begun)?;

    let mut workers = Vec::new();
    for _ in 0..N_WORKERS {
        workers.push(PostgresStore::open(url, N_SLOTS).await?);
    }
    let begun = Instant::now();
    let mut slots = JoinSet::new();
    for worker in workers.iter().cycle().take((N_WORKERS * N_SLOTS) as usize) {
        let (store, result) = (worker.clone(), result.clone());
        slots.spawn(async move {
            let mut n_done = 0_u32;
            while let Some(claimed) = store.claim("worker", LEASE).await? {
                store.finish(&claimed.lease, &result).await?;
                n_done += 1;
            }
            anyhow::Ok(n_done)
        });
    }
    let mut n_done = 0;
    for slot in slots.join_all().await {
        n_done += slot?;
    }
    ensure!(n_done == N_JOBS, "{n_done} of {N_JOBS} jobs were done");
    let rate = say(way, "claim + finish", begun)?;
    for worker in workers {
        worker.close().await;
    }
    store.close().await;
    Ok(rate)
}

fn say(way: &str, what: &str, begun: Instant) -> anyhow::Result<f64> {
    let rate = f64::from(N_JOBS) / begun.elapsed().as_secs_f64();
    writeln!(stdout(), "{way}: {what}: {rate:.0} jobs a second")?;
    Ok(rate)
}
