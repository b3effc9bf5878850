//! The speed figures of `docs/benchmarks.md`.

use anyhow::Result;

use crate::{
    demo, guests, languages,
    shell::{self, Workspace},
};

/// `extra` goes to the benchmark: names of the figures to measure.
pub(crate) fn run(workspace: &Workspace, extra: &[String]) -> Result<()> {
    demo::build(workspace)?;
    guests::build_idle(workspace)?;
    guests::build_unruly(workspace)?;
    languages::build(workspace)?;
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
        .env("PHAGEN_BENCH_LANGUAGES", languages::folder(workspace));
    shell::run(&mut command)
}
