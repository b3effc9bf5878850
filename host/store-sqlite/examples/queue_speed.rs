//! How fast the queue is on this machine's disk: `cargo run --release -p phagen-store-sqlite
//! --example queue_speed -- [FOLDER]`. Prints jobs a second for one caller and for eight, and what
//! the database adds to one job, with a small result and with one of forty pieces of evidence.

use std::{
    env,
    io::{Write as _, stdout},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use phagen_domain::{job::Stage, result::JobResult};
use phagen_store::{
    QueueStore as _,
    conformance::specimen::{job, progress, result},
};
use phagen_store_sqlite::SqliteStore;
use tokio::task::JoinSet;

const N_JOBS: u32 = 2_000;
const N_CALLERS: u32 = 8;
const N_WHOLE_JOBS: usize = 500;
const LEASE: Duration = Duration::from_mins(1);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let parent = env::args_os()
        .nth(1)
        .map_or_else(env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(parent)?;
    let store = SqliteStore::open(&folder.path().join("speed.db")).await?;

    let begun = Instant::now();
    for _ in 0..4 * N_JOBS {
        store.enqueue(&job("aspirin"), None).await?;
    }
    say("enqueue, one caller", begun, 4 * N_JOBS)?;

    for result in [Arc::new(result("aspirin")), Arc::new(big_result())] {
        let result_bytes = serde_json::to_vec(&*result)?.len();
        writeln!(stdout(), "with a result of {result_bytes} bytes:")?;
        say_claims(&store, &result).await?;
        say_whole_jobs(&store, &result).await?;
    }
    store.close().await;
    Ok(())
}

async fn say_claims(store: &SqliteStore, result: &Arc<JobResult>) -> anyhow::Result<()> {
    let begun = Instant::now();
    for _ in 0..N_JOBS {
        claim_and_finish(store, result).await?;
    }
    say("  claim + finish, one caller", begun, N_JOBS)?;

    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..N_CALLERS {
        let (store, result) = (store.clone(), result.clone());
        callers.spawn(async move {
            for _ in 0..N_JOBS / N_CALLERS {
                claim_and_finish(&store, &result).await?;
            }
            anyhow::Ok(())
        });
    }
    for outcome in callers.join_all().await {
        outcome?;
    }
    say("  claim + finish, eight callers", begun, N_JOBS)
}

async fn claim_and_finish(store: &SqliteStore, result: &JobResult) -> anyhow::Result<()> {
    let claim = store.claim("worker-1", LEASE).await?;
    let lease = claim.context("the backlog ended")?.lease;
    store.finish(&lease, result).await?;
    Ok(())
}

async fn say_whole_jobs(store: &SqliteStore, result: &JobResult) -> anyhow::Result<()> {
    let mut whole = Vec::new();
    for _ in 0..N_WHOLE_JOBS {
        let begun = Instant::now();
        one_job(store, result).await?;
        whole.push(begun.elapsed());
    }
    whole.sort();
    let milliseconds = |percent: usize| whole[N_WHOLE_JOBS * percent / 100].as_secs_f64() * 1e3;
    writeln!(
        stdout(),
        "  enqueue + claim + 7 reports + finish + find: p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms",
        milliseconds(50),
        milliseconds(90),
        milliseconds(99),
    )?;
    Ok(())
}

/// Every statement that a job costs, from its request to its answer.
async fn one_job(store: &SqliteStore, result: &JobResult) -> anyhow::Result<()> {
    let new = job("aspirin");
    store.enqueue(&new, None).await?;
    let claim = store.claim("worker-1", LEASE).await?;
    let lease = claim.context("the job is due")?.lease;
    for stage in Stage::ALL {
        let report = progress(stage, "4 of 5 sources answered");
        store.report_progress(&lease, &report).await?;
    }
    store.finish(&lease, result).await?;
    store.find_job(new.id).await?.context("the job is there")?;
    Ok(())
}

/// As long as an answer of forty pieces of evidence.
fn big_result() -> JobResult {
    let mut result = result("aspirin");
    for evidence in result.evidence.values_mut() {
        let one = evidence.clone();
        evidence.extend(one.iter().cycle().take(one.len() * 19).cloned());
        for ranked in evidence {
            for passage in &mut ranked.evidence.passages {
                passage.text = passage.text.repeat(30);
            }
        }
    }
    result
}

fn say(what: &str, begun: Instant, n_jobs: u32) -> anyhow::Result<()> {
    let rate = f64::from(n_jobs) / begun.elapsed().as_secs_f64();
    writeln!(
        stdout(),
        "{what}: {rate:.0} jobs a second, {:.2} ms each",
        1e3 / rate
    )?;
    Ok(())
}
