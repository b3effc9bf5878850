//! `phagen plugin logs`: what a plugin's guests logged last on one host.

use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use phagen_domain::plugin::PluginName;
use serde::Deserialize;
use tokio::time::sleep;

use super::remote::{Remote, RemoteArguments};
use crate::{cli::write, config::Settings};

const POLL: Duration = Duration::from_millis(500);

#[derive(clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    remote: RemoteArguments,
    plugin: PluginName,
    /// First digits of the version; otherwise the one that serves, else the newest.
    #[arg(long)]
    digest: Option<String>,
    /// Go on as lines come in, until interrupted.
    #[arg(short, long)]
    follow: bool,
}

#[derive(Deserialize)]
struct Page {
    digest: String,
    items: Vec<Line>,
    next_after: u64,
}

#[derive(Deserialize)]
struct Line {
    seq: u64,
    at: DateTime<Utc>,
    level: String,
    slot: String,
    #[serde(rename = "line")]
    text: String,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> Result<()> {
    let remote = Remote::open(settings, &arguments.remote)?;
    let mut after = 0;
    let mut digest = arguments.digest;
    loop {
        let which = digest
            .as_ref()
            .map(|digits| format!("&digest={digits}"))
            .unwrap_or_default();
        let page: Page = remote
            .get(&format!(
                "/api/plugins/{}/logs?after={after}{which}",
                arguments.plugin
            ))
            .await?;
        for line in page.items {
            // A gap tells that lines were dropped before they were read.
            if line.seq > after + 1 && after > 0 {
                write::line(&format!("… {} line(s) were dropped", line.seq - after - 1));
            }
            after = line.seq;
            write::line(&format!(
                "{} {:<5} {:<12} {}",
                line.at.format("%H:%M:%S%.3f"),
                line.level,
                line.slot,
                line.text
            ));
        }
        if !arguments.follow {
            return Ok(());
        }
        after = page.next_after;
        digest = Some(page.digest);
        sleep(POLL).await;
    }
}
