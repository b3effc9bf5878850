//! `phagen plugin list`

use anyhow::Result;
use clap::Subcommand;

use super::write;
use crate::{config::Settings, house::House};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Every slot with its plugin, artifact and generation.
    List,
}

pub(super) async fn run(settings: Settings, command: Command) -> Result<()> {
    let Command::List = command;
    let house = House::open(settings).await?;
    write::line(&format!(
        "{:<12} {:<9} {:<18} {:<13} {:<13} {:>10}  config",
        "slot", "world", "plugin", "digest", "artifact", "generation"
    ));
    for slot in house.store.list_slots().await? {
        let artifact = slot
            .artifact_digest
            .map_or_else(|| "-".to_owned(), |digest| digest.short());
        let config: Vec<String> = slot
            .config
            .iter()
            .map(|a| format!("{}={}", a.key, a.value))
            .collect();
        write::line(&format!(
            "{:<12} {:<9} {:<18} {:<13} {:<13} {:>10}  {}",
            slot.name.to_string(),
            slot.world.as_str(),
            slot.plugin,
            slot.plugin_digest.short(),
            artifact,
            slot.generation,
            config.join(" ")
        ));
    }
    Ok(())
}
