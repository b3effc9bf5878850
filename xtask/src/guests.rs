//! Builds the plugins that ship, and the misbehaving ones that only tests load.

use std::{fs, process::Command};

use anyhow::{Context, Result};
use phagen_package::{parse_manifest, sbom::from_cargo_lock};

use crate::{
    shell::{Workspace, run},
    tools::{GUEST_TARGET, require_guest_target},
};

/// The components in `plugins/`, by package name.
pub(crate) const SHIPPED: [&str; 3] = ["corpus-source", "evidence-reranker", "mesh-mapper"];

/// Guests under `host/plugin/tests/guests`: some loop, allocate and trap, some were built for an
/// older contract; and the example source, which the tests let reach out.
const UNRULY: [&str; 9] = [
    "fetcher-guest",
    "first-contract",
    "packed-contract",
    "second-contract",
    "trespasser-guest",
    "unruly-guest",
    "unruly-mapper",
    "unruly-reranker",
    "web-source",
];

pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    build_packages(workspace, &SHIPPED)?;
    build_idle(workspace)
}

pub(crate) fn build_unruly(workspace: &Workspace) -> Result<()> {
    build_packages(workspace, &UNRULY)
}

/// The guests that do nothing, which benchmarks measure the border with: the house's own, and the
/// authors'.
pub(crate) const IDLE: [&str; 3] = ["idle-mapper", "idle-reranker", "idle-source"];

pub(crate) fn build_idle(workspace: &Workspace) -> Result<()> {
    build_packages(workspace, &IDLE)
}

fn build_packages(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    require_guest_target()?;
    for package in packages {
        run(&mut command(workspace, package))?;
        embed(workspace, package)?;
    }
    Ok(())
}

/// As the component alone: cargo leaves out link-time optimisation where a library is an `rlib` too,
/// and our guests are, for their native tests and benchmarks.
fn command(workspace: &Workspace, package: &str) -> Command {
    let mut command = workspace.cargo();
    command.args(["rustc", "--locked", "--lib", "--crate-type", "cdylib"]);
    command.args(["--profile", "guest", "--target", GUEST_TARGET]);
    command.args(["--package", package]);
    command
}

/// Writes into a built component what `phagen plugin build` does: its manifest, its golden cases
/// and what it was made of. A guest without `plugin.toml` stays as it is.
fn embed(workspace: &Workspace, package: &str) -> Result<()> {
    let folder = workspace.folder_of(package)?;
    let Ok(toml) = fs::read_to_string(folder.join("plugin.toml")) else {
        return Ok(());
    };
    let told = || format!("cannot embed `plugin.toml` of `{package}`");
    let manifest = parse_manifest(&toml).with_context(told)?;
    let cases = (manifest.self_test.cases.as_ref())
        .map(|file| fs::read(folder.join(file)))
        .transpose()
        .with_context(told)?;
    let lock = fs::read_to_string(workspace.root.join("Cargo.lock")).with_context(told)?;
    let software = from_cargo_lock(&lock, package)
        .with_context(told)?
        .to_json();
    let path = workspace.component(package);
    let component = fs::read(&path).with_context(told)?;
    let whole = phagen_package::embed(&component, &manifest, cases.as_deref(), Some(&software))
        .with_context(told)?;
    // Cargo keeps a hard link to what it built: the file is replaced, not written over.
    let beside = path.with_extension("wasm.new");
    fs::write(&beside, whole).with_context(told)?;
    fs::rename(&beside, &path).with_context(told)
}
