//! `phagen plugin`: one file for each group of verbs. Those that act on a host do so through its
//! API, like everybody else.

mod author;
mod deploy;
mod events;
mod grant;
mod list;
mod logs;
mod moves;
pub(super) mod remote;
mod trial;
mod trust;

use anyhow::Result;
use clap::Subcommand;

use crate::config::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    #[command(flatten)]
    Author(author::Command),
    /// Every slot with its plugin, artifact and generation.
    List(list::Arguments),
    /// Store a component on a host and wait for its gates.
    Upload(deploy::UploadArguments),
    /// Upload a component and let it serve, or try it, in a slot.
    Deploy(deploy::DeployArguments),
    #[command(flatten)]
    Move(moves::Command),
    /// Say all that the guest in a slot may reach from now on.
    Grant(grant::Arguments),
    /// How a version on trial compares with what serves.
    Trial(trial::Arguments),
    /// Who moved what, when and why.
    Events(events::Arguments),
    /// What a plugin's guests logged last.
    Logs(logs::Arguments),
    /// Keys of publishers whose signatures count.
    #[command(subcommand)]
    Trust(trust::Command),
}

pub(super) async fn run(settings: Settings, command: Command) -> Result<()> {
    match command {
        Command::Author(command) => author::run(settings, command).await,
        Command::List(arguments) => list::run(settings, arguments).await,
        Command::Upload(arguments) => deploy::upload(&settings, arguments).await,
        Command::Deploy(arguments) => deploy::deploy(&settings, arguments).await,
        Command::Move(command) => moves::run(&settings, command).await,
        Command::Grant(arguments) => grant::run(&settings, arguments).await,
        Command::Trial(arguments) => trial::run(&settings, arguments).await,
        Command::Events(arguments) => events::run(&settings, arguments).await,
        Command::Logs(arguments) => logs::run(&settings, arguments).await,
        Command::Trust(command) => trust::run(&settings, command).await,
    }
}
