//! `phagen cache invalidate`: makes a running host, and all that share its cache, forget.

use anyhow::Result;
use clap::Subcommand;
use serde::Deserialize;
use serde_json::json;

use super::{
    plugin::remote::{Remote, RemoteArguments},
    write,
};
use crate::config::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Forget kept answers: all, those of one source or those about one molecule.
    Invalidate {
        #[command(flatten)]
        remote: RemoteArguments,
        /// Only what this slot answered.
        #[arg(long, value_name = "SLOT", conflicts_with = "molecule")]
        source: Option<String>,
        /// Only what was answered about this molecule: its name as results show it.
        #[arg(long, value_name = "NAME")]
        molecule: Option<String>,
    },
}

#[derive(Deserialize)]
struct Invalidated {
    reach: String,
}

pub(super) async fn run(settings: &Settings, command: Command) -> Result<()> {
    let Command::Invalidate {
        remote,
        source,
        molecule,
    } = command;
    let host = Remote::open(settings, &remote)?;
    let body = json!({ "source": source, "molecule": molecule });
    let done: Invalidated = host.post("/api/cache/invalidate", &body).await?;
    let what = match (source, molecule) {
        (Some(source), _) => format!("what the source `{source}` answered"),
        (_, Some(molecule)) => format!("what was answered about `{molecule}`"),
        _ => "all kept answers".to_owned(),
    };
    write::line(&match done.reach.as_str() {
        "every_process" => format!("forgotten: {what}; other processes follow within a second"),
        "this_process" => format!(
            "forgotten: {what}, by that process alone: processes share answers through Redis, or through SQLite"
        ),
        _ => "nothing to forget: the cache of that host is off".to_owned(),
    });
    Ok(())
}
