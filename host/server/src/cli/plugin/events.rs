//! `phagen plugin events`: the record of moves.

use std::fmt::Write as _;

use anyhow::Result;
use phagen_domain::plugin::{Cause, PluginEvent, SlotName};
use serde::Deserialize;

use super::remote::{Remote, RemoteArguments};
use crate::{cli::write, config::Settings};

#[derive(clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    remote: RemoteArguments,
    /// Only those of this slot.
    #[arg(long)]
    slot: Option<SlotName>,
    /// Only those of this version: a name, first digits, or name@digits.
    #[arg(long)]
    version: Option<String>,
    /// Only those with a larger number.
    #[arg(long, default_value_t = 0)]
    after: u64,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<PluginEvent>,
    next_after: Option<u64>,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> Result<()> {
    let remote = Remote::open(settings, &arguments.remote)?;
    let mut filter = String::new();
    if let Some(slot) = &arguments.slot {
        write!(filter, "&slot={slot}")?;
    }
    if let Some(wanted) = &arguments.version {
        let listing = remote.listing().await?;
        let digest = &listing.find_version(wanted)?.digest;
        write!(filter, "&digest={digest}")?;
    }
    let mut after = arguments.after;
    loop {
        let page = page(&remote, after, &filter).await?;
        for event in &page.items {
            write::line(&told(event));
        }
        match page.next_after {
            Some(next) => after = next,
            None => return Ok(()),
        }
    }
}

async fn page(remote: &Remote, after: u64, filter: &str) -> Result<Page> {
    remote
        .get(&format!("/api/activations?after={after}{filter}"))
        .await
}

/// The first thing that a host itself did to a slot after an event: it takes back what cannot serve.
pub(super) async fn first_by_host(
    remote: &Remote,
    slot: &str,
    after: u64,
) -> Result<Option<PluginEvent>> {
    let page = page(remote, after, &format!("&slot={slot}")).await?;
    let mut events = page.items.into_iter();
    Ok(events.find(|event| event.cause.actor == Cause::HOST))
}

fn told(event: &PluginEvent) -> String {
    let slot = match (&event.slot, event.generation) {
        (Some(slot), Some(generation)) => format!("{slot}@{generation}"),
        _ => "-".to_owned(),
    };
    format!(
        "{:>6} {} {:<14} {:<15} {} {:<16} {:<11} {}",
        event.seq,
        event.at.format("%Y-%m-%d %H:%M:%S"),
        event.cause.actor,
        event.cause.verb.as_str(),
        event.digest.short(),
        slot,
        event.state.as_str(),
        event.cause.reason.as_deref().unwrap_or("-")
    )
}
