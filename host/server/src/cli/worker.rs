//! `phagen worker`: workers without the API. They share its database and its blobs, and nothing
//! else with it; probes and metrics are on the operations port.

use std::time::Duration;

use anyhow::{Result, bail};

use super::{
    running::{OperationsPort, Running},
    write,
};
use crate::{audit::Role, config::Settings};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Workers of this process, each running one job at a time; otherwise `worker.count`.
    #[arg(long, value_name = "N")]
    count: Option<usize>,
}

pub(super) async fn run(mut settings: Settings, arguments: &Arguments) -> Result<()> {
    settings.worker.count = arguments.count.unwrap_or(settings.worker.count);
    let count = settings.worker.count;
    if count == 0 {
        bail!("no worker to start: give `--count` or `worker.count` at least 1");
    }
    let operations = OperationsPort::bind(settings.operations.bind).await?;
    let running = Running::begin(operations, settings, Role::Worker, Duration::ZERO).await?;
    let begun = running.begin_work().await;
    if begun.is_ok() {
        let name = running.house.fleet.host();
        write::line(&format!("phagen works as {name}: {count} at a time"));
        running.shutdown.cancelled().await;
    }
    running.end().await;
    begun
}
