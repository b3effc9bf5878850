//! Builds the plugins that ship, and the misbehaving ones that only tests load.

use anyhow::Result;

use crate::{
    shell::{Workspace, run},
    tools::{GUEST_TARGET, require_guest_target},
};

/// The components in `plugins/`, by package name.
pub(crate) const SHIPPED: [&str; 3] = ["corpus-source", "evidence-reranker", "mesh-mapper"];

/// Guests under `host/plugin/tests/guests` that loop, allocate and trap.
const UNRULY: [&str; 4] = [
    "trespasser-guest",
    "unruly-guest",
    "unruly-mapper",
    "unruly-reranker",
];

pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    build_packages(workspace, &SHIPPED)
}

pub(crate) fn build_unruly(workspace: &Workspace) -> Result<()> {
    build_packages(workspace, &UNRULY)
}

fn build_packages(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    require_guest_target()?;
    let mut command = workspace.cargo();
    command.args([
        "build",
        "--locked",
        "--profile",
        "guest",
        "--target",
        GUEST_TARGET,
    ]);
    for package in packages {
        command.args(["--package", package]);
    }
    run(&mut command)
}
