//! `phagen plugin trial`: how a version on trial compares with what serves.

use anyhow::{Context, Result};
use phagen_domain::plugin::SlotName;
use serde_json::Value;

use super::{
    moves::version_path,
    remote::{Remote, RemoteArguments},
};
use crate::{cli::write, config::Settings};

#[derive(clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    remote: RemoteArguments,
    #[arg(long)]
    slot: SlotName,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> Result<()> {
    let remote = Remote::open(settings, &arguments.remote)?;
    let listing = remote.listing().await?;
    let slot = listing.find_slot(arguments.slot.as_str())?;
    let candidate = slot
        .candidate
        .as_ref()
        .with_context(|| format!("nothing is on trial in slot `{}`", slot.slot))?;
    let path = version_path(&listing, slot, &candidate.activation.plugin_digest)?;
    let report: Value = remote
        .get(&format!("{path}/trial?slot={}", arguments.slot))
        .await?;
    show("", &report);
    Ok(())
}

/// Every figure on a line of its own, under its name.
fn show(name: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let name = if name.is_empty() {
                    key.clone()
                } else {
                    format!("{name}.{key}")
                };
                show(&name, value);
            }
        }
        Value::Array(items) if items.is_empty() => write::line(&format!("{name:<32} none")),
        Value::Array(items) => items.iter().for_each(|item| show(name, item)),
        Value::String(text) => write::line(&format!("{name:<32} {text}")),
        Value::Null => write::line(&format!("{name:<32} -")),
        other => write::line(&format!("{name:<32} {other}")),
    }
}
