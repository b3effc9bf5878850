//! One analysis, alone and among others, cached and not.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use futures::future::try_join_all;
use phagen_analysis::ProgressSink;
use phagen_domain::{
    job::{JobRequest, Progress},
    result::JobResult,
};
use phagen_plugin::SlotSet;
use phagen_server::house::House;
use phagen_store::NewJob;

use crate::{
    setting::{MOLECULES, Setting},
    timing::Timings,
};

const N_ROUNDS: usize = 40;
/// Analyses under way at once when the rate is measured.
const N_AT_ONCE: usize = 8;
const LEASE: Duration = Duration::from_mins(1);

pub(crate) fn measure(setting: &Setting) -> Result<()> {
    let house = setting.open(false)?;
    setting.runtime.block_on(uncached(&house))?;
    setting.runtime.block_on(rate(&house))?;
    drop(house);
    let house = setting.open(true)?;
    setting.runtime.block_on(cached(&house))
}

async fn uncached(house: &Arc<House>) -> Result<()> {
    let slots = Arc::clone(&house.fleet.serving().set);
    let mut runs = Vec::new();
    for round in 0..N_ROUNDS + 2 {
        for molecule in MOLECULES {
            let begun = Instant::now();
            analyse(house, &slots, molecule).await?;
            if round >= 2 {
                runs.push(begun.elapsed());
            }
        }
    }
    println!(
        "  one, uncached                     {}",
        Timings::of(runs).summary()
    );
    Ok(())
}

async fn rate(house: &Arc<House>) -> Result<()> {
    let slots = Arc::clone(&house.fleet.serving().set);
    let begun = Instant::now();
    let n_each = N_ROUNDS * MOLECULES.len() / N_AT_ONCE;
    let lanes = (0..N_AT_ONCE).map(|lane| {
        let (house, slots) = (Arc::clone(house), Arc::clone(&slots));
        #[expect(clippy::disallowed_methods, reason = "a benchmark's lanes end with it")]
        tokio::spawn(async move {
            for turn in 0..n_each {
                analyse(&house, &slots, MOLECULES[(lane + turn) % MOLECULES.len()]).await?;
            }
            anyhow::Ok(())
        })
    });
    try_join_all(lanes)
        .await?
        .into_iter()
        .collect::<Result<Vec<()>>>()?;
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "  {N_AT_ONCE} at once, uncached               {:.0} a second",
        (n_each * N_AT_ONCE) as f64 / seconds
    );
    Ok(())
}

/// From the stored request to the stored result, everything between them cached.
async fn cached(house: &Arc<House>) -> Result<()> {
    let mut runs = Vec::new();
    for round in 0..N_ROUNDS + 2 {
        for molecule in MOLECULES {
            let begun = Instant::now();
            through_the_queue(house, molecule).await?;
            if round >= 2 {
                runs.push(begun.elapsed());
            }
        }
    }
    println!(
        "  one, cached, with database writes {}",
        Timings::of(runs).summary()
    );
    Ok(())
}

async fn through_the_queue(house: &Arc<House>, molecule: &str) -> Result<()> {
    let job = NewJob::new(request(molecule), 3);
    house.store.enqueue(&job, None).await?;
    let claimed = house
        .store
        .claim("bench", LEASE)
        .await?
        .context("nothing to claim")?;
    let slots = Arc::clone(&house.fleet.serving().set);
    let result = analyse(house, &slots, &claimed.job.request.molecule).await?;
    house.store.finish(&claimed.lease, &result).await?;
    Ok(())
}

pub(crate) async fn analyse(
    house: &Arc<House>,
    slots: &SlotSet,
    molecule: &str,
) -> Result<JobResult> {
    let as_of = house.clock.now().date_naive();
    let generation = house.corpus.generation();
    Ok(house
        .analysis
        .run(&request(molecule), slots, as_of, generation, &Silent)
        .await?)
}

pub(crate) fn request(molecule: &str) -> JobRequest {
    JobRequest {
        molecule: molecule.to_owned(),
        smiles: None,
        synonyms: Vec::new(),
        sources: None,
        limit: JobRequest::DEFAULT_LIMIT,
        record: false,
    }
}

struct Silent;

impl ProgressSink for Silent {
    fn stage(&self, _: Progress) {}
}
