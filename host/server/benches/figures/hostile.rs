//! How long other slots take while a guest in one of them loops until its deadline, again and again.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use phagen_domain::{
    evidence::{Attribute, Candidate},
    plugin::World,
    query::Query,
};
use phagen_plugin::ActiveSlot;
use phagen_server::house::House;
use tokio::task::JoinHandle;

use crate::{
    guests::{abstracts, candidates, query},
    setting::{GUESTS, Setting, path},
    timing::Timings,
};

const N_WINDOWS: usize = 10;
const N_CALLS: usize = 200;

pub(crate) fn measure(setting: &Setting) -> Result<()> {
    let house = setting.open(false)?;
    let slots = Arc::clone(&house.fleet.serving().set);
    let reranker = &slots.rerankers[0];
    let candidates = candidates(&abstracts(&house)?);
    let looping = looping(&house, reranker)?;
    let (mut quiet, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..N_WINDOWS {
        quiet.extend(window(setting, reranker, &candidates));
        let stop = Arc::new(AtomicBool::new(false));
        let hostile = keep_calling(setting, &looping, &candidates[..1], &stop);
        beside.extend(window(setting, reranker, &candidates));
        stop.store(true, Ordering::Relaxed);
        setting.runtime.block_on(hostile)?;
    }
    let (quiet, beside) = (Timings::of(quiet), Timings::of(beside));
    println!(
        "  rerank of {} candidates by another slot",
        candidates.len()
    );
    println!("    while all is quiet              {}", quiet.summary());
    println!("    while a guest loops             {}", beside.summary());
    let ratio = |share| beside.quantile(share).as_secs_f64() / quiet.quantile(share).as_secs_f64();
    println!(
        "    ratio of the p50, of the p90    {:.2}, {:.2}",
        ratio(0.5),
        ratio(0.9)
    );
    Ok(())
}

/// Calls from a task, as a worker makes them.
fn window(setting: &Setting, slot: &ActiveSlot, candidates: &[Candidate]) -> Vec<Duration> {
    let (slot, candidates) = (slot.clone(), candidates.to_vec());
    let calls = setting.runtime.spawn(async move {
        let mut times = Vec::with_capacity(N_CALLS);
        for _ in 0..N_CALLS {
            let begun = Instant::now();
            drop(slot.rerank(&query(), &candidates).await);
            times.push(begun.elapsed());
        }
        times
    });
    setting.runtime.block_on(calls).unwrap_or_default()
}

/// The reranker that does as its configuration says, told to loop.
fn looping(house: &House, slot: &ActiveSlot) -> Result<ActiveSlot> {
    let file = path(GUESTS)?.join("unruly_reranker.wasm");
    let component = fs::read(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let plugin = house.plugins.load(World::Reranker, &component)?;
    let mut activation = slot.activation.clone();
    activation.plugin_digest = plugin.digest();
    activation.config = vec![Attribute {
        key: "mode".to_owned(),
        value: "loop".to_owned(),
    }];
    Ok(ActiveSlot::new(
        "hostile".parse()?,
        1,
        activation,
        plugin,
        None,
    ))
}

/// Calls it until told to stop. A breaker would soon keep it from looping, so each call is made by
/// a slot that has seen no failure.
fn keep_calling(
    setting: &Setting,
    slot: &ActiveSlot,
    candidates: &[Candidate],
    stop: &Arc<AtomicBool>,
) -> JoinHandle<()> {
    let (slot, candidates) = (slot.clone(), candidates.to_vec());
    let (query, stop): (Query, _) = (query(), Arc::clone(stop));
    setting.runtime.spawn(async move {
        while !stop.load(Ordering::Relaxed) {
            let unseen = ActiveSlot::new(
                slot.slot.clone(),
                slot.generation,
                slot.activation.clone(),
                slot.plugin.clone(),
                None,
            );
            drop(unseen.rerank(&query, &candidates).await);
        }
    })
}
