//! From an upload to a version that serves, and a house full of plugins.

use std::{sync::Arc, time::Instant};

use anyhow::{Context, Result};
use phagen_domain::plugin::{Cause, Manifest, Slot, Verb, VersionState};
use phagen_package::{Package, embed};
use phagen_server::house::House;
use phagen_store::NewVersion;

use crate::{process, setting::Setting, timing::Timings};

const N_PLUGINS: usize = 100;
const N_STARTS: usize = 5;
const N_INSTALLS: u32 = 9;

pub(crate) fn measure(setting: &Setting) -> Result<()> {
    let alone = process::held(setting, setting.data.path())?;
    let data = tempfile::tempdir()?;
    fill(setting, data.path())?;
    // Compiles what is new; the starts below find it compiled.
    process::started(setting, data.path())?;
    let mut starts = Vec::new();
    for _ in 0..N_STARTS {
        starts.push(process::started(setting, data.path())?);
    }
    println!(
        "  start to ready, {N_PLUGINS} plugins more     {}",
        Timings::of(starts).summary()
    );
    let full = process::held(setting, data.path())?;
    println!(
        "  memory (PSS) of each of them      {:.2} MB",
        (full as f64 - alone as f64) / N_PLUGINS as f64 / 1e6
    );
    gates(setting)
}

/// The three gates of the built-in reranker, one after the other, as a worker runs them.
fn gates(setting: &Setting) -> Result<()> {
    let house = setting.open(true)?;
    let mut runs = Vec::new();
    for number in 0..N_INSTALLS {
        let bytes = reranker(setting, &format!("7.0.{number}"))?;
        let begun = Instant::now();
        let verified = house.plugins.verify(&bytes)?;
        house.plugins.compile(verified.world, &bytes)?;
        let plugin = house.plugins.load(verified.world, &bytes)?;
        let rows = setting.runtime.block_on(house.store.list_slots())?;
        let row = rows.iter().find(|row| row.world == verified.world);
        let slot = row.context("no reranker")?;
        let active = phagen_plugin::ActiveSlot::new(
            slot.name.clone(),
            0,
            slot.serving.clone(),
            plugin,
            None,
        );
        let as_of = house.clock.now().date_naive();
        setting
            .runtime
            .block_on(house.plugins.check(active, None, as_of))?;
        runs.push(begun.elapsed());
    }
    println!(
        "  gates of the built-in reranker    {}",
        Timings::of(runs).summary()
    );
    Ok(())
}

/// A data folder like the setting's, with that many sources more, each a component of its own.
fn fill(setting: &Setting, data: &std::path::Path) -> Result<()> {
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .arg(format!("{}/.", setting.data.path().display()))
        .arg(data)
        .status()?;
    anyhow::ensure!(copied.success(), "the data folder was not copied");
    let house = setting
        .runtime
        .block_on(House::open(setting.settings(data)))?;
    let built = std::fs::read(setting.share.join("plugin/corpus-source.wasm"))?;
    setting.runtime.block_on(async {
        let rows = house.store.list_slots().await?;
        let model = rows
            .iter()
            .find(|row| row.name.as_str() == "market")
            .context("no slot `market`")?;
        let mut slots = Vec::new();
        for number in 0..N_PLUGINS {
            let version = record(&house, &built, &format!("8.0.{number}")).await?;
            let mut slot = model.clone();
            slot.name = format!("market-{number}").parse()?;
            slot.serving.plugin_digest = version;
            slots.push(slot);
        }
        house.store.seed_slots(&slots).await?;
        anyhow::Ok(())
    })
}

/// Slots that serve the built-in reranker under other version numbers.
pub(crate) async fn versions_of_reranker(house: &Arc<House>, n: usize) -> Result<Vec<Slot>> {
    let rows = house.store.list_slots().await?;
    let slot = rows
        .into_iter()
        .find(|row| row.name.as_str() == "reranker")
        .context("no reranker")?;
    let built = std::fs::read(house.share_dir.join("plugin/evidence-reranker.wasm"))?;
    let mut slots = Vec::new();
    for number in 0..n {
        let mut version = slot.clone();
        version.serving.plugin_digest = record(house, &built, &format!("6.0.{number}")).await?;
        slots.push(version);
    }
    Ok(slots)
}

fn reranker(setting: &Setting, version: &str) -> Result<Vec<u8>> {
    let built = std::fs::read(setting.share.join("plugin/evidence-reranker.wasm"))?;
    renamed(&built, version)
}

/// The same code under another version number, and so another digest.
fn renamed(built: &[u8], version: &str) -> Result<Vec<u8>> {
    let manifest = Package::read(built)?.manifest.context("no manifest")?;
    versioned(built, manifest, version)
}

pub(crate) fn versioned(built: &[u8], mut manifest: Manifest, version: &str) -> Result<Vec<u8>> {
    version.clone_into(&mut manifest.plugin.version);
    Ok(embed(built, &manifest, None, None)?)
}

async fn record(
    house: &House,
    built: &[u8],
    version: &str,
) -> Result<phagen_domain::digest::Digest> {
    let bytes = renamed(built, version)?;
    let package = Package::read(&bytes)?;
    let manifest = package.manifest.context("no manifest")?;
    house.blobs.put(bytes).await?;
    let new = NewVersion {
        digest: package.digest,
        name: manifest.plugin.name.clone(),
        version: Some(manifest.plugin.version.clone()),
        world: package.world,
        size_bytes: package.size_bytes as u64,
        minisig: None,
        manifest: Some(manifest),
        built_in: false,
        state: VersionState::Checked,
    };
    let cause = Cause::host(Verb::Upload, "the benchmark");
    house.store.record_version(&new, &cause).await?;
    Ok(package.digest)
}
