//! A Redis in memory alone: what it held is gone when it is killed.

use std::path::Path;

use anyhow::Result;

use super::program::{Server, folder_for_all, free_port};

pub(super) async fn start(folder: &Path) -> Result<Server> {
    let own = folder.join("redis");
    folder_for_all(&own)?;
    let port = free_port()?;
    let arguments = format!("--bind 127.0.0.1 --port {port} --save '' --appendonly no");
    let arguments = arguments.split(' ').map(|word| word.replace('\'', ""));
    Server::start("redis-server", &own, port, arguments.collect()).await
}
