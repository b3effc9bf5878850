//! What a chore needs beyond cargo: named when missing, installed where that is ours to do.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::shell::{Workspace, run, say};

pub(crate) const GUEST_TARGET: &str = "wasm32-wasip2";

/// The one cargo tool that the tests use, at the version they were written for.
const NEXTEST: &str = "0.9.143";

/// Chematic's `InChI`, SQLite and others are C, compiled while the host is built.
pub(crate) fn require_c_compiler() -> Result<()> {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    if !answers(Command::new(&compiler).arg("--version")) {
        bail!(
            "no C compiler: `{}` does not run\nhelp: install one (Debian and Ubuntu: `apt install build-essential`; Fedora: `dnf install gcc`), or name it in `CC`",
            compiler.display()
        );
    }
    Ok(())
}

/// A container registry on this machine, which plugins are pushed to and pulled from.
pub(crate) fn require_registry() -> Result<()> {
    const PACKAGE: &str = "docker-registry";
    let is_there = || answers(Command::new(PACKAGE).arg("--version"));
    if is_there() {
        return Ok(());
    }
    say(&format!(
        "installing `{PACKAGE}`, which the tests push plugins to"
    ));
    let installed = answers(Command::new("apt-get").args(["install", "--yes", PACKAGE]));
    if !installed || !is_there() {
        bail!(
            "the tests need `{PACKAGE}`, a container registry\nhelp: install it (Debian and Ubuntu: `apt-get update && apt-get install {PACKAGE}`)"
        );
    }
    Ok(())
}

/// Adds the guests' target to the toolchain in use.
pub(crate) fn require_guest_target() -> Result<()> {
    let installed = Command::new("rustup")
        .args(["target", "list", "--installed"])
        .output()
        .context("cannot run `rustup`\nhelp: PhaGen's guests need the target `wasm32-wasip2`; install Rust by rustup (https://rustup.rs)")?;
    if String::from_utf8_lossy(&installed.stdout)
        .lines()
        .any(|line| line.trim() == GUEST_TARGET)
    {
        return Ok(());
    }
    say(&format!(
        "adding the target {GUEST_TARGET} to the toolchain"
    ));
    run(Command::new("rustup").args(["target", "add", GUEST_TARGET]))
}

/// `cargo nextest`: the one on the path when it is new enough, else our own pinned copy.
pub(crate) fn nextest(workspace: &Workspace) -> Result<PathBuf> {
    let own = workspace
        .target
        .join("tools")
        .join("bin")
        .join("cargo-nextest");
    for candidate in [PathBuf::from("cargo-nextest"), own.clone()] {
        if answers(Command::new(&candidate).args(["nextest", "--version"])) {
            return Ok(candidate);
        }
    }
    say(&format!(
        "installing cargo-nextest {NEXTEST} under {} (once, some minutes)",
        own.display()
    ));
    run(workspace
        .cargo()
        .args([
            "install",
            "cargo-nextest",
            "--version",
            NEXTEST,
            "--locked",
            "--root",
        ])
        .arg(workspace.target.join("tools")))?;
    Ok(own)
}

fn answers(command: &mut Command) -> bool {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
