//! The speed figures of `docs/benchmarks.md`.

use anyhow::Result;

use crate::{
    demo, guests, languages,
    services::{Durability, Services},
    shell::{self, Workspace},
};

/// Figures that are taken on Postgres, too.
const ON_SERVERS: [&str; 2] = ["start", "api"];

/// `extra` goes to the benchmark: names of the figures to measure.
pub(crate) fn run(workspace: &Workspace, extra: &[String]) -> Result<()> {
    demo::build(workspace)?;
    guests::build_idle(workspace)?;
    guests::build_unruly(workspace)?;
    languages::build(workspace)?;
    let is_on_servers = |figure: &String| ON_SERVERS.contains(&figure.as_str());
    // Until the end of the run: dropped, they are stopped.
    let services = if extra.is_empty() || extra.iter().any(is_on_servers) {
        Some(Services::start(workspace, Durability::On)?)
    } else {
        None
    };
    let mut command = workspace.cargo();
    command
        .args([
            "bench",
            "--locked",
            "--package",
            "phagen-server",
            "--bench",
            "figures",
            "--",
        ])
        .args(extra);
    command
        .env("PHAGEN_BENCH_SHARE", workspace.share())
        .env("PHAGEN_BENCH_BINARY", workspace.binary())
        .env("PHAGEN_BENCH_GUESTS", workspace.components())
        .env("PHAGEN_BENCH_LANGUAGES", languages::folder(workspace))
        .envs(services.iter().flat_map(Services::addresses));
    shell::run(&mut command)
}
