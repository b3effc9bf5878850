//! How soon a new worker process is of use: from its start to the claim of a job that waits, with the
//! guests compiled already, as after a restart or when a cluster grows.

use std::{
    process::{Child, Stdio},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use phagen_domain::job::JobId;
use phagen_store::NewJob;

use crate::{
    analysis::request,
    engine::{Engine, Place},
    setting::{MOLECULES, Setting},
    timing::Timings,
};

const N_STARTS: usize = 15;
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(5);

pub(crate) fn measure(setting: &Setting) -> Result<()> {
    for engine in Engine::ALL {
        let place = Place::make(setting, engine)?;
        let mut starts = Vec::new();
        for n in 0..N_STARTS {
            let molecule = MOLECULES[n % MOLECULES.len()];
            starts.push(setting.runtime.block_on(start(setting, &place, molecule))?);
        }
        println!(
            "  start of a worker to its first claim, {:<17}{}",
            engine.as_str(),
            Timings::of(starts).summary()
        );
        place.clear(setting)?;
    }
    Ok(())
}

/// Stopped when dropped.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn start(setting: &Setting, place: &Place, molecule: &str) -> Result<Duration> {
    let job = NewJob::new(request(molecule), 3);
    place.store.enqueue(&job, None).await?;
    let begun = DateTime::<Utc>::from(SystemTime::now());
    let worker = place
        .phagen(setting)
        .args(["worker", "--count", "1"])
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start `{}`", setting.binary.display()))?;
    let _worker = Worker(worker);
    let claimed = at(place, job.id, "running").await?;
    // It ends its job, so that the next start finds its own and no other.
    at(place, job.id, "succeeded").await?;
    // Both are times of this machine; the database's is in whole milliseconds.
    Ok((claimed - begun).to_std().unwrap_or_default())
}

/// When the job came to be so, by the database's clock.
async fn at(place: &Place, job: JobId, kind: &str) -> Result<DateTime<Utc>> {
    let begun = std::time::Instant::now();
    while begun.elapsed() < PATIENCE {
        let events = place.store.list_events(job, 0).await?;
        if let Some(event) = events.iter().find(|event| event.kind == kind) {
            return Ok(event.at);
        }
        tokio::time::sleep(POLL).await;
    }
    bail!("job `{job}` was not {kind} within {PATIENCE:?}")
}
