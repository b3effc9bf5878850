//! Processes die until every job has ended.

use std::time::Duration;

use anyhow::{Result, bail};
use phagen_domain::job::{JobId, JobState};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{
    cluster::{Cluster, N_WORKERS},
    place::Place,
    slow_source::{POISON, SLOT},
};

const N_JOBS: usize = 600;
const N_POISON: usize = 3;
const KILL_EVERY: Duration = Duration::from_millis(350);
/// How often poison jobs are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(40);
const PATIENCE: Duration = Duration::from_mins(8);
const SEED: u64 = 20_261_123;

/// What was asked for.
pub(crate) struct Asked {
    pub(crate) id: JobId,
    pub(crate) molecule: String,
    pub(crate) is_poison: bool,
}

/// What was done to the workers.
pub(crate) struct Storm {
    pub(crate) n_killed: u32,
    /// Of these, because of a poison job.
    pub(crate) n_poisoned: u32,
    pub(crate) took: Duration,
}

pub(crate) async fn submit(cluster: &Cluster) -> Result<Vec<Asked>> {
    let mut jobs = Vec::new();
    for number in 0..N_JOBS + N_POISON {
        // Spread among the others.
        let is_poison = number % (N_JOBS / N_POISON) == 100;
        let kind = if is_poison { POISON } else { "substance" };
        let molecule = format!("{kind} {number}");
        let body = json!({ "molecule": molecule, "sources": [SLOT] });
        let answer = cluster.post("/api/jobs", &body).await?;
        jobs.push(Asked {
            id: serde_json::from_value(answer["job_id"].clone())?,
            molecule,
            is_poison,
        });
    }
    Ok(jobs)
}

pub(crate) async fn rage(cluster: &mut Cluster, place: &Place, jobs: &[Asked]) -> Result<Storm> {
    let begun = Instant::now();
    let mut chance = StdRng::seed_from_u64(SEED);
    let mut storm = Storm {
        n_killed: 0,
        n_poisoned: 0,
        took: Duration::ZERO,
    };
    let (mut kill, mut look) = (interval(KILL_EVERY), interval(LOOK_EVERY));
    // A kill that took long is not made up for by two at once.
    kill.set_missed_tick_behavior(MissedTickBehavior::Delay);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = kill.tick() => {
                cluster.kill(place, chance.random_range(0..N_WORKERS))?;
                storm.n_killed += 1;
            }
            _ = look.tick() => {
                for victim in poisoned(cluster, place, jobs).await? {
                    cluster.kill(place, victim)?;
                    storm.n_killed += 1;
                    storm.n_poisoned += 1;
                }
                if have_ended(place).await? {
                    storm.took = begun.elapsed();
                    return Ok(storm);
                }
            }
        }
        if begun.elapsed() > PATIENCE {
            let stats = place.store.queue_stats().await?;
            bail!("after {PATIENCE:?} the queue holds {stats:?}");
        }
    }
}

/// Workers that hold a poison job now.
async fn poisoned(cluster: &Cluster, place: &Place, jobs: &[Asked]) -> Result<Vec<usize>> {
    let mut victims = Vec::new();
    for poison in jobs.iter().filter(|job| job.is_poison) {
        let job = place.store.find_job(poison.id).await?;
        if !job.is_some_and(|job| matches!(job.state, JobState::Running { .. })) {
            continue;
        }
        let events = place.store.list_events(poison.id, 0).await?;
        let claim = events.iter().rev().find(|event| event.kind == "running");
        let worker = claim.and_then(|event| event.data["worker"].as_str());
        // A worker is called after its process.
        let pid = worker.and_then(|name| name.split('-').next()?.parse().ok());
        victims.extend(pid.and_then(|pid| cluster.worker_of(pid)));
    }
    victims.sort_unstable();
    victims.dedup();
    Ok(victims)
}

async fn have_ended(place: &Place) -> Result<bool> {
    let stats = place.store.queue_stats().await?;
    Ok(stats.n_queued + stats.n_scheduled + stats.n_running == 0)
}
