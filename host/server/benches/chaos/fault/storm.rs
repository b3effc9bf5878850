//! Workers die, or are asked to stop, until every job has ended.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, bail};
use phagen_domain::job::JobState;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{
    Engine, Size,
    cluster::{Api, Cluster, pid_in},
    figures::Figures,
    jobs::Jobs,
    kit::Kit,
    place::{MAX_ATTEMPTS, Place},
    slow_source::SlowSource,
};

const EVERY: Duration = Duration::from_millis(350);
/// How often poison jobs are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(40);
const PATIENCE: Duration = Duration::from_mins(8);
const SEED: u64 = 20_261_123;

/// One worker is killed every 350 ms, and whichever claims a poison job is killed for it.
pub(crate) async fn of_kills(kit: &Arc<Kit>, engine: Engine, size: Size) -> Result<Figures> {
    let mut place = Place::new(kit, engine).await?;
    let (mut cluster, _source) = begin(&place, size).await?;
    let jobs = submit_with_poison(&mut place, &cluster, size).await?;
    let raged = kill_until_ended(&mut cluster, &place, &jobs).await;
    let mut figures = told(raged, &place)?;
    let judged = jobs.judge(&place, &mut figures).await?;
    figures.must(
        judged.n_discarded == size.n_poison,
        "poison discarded at its limit, no sooner",
        format!(
            "{} of {} (attempt {})",
            judged.n_discarded, size.n_poison, size.poison_attempts
        ),
    );
    figures.tell("claimed again", judged.n_claimed_again);
    Ok(figures)
}

/// One worker gets SIGTERM every 350 ms and no time to finish; another starts when it has ended.
pub(crate) async fn of_stops(kit: &Arc<Kit>, engine: Engine, size: Size) -> Result<Figures> {
    let mut place = Place::new(kit, engine).await?;
    place.set("PHAGEN_WORKER__DRAIN_SECONDS", "0");
    place.lease_long();
    let (mut cluster, _source) = begin(&place, size).await?;
    let mut jobs = Jobs::default();
    jobs.submit(&cluster.api.caller, size.n_jobs).await?;
    let raged = stop_until_ended(&mut cluster, &place).await;
    let mut figures = told(raged, &place)?;
    let judged = jobs.judge(&place, &mut figures).await?;
    figures.must(
        judged.n_claimed_again > 0,
        "handed back in the middle, claimed again",
        judged.n_claimed_again,
    );
    let used = judged.n_attempts_used;
    figures.must(used == 0, "attempts used up by it", used);
    Ok(figures)
}

/// Poison in the middle of the others, and with fewer attempts: from an API that gives no more.
async fn submit_with_poison(place: &mut Place, cluster: &Cluster, size: Size) -> Result<Jobs> {
    let mut jobs = Jobs::default();
    let n_before = size.n_jobs / 2;
    jobs.submit(&cluster.api.caller, n_before).await?;
    place.set(MAX_ATTEMPTS, size.poison_attempts.to_string());
    let strict = Api::start(place)?;
    strict.until_ready("ok").await?;
    jobs.submit_long(&strict.caller, size.n_poison).await?;
    jobs.poison_long_ones();
    jobs.submit(&cluster.api.caller, size.n_jobs - n_before)
        .await?;
    Ok(jobs)
}

pub(crate) async fn begin(place: &Place, size: Size) -> Result<(Cluster, SlowSource)> {
    let source = SlowSource::start().await?;
    let cluster = Cluster::start(place, size.n_workers).await?;
    source.install(place.kit(), &cluster.api.caller).await?;
    Ok((cluster, source))
}

/// What the run told; what stopped it, with what the processes said last.
pub(crate) fn told(run: Result<Figures>, place: &Place) -> Result<Figures> {
    run.map_err(|error| {
        let words = place.last_words();
        error.context(format!("the run was stopped\n{words}"))
    })
}

async fn kill_until_ended(cluster: &mut Cluster, place: &Place, jobs: &Jobs) -> Result<Figures> {
    let begun = Instant::now();
    let mut chance = StdRng::seed_from_u64(SEED);
    let (mut n_killed, mut n_poisoned) = (0, 0);
    let (mut kill, mut look) = (interval(EVERY), interval(LOOK_EVERY));
    // A kill that took long is not made up for by two at once.
    kill.set_missed_tick_behavior(MissedTickBehavior::Delay);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // First the look: where starts are slow both are always due, and a poison job must not end
            // unseen.
            biased;
            _ = look.tick() => {
                for victim in poisoned(cluster, place, jobs).await? {
                    cluster.kill(place, victim)?;
                    n_killed += 1;
                    n_poisoned += 1;
                }
                if place.n_open().await? == 0 {
                    break;
                }
            }
            _ = kill.tick() => {
                cluster.kill(place, chance.random_range(0..cluster.n_workers()))?;
                n_killed += 1;
            }
        }
        if begun.elapsed() > PATIENCE {
            bail!("after {PATIENCE:?} {} jobs are open", place.n_open().await?);
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let mut figures = Figures::default();
    figures.tell(
        "workers killed (kill -9)",
        format!("{n_killed} in {seconds:.0} s, {n_poisoned} of them over a poison job"),
    );
    Ok(figures)
}

/// Workers that hold a poison job now.
async fn poisoned(cluster: &Cluster, place: &Place, jobs: &Jobs) -> Result<Vec<usize>> {
    let mut victims = Vec::new();
    for poison in jobs.asked.iter().filter(|job| job.is_poison) {
        let job = place.store().find_job(poison.id).await?;
        if !job.is_some_and(|job| matches!(job.state, JobState::Running { .. })) {
            continue;
        }
        let events = place.store().list_events(poison.id, 0).await?;
        let claim = events.iter().rev().find(|event| event.kind == "running");
        let worker = claim.and_then(|event| event.data["worker"].as_str());
        let pid = worker.map(pid_in).transpose()?;
        victims.extend(pid.and_then(|pid| cluster.worker_of(pid)));
    }
    victims.sort_unstable();
    victims.dedup();
    Ok(victims)
}

async fn stop_until_ended(cluster: &mut Cluster, place: &Place) -> Result<Figures> {
    let begun = Instant::now();
    let mut chance = StdRng::seed_from_u64(SEED);
    let (mut n_stopped, mut n_well) = (0, 0);
    let mut stop = interval(EVERY);
    stop.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while place.n_open().await? > 0 {
        stop.tick().await;
        let at = chance.random_range(0..cluster.n_workers());
        n_stopped += 1;
        n_well += usize::from(cluster.replace(place, at).await?);
        if begun.elapsed() > PATIENCE {
            bail!("after {PATIENCE:?} {} jobs are open", place.n_open().await?);
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let mut figures = Figures::default();
    figures.must(
        n_well == n_stopped,
        "workers that got SIGTERM, ended well",
        format!("{n_stopped} in {seconds:.0} s, {n_well}"),
    );
    Ok(figures)
}
