//! What a call costs before and after the guest's own work: a component out of the cache, a fresh
//! instance, a kept one. Each is asked about one candidate.

use std::{fs, sync::Arc};

use anyhow::{Context, Result};
use phagen_domain::{
    evidence::Candidate,
    plugin::{Keep, Manifest, World},
};
use phagen_package::{Package, embed};
use phagen_plugin::ActiveSlot;
use phagen_server::house::House;

use crate::{
    guests::{abstracts, candidates, query},
    setting::{GUESTS, Setting, path},
    timing::{Timings, timed},
};

/// Enough for the median of some microseconds to stand still.
const N_CALLS: usize = 20_000;
const N_LOADS: usize = 200;

pub(crate) fn measure(setting: &Setting) -> Result<()> {
    let house = setting.open(false)?;
    let slots = Arc::clone(&house.fleet.serving().set);
    let slot = &slots.rerankers[0];
    let built = fs::read(setting.share.join("plugin/evidence-reranker.wasm"))?;
    let manifest = Package::read(&built)?.manifest.context("no manifest")?;
    let mut load = || drop(house.plugins.load(World::Reranker, &built));
    let loads = Timings::of((0..N_LOADS).map(|_| timed(&mut load)).collect());
    println!(
        "  load of a cached component, verified           {}",
        loads.summary()
    );

    let one = &candidates(&abstracts(&house)?)[..1];
    let idle = fs::read(path(GUESTS)?.join("idle_reranker.wasm"))?;
    for (name, component) in [("idle guest", &idle), ("evidence-reranker", &built)] {
        for (kind, keep) in [("fresh", None), ("kept", Some(for_ever()))] {
            let slot = with(&house, slot, (component, &manifest), keep)?;
            println!(
                "  call for one candidate, {:<25}{}",
                format!("{name}, {kind}"),
                called(setting, &slot, one).summary_in_micros()
            );
        }
    }
    Ok(())
}

fn called(setting: &Setting, slot: &ActiveSlot, candidates: &[Candidate]) -> Timings {
    let query = query();
    let mut call = || drop(setting.runtime.block_on(slot.rerank(&query, candidates)));
    call();
    Timings::of((0..N_CALLS).map(|_| timed(&mut call)).collect())
}

/// No instance ends because it has served enough.
fn for_ever() -> Keep {
    Keep {
        max_calls: u32::MAX,
        ..Keep::default()
    }
}

/// The slot with another component, whose instances are kept or not.
fn with(
    house: &House,
    slot: &ActiveSlot,
    (component, manifest): (&[u8], &Manifest),
    keep: Option<Keep>,
) -> Result<ActiveSlot> {
    let mut manifest = manifest.clone();
    manifest.instance.keep = keep;
    let component = embed(component, &manifest, None, None)?;
    let plugin = house.plugins.load(World::Reranker, &component)?;
    let mut activation = slot.activation.clone();
    activation.plugin_digest = plugin.digest();
    Ok(ActiveSlot::new(
        slot.slot.clone(),
        slot.generation,
        activation,
        plugin,
        slot.artifact.clone(),
    ))
}
