//! Every test: the host's and the guests', natively and against built components.

use std::process::Command;

use anyhow::Result;

use crate::{
    guests, languages, manifests,
    services::{Durability, Services},
    share,
    shell::{self, Workspace, say},
    tools,
};

/// `extra` goes to nextest: a filter, `--no-capture` and the like.
pub(crate) fn run(workspace: &Workspace, extra: &[String]) -> Result<()> {
    tools::require_c_compiler()?;
    tools::require_registry()?;
    say("building the plugins");
    guests::build(workspace)?;
    guests::build_unruly(workspace)?;
    languages::build(workspace)?;
    share::lay_out(workspace)?;
    say("running the tests");
    run_nextest(workspace, extra)?;
    if extra.is_empty() {
        say("running the examples in the documentation");
        shell::run(
            workspace
                .cargo()
                .args(["test", "--doc", "--workspace", "--locked"]),
        )?;
    }
    Ok(())
}

fn run_nextest(workspace: &Workspace, extra: &[String]) -> Result<()> {
    let nextest = tools::nextest(workspace)?;
    let tools = manifests::tools(workspace)?;
    // Until the end of the run: dropped, they are stopped.
    let services = Services::start(workspace, Durability::Off)?;
    let mut command = Command::new(nextest);
    command
        .current_dir(&workspace.root)
        .args(["nextest", "run", "--workspace", "--locked"])
        .args(extra)
        .env("PHAGEN_TEST_GUESTS", workspace.components())
        .env("PHAGEN_TEST_LANGUAGES", languages::folder(workspace))
        .env("CARGO_TARGET_DIR", &workspace.target)
        .envs(services.addresses())
        .envs(tools);
    shell::run(&mut command)
}
