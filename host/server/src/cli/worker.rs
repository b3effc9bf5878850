//! `phagen worker`: workers without the API. They share its database and its blobs, and nothing
//! else with it.

use std::sync::Arc;

use anyhow::{Result, bail};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{import, stop, write};
use crate::{config::Settings, house::House, worker};

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
    let house = Arc::new(House::open(settings).await?);
    let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
    stop::listen(&shutdown)?;
    tasks.spawn(Arc::clone(&house.fleet).run(shutdown.clone()));
    let begun = begin_work(&house, &tasks, &shutdown).await;
    if begun.is_ok() {
        let name = house.fleet.host();
        write::line(&format!("phagen works as {name}: {count} at a time"));
        shutdown.cancelled().await;
    }
    shutdown.cancel();
    tasks.close();
    tasks.wait().await;
    house.answers.close().await;
    begun
}

async fn begin_work(
    house: &Arc<House>,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) -> Result<()> {
    import::bundled_once(house, shutdown).await?;
    worker::start(house, || {}, tasks, shutdown).await?;
    Ok(())
}
