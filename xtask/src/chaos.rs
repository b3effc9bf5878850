//! The figures of `docs/reliability.md`: what holds while the machine fails.

use anyhow::Result;

use crate::{
    demo, guests,
    services::{Durability, Services},
    shell::{self, Workspace},
};

/// `extra` goes to the run: engines, or faults by their names.
pub(crate) fn run(workspace: &Workspace, extra: &[String]) -> Result<()> {
    demo::build(workspace)?;
    guests::build_unruly(workspace)?;
    let services = Services::start(workspace, Durability::On)?;
    let mut command = workspace.cargo();
    command
        .args(["bench", "--locked", "--package", "phagen-server"])
        .args(["--bench", "chaos", "--"])
        .args(extra)
        .env("PHAGEN_BENCH_SHARE", workspace.share())
        .env("PHAGEN_BENCH_BINARY", workspace.binary())
        .env("PHAGEN_BENCH_GUESTS", workspace.components())
        .envs(services.addresses());
    shell::run(&mut command)
}
