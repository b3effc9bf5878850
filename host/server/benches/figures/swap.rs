//! Versions swapped under load: what it costs the jobs, and what it leaves behind.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use phagen_domain::{
    job::{JobId, JobRequest, JobState},
    plugin::{Cause, Slot, SlotName, Verb},
};
use phagen_server::{house::House, worker};
use phagen_store::{NewJob, SlotMove};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    install,
    setting::{MOLECULES, Setting},
};

const N_WORKERS: usize = 2;
/// Jobs by which the highest rate is measured.
const N_PEAK: usize = 600;
const N_WINDOWS: usize = 10;
const SWAPS_PER_WINDOW: usize = 200;
const WINDOW: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) fn measure(setting: &Setting) -> Result<()> {
    let mut settings = setting.settings(setting.data.path());
    settings.cache.enabled = false;
    settings.worker.count = N_WORKERS;
    let runtime = &setting.runtime;
    let house = Arc::new(runtime.block_on(House::open(settings))?);
    let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
    runtime.block_on(async {
        worker::start(&house, || {}, &tasks, &shutdown).await?;
        tasks.spawn(Arc::clone(&house.fleet).run(shutdown.clone()));
        run(&house).await?;
        shutdown.cancel();
        tasks.close();
        tasks.wait().await;
        anyhow::Ok(())
    })
}

async fn run(house: &Arc<House>) -> Result<()> {
    let slot: SlotName = "reranker".parse()?;
    let versions = install::versions_of_reranker(house, 2).await?;
    load(house, N_PEAK, None).await?;
    let begun = Instant::now();
    load(house, N_PEAK, None).await?;
    let peak = N_PEAK as f64 / begun.elapsed().as_secs_f64();
    println!("  peak, {N_WORKERS} workers                   {peak:.0} jobs a second");

    let pace = Duration::from_secs_f64(2.0 / peak);
    let n_jobs = (WINDOW.as_secs_f64() / pace.as_secs_f64()) as usize;
    let (mut ratios, mut n_failed, mut n_done, mut resident) = (Vec::new(), 0, 0, Vec::new());
    let (mut quiet_p99, mut swap_p99) = (Vec::new(), Vec::new());
    for window in 0..N_WINDOWS {
        let quiet = load(house, n_jobs, Some(pace)).await?;
        let (swapped, swaps) = tokio::join!(
            load(house, n_jobs, Some(pace)),
            swap(house, &slot, &versions)
        );
        let (swapped, took) = (swapped?, swaps?);
        n_failed += quiet.n_failed + swapped.n_failed;
        n_done += 2 * n_jobs;
        ratios.push(swapped.p99 / quiet.p99);
        quiet_p99.push(quiet.p99);
        swap_p99.push(swapped.p99);
        resident.push(resident_bytes()?);
        if window == 0 {
            println!(
                "  one swap, decided to served       {:.1} ms (mean of {SWAPS_PER_WINDOW})",
                took * 1e3
            );
        }
    }
    println!(
        "  {} swaps at half the peak      {n_failed} of {n_done} jobs failed",
        N_WINDOWS * SWAPS_PER_WINDOW
    );
    println!(
        "  p99 of a job, quiet and swapping  {:.1} and {:.1} ms; ratio {:.2} (medians of {N_WINDOWS} windows)",
        median(&mut quiet_p99) * 1e3,
        median(&mut swap_p99) * 1e3,
        median(&mut ratios)
    );
    println!(
        "  memory after {} and {} swaps   {:.1} and {:.1} MB",
        SWAPS_PER_WINDOW,
        N_WINDOWS * SWAPS_PER_WINDOW,
        resident[0] / 1e6,
        resident[N_WINDOWS - 1] / 1e6
    );
    Ok(())
}

struct Load {
    p99: f64,
    n_failed: usize,
}

/// Submits jobs, at once or each `pace` after the one before, and waits for the last.
async fn load(house: &Arc<House>, n_jobs: usize, pace: Option<Duration>) -> Result<Load> {
    let begun = tokio::time::Instant::now();
    let mut ids = Vec::new();
    for turn in 0..n_jobs {
        if let Some(pace) = pace {
            let turn = u32::try_from(turn)?;
            tokio::time::sleep_until(begun + pace * turn).await;
        }
        let request = JobRequest {
            molecule: MOLECULES[turn % MOLECULES.len()].to_owned(),
            smiles: None,
            synonyms: Vec::new(),
            sources: None,
            limit: JobRequest::DEFAULT_LIMIT,
            record: false,
        };
        let job = NewJob::new(request, 1);
        house.store.enqueue(&job, None).await?;
        house.wake.notify_one();
        ids.push(job.id);
    }
    let (mut seconds, mut n_failed) = (Vec::new(), 0);
    for id in ids {
        match ended(house, id).await? {
            Some(took) => seconds.push(took),
            None => n_failed += 1,
        }
    }
    seconds.sort_unstable_by(f64::total_cmp);
    ensure!(!seconds.is_empty(), "no job succeeded");
    let p99 = seconds[(seconds.len() - 1) * 99 / 100];
    Ok(Load { p99, n_failed })
}

/// Seconds from submission to result by the database's clock; none when it failed.
async fn ended(house: &House, id: JobId) -> Result<Option<f64>> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let job = house.store.find_job(id).await?.context("the job is gone")?;
        match job.state {
            JobState::Succeeded { finished_at, .. } => {
                return Ok(Some(seconds(job.created_at, finished_at)));
            }
            JobState::Failed { .. } | JobState::Cancelled { .. } => return Ok(None),
            JobState::Queued { .. } | JobState::Running { .. } => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
    Ok(None)
}

fn seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    // The database counts in milliseconds.
    ((to - from).num_milliseconds() as f64 / 1e3).max(0.001)
}

/// Swaps for one window; the mean seconds from the decision until this process serves it.
async fn swap(house: &Arc<House>, slot: &SlotName, versions: &[Slot]) -> Result<f64> {
    let pace = WINDOW / u32::try_from(SWAPS_PER_WINDOW)?;
    let begun = tokio::time::Instant::now();
    let mut took = Duration::ZERO;
    for turn in 0..SWAPS_PER_WINDOW {
        tokio::time::sleep_until(begun + pace * u32::try_from(turn)?).await;
        let decided = Instant::now();
        let rows = house.store.list_slots().await?;
        let row = rows
            .iter()
            .find(|row| row.name == *slot)
            .context("no slot")?;
        let mut to = row.clone();
        to.previous = Some(row.serving.clone());
        to.serving = versions[turn % versions.len()].serving.clone();
        let moved = house
            .store
            .move_slot(&SlotMove {
                expected: Some(row.generation),
                digest: to.serving.plugin_digest,
                to,
                cause: Cause::host(Verb::Activate, "the benchmark"),
                key: None,
                admits_quarantined: false,
            })
            .await?;
        house.fleet.nudge();
        while house.fleet.serving().set_generation < moved.event.seq {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        took += decided.elapsed();
    }
    Ok(took.as_secs_f64() / SWAPS_PER_WINDOW as f64)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn resident_bytes() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no `VmRSS`")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024.0)
}
