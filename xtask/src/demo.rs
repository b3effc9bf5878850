//! The main job, end to end, on a machine that has nothing yet.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use crate::{
    guests, share,
    shell::{self, Workspace, say},
    tools,
};

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let phagen = build(workspace)?;
    let shown = phagen
        .strip_prefix(&workspace.root)
        .unwrap_or(&phagen)
        .display()
        .to_string();
    say("analysing aspirin");
    shell::run(
        Command::new(&phagen)
            .current_dir(&workspace.root)
            .args(["analyze", "aspirin"]),
    )?;
    say(&format!(
        "\nNext:\n  {shown} analyze metformin          another molecule\n  {shown} analyze aspirin --json     the API's result\n  {shown} serve                      the API on http://127.0.0.1:8000 (docs/api.md)\n  {shown} corpus search \"fibrosis\"   the bundled corpus\n  cargo xtask test                              every test"
    ));
    Ok(())
}

/// Guests and an optimised `phagen`.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    tools::require_c_compiler()?;
    say("building the plugins");
    guests::build(workspace)?;
    share::lay_out(workspace)?;
    say("building phagen (the first time takes a quarter of an hour on two cores)");
    shell::run(workspace.cargo().args([
        "build",
        "--locked",
        "--release",
        "--package",
        "phagen-server",
    ]))?;
    Ok(workspace.binary())
}
