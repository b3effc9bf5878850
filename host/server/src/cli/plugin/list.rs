//! `phagen plugin list`: from a running host when one is named, else from the database.

use std::collections::HashMap;

use anyhow::Result;
use phagen_domain::{
    evidence::Attribute,
    plugin::{Activation, PluginVersion, Slot},
};

use super::remote::{ActivationLine, Listing, Remote, RemoteArguments, SlotLine};
use crate::{cli::write, config::Settings, house::House};

/// Digits of a digest that people get to see.
const SHORT: usize = 12;

#[derive(clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    remote: RemoteArguments,
    /// Also every stored version, newest first.
    #[arg(long)]
    versions: bool,
}

/// One slot as it is shown.
struct Row {
    slot: String,
    world: String,
    plugin: String,
    digest: String,
    artifact: String,
    generation: u64,
    place: u32,
    state: String,
    previous: String,
    candidate: String,
    config: String,
}

/// One version as it is shown.
struct VersionRow {
    name: String,
    version: String,
    digest: String,
    state: &'static str,
}

pub(super) async fn run(settings: Settings, arguments: Arguments) -> Result<()> {
    let (rows, versions) = if arguments.remote.names_host() {
        let listing = Remote::open(&settings, &arguments.remote)?
            .listing()
            .await?;
        of_host(&listing)
    } else {
        of_database(settings).await?
    };
    show(&rows);
    if arguments.versions {
        show_versions(&versions);
    }
    Ok(())
}

async fn of_database(settings: Settings) -> Result<(Vec<Row>, Vec<VersionRow>)> {
    let house = House::open(settings).await?;
    let versions = house.store.list_versions().await?;
    let states: HashMap<_, _> = versions
        .iter()
        .map(|version| (version.digest, version.state.as_str()))
        .collect();
    let slots = house.store.list_slots().await?;
    let rows = slots
        .into_iter()
        .map(|slot| {
            let state = states.get(&slot.serving.plugin_digest).copied();
            Row::of_slot(slot, state)
        })
        .collect();
    Ok((rows, versions.into_iter().map(VersionRow::of).collect()))
}

fn of_host(listing: &Listing) -> (Vec<Row>, Vec<VersionRow>) {
    let states: HashMap<&str, &'static str> = listing
        .versions
        .iter()
        .map(|version| (version.digest.as_str(), version.state.as_str()))
        .collect();
    let rows = listing
        .items
        .iter()
        .map(|line| {
            let state = states.get(line.serving.plugin_digest.as_str()).copied();
            Row::of_line(line, state)
        })
        .collect();
    let versions = listing
        .versions
        .iter()
        .map(|line| VersionRow {
            name: line.name.clone(),
            version: line.version.clone().unwrap_or_else(none),
            digest: short(&line.digest),
            state: line.state.as_str(),
        })
        .collect();
    (rows, versions)
}

impl Row {
    fn of_slot(slot: Slot, state: Option<&'static str>) -> Self {
        let named = |activation: &Activation| activation.plugin_digest.short();
        Self {
            world: slot.world.to_string(),
            digest: named(&slot.serving),
            artifact: slot
                .serving
                .artifact_digest
                .map_or_else(none, |digest| digest.short()),
            generation: slot.generation,
            place: slot.place,
            state: state.map_or_else(none, str::to_owned),
            previous: slot.previous.as_ref().map_or_else(none, named),
            candidate: slot.candidate.as_ref().map_or_else(none, |candidate| {
                tried(
                    &named(&candidate.activation),
                    candidate.mode.as_str(),
                    candidate.share.get(),
                )
            }),
            config: written(&slot.serving.config),
            plugin: slot.serving.plugin,
            slot: slot.name.to_string(),
        }
    }

    fn of_line(line: &SlotLine, state: Option<&'static str>) -> Self {
        let named = |activation: &ActivationLine| short(&activation.plugin_digest);
        Self {
            slot: line.slot.clone(),
            world: line.world.clone(),
            plugin: line.serving.plugin.clone(),
            digest: named(&line.serving),
            artifact: line
                .serving
                .artifact_digest
                .as_deref()
                .map_or_else(none, short),
            generation: line.generation,
            place: line.place,
            state: state.map_or_else(none, str::to_owned),
            previous: line.previous.as_ref().map_or_else(none, named),
            candidate: line.candidate.as_ref().map_or_else(none, |candidate| {
                tried(
                    &named(&candidate.activation),
                    &candidate.mode,
                    candidate.share,
                )
            }),
            config: written(&line.serving.config),
        }
    }
}

impl VersionRow {
    fn of(version: PluginVersion) -> Self {
        Self {
            name: version.name.to_string(),
            version: version.version.unwrap_or_else(none),
            digest: version.digest.short(),
            state: version.state.as_str(),
        }
    }
}

fn none() -> String {
    "-".to_owned()
}

fn short(digest: &str) -> String {
    digest.chars().take(SHORT).collect()
}

fn tried(digest: &str, mode: &str, share: f64) -> String {
    format!("{digest} {mode} {}%", share * 100.0)
}

fn written(config: &[Attribute]) -> String {
    let pairs: Vec<String> = config
        .iter()
        .map(|a| format!("{}={}", a.key, a.value))
        .collect();
    pairs.join(" ")
}

fn show(rows: &[Row]) {
    write::line(&format!(
        "{:<12} {:<9} {:<18} {:<13} {:<13} {:>10} {:>5} {:<11} {:<13} {:<24}  config",
        "slot",
        "world",
        "plugin",
        "digest",
        "artifact",
        "generation",
        "place",
        "state",
        "previous",
        "candidate"
    ));
    for row in rows {
        write::line(&format!(
            "{:<12} {:<9} {:<18} {:<13} {:<13} {:>10} {:>5} {:<11} {:<13} {:<24}  {}",
            row.slot,
            row.world,
            row.plugin,
            row.digest,
            row.artifact,
            row.generation,
            row.place,
            row.state,
            row.previous,
            row.candidate,
            row.config
        ));
    }
}

fn show_versions(versions: &[VersionRow]) {
    write::line(&format!(
        "\n{:<18} {:<10} {:<13} state",
        "plugin", "version", "digest"
    ));
    for version in versions {
        write::line(&format!(
            "{:<18} {:<10} {:<13} {}",
            version.name, version.version, version.digest, version.state
        ));
    }
}
