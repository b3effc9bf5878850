//! A server that all processes need goes away in the middle of the work and comes back.

use std::{fmt, sync::Arc, time::Duration};

use anyhow::{Result, bail};
use uuid::Uuid;

use super::{
    Engine, Size,
    cluster::{Cluster, Submitted},
    figures::Figures,
    jobs::{Jobs, molecule},
    kit::Kit,
    place::Place,
    storm::{begin, told},
};

/// Which server goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    /// Shut down fast and immediately, by turns.
    Postgres,
    /// Killed.
    Pooler,
    /// Killed.
    Redis,
}

impl Gone {
    /// What `/ready` says while it is gone.
    fn readiness(self) -> &'static str {
        match self {
            Self::Postgres | Self::Pooler => "failed",
            Self::Redis => "degraded",
        }
    }

    async fn stop(self, place: &mut Place, number: usize) -> Result<()> {
        let servers = place.servers();
        match self {
            Self::Postgres => servers.postgres.stop(["INT", "QUIT"][number % 2]).await,
            Self::Pooler => servers.pooler.stop("KILL").await,
            Self::Redis => servers.redis.stop("KILL").await,
        }
    }

    async fn start_again(self, place: &mut Place) -> Result<()> {
        let servers = place.servers();
        match self {
            Self::Postgres => servers.postgres.start_again().await,
            Self::Pooler => servers.pooler.start_again().await,
            Self::Redis => servers.redis.start_again().await,
        }
    }
}

pub(crate) async fn of(gone: Gone, kit: &Arc<Kit>, size: Size) -> Result<Figures> {
    let mut place = Place::new(kit, Engine::Postgres).await?;
    if gone == Gone::Redis {
        let port = place.servers().redis.port;
        place.set("PHAGEN_CACHE__ENABLED", "true");
        place.set(
            "PHAGEN_CACHE__REDIS_URL",
            format!("redis://127.0.0.1:{port}"),
        );
    }
    let (mut cluster, _source) = begin(&place, size).await?;
    let mut jobs = Jobs::default();
    jobs.submit(&cluster.api.caller, size.n_jobs).await?;
    let gone_by = outages(gone, &mut place, &cluster, &mut jobs, size).await;
    let mut figures = told(gone_by, &place)?;
    let n_ended = cluster.n_ended()?;
    figures.must(n_ended == 0, "processes that ended over it", n_ended);
    let judged = jobs.judge(&place, &mut figures).await?;
    figures.tell("claimed again", judged.n_claimed_again);
    Ok(figures)
}

/// Each begins after an equal part of the jobs has ended.
async fn outages(
    gone: Gone,
    place: &mut Place,
    cluster: &Cluster,
    jobs: &mut Jobs,
    size: Size,
) -> Result<Figures> {
    let mut healed = Longest::default();
    let mut n_refused = 0;
    for number in 0..size.n_outages {
        let n_left = size.n_jobs * (size.n_outages - number) / (size.n_outages + 1);
        place.until_open(n_left as u64).await?;
        gone.stop(place, number).await?;
        cluster.api.until_ready(gone.readiness()).await?;
        let (molecule, key) = (molecule(size.n_jobs + number), Uuid::new_v4());
        match (gone, cluster.api.caller.submit(&molecule, key).await) {
            (Gone::Redis, Submitted::Accepted(_)) => {
                // Whoever works does not miss it.
                let n_open = place.n_open().await?;
                place.until_open(n_open.saturating_sub(N_MEANWHILE)).await?;
            }
            (Gone::Postgres | Gone::Pooler, Submitted::Refused) => n_refused += 1,
            (gone, submitted) => bail!("{gone:?} is gone, and a request is {submitted}"),
        }
        gone.start_again(place).await?;
        healed.count(cluster.api.until_ready("ok").await?);
        // The same request again, under its key: one job, whatever became of the first.
        let id = cluster.api.caller.submit_surely(&molecule, key).await?;
        jobs.add(id, molecule);
    }
    place.until_open(0).await?;
    let mut figures = Figures::default();
    figures.tell(
        "times it was gone in the middle of the work",
        size.n_outages,
    );
    figures.tell(
        "of these `/ready` said so, then healed",
        format!("{} ({}), {healed}", size.n_outages, gone.readiness()),
    );
    if gone != Gone::Redis {
        figures.tell("requests meanwhile, refused with 503", n_refused);
    }
    Ok(figures)
}

/// Jobs that end while Redis is gone, before it comes back.
const N_MEANWHILE: u64 = 5;

#[derive(Default)]
struct Longest {
    n: usize,
    longest: Duration,
}

impl Longest {
    fn count(&mut self, took: Duration) {
        self.n += 1;
        self.longest = self.longest.max(took);
    }
}

impl fmt::Display for Longest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.longest.as_secs_f64();
        write!(f, "{} (within {seconds:.1} s of its start)", self.n)
    }
}
