//! Rust plugins, by cargo.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::run;
use crate::author::{AuthorError, Project, Say};

const TARGET: &str = "wasm32-wasip2";
const NO_RUST: &str = "install Rust by rustup (https://rustup.rs)";

/// A guest runs in every job: it is built as fast as it gets, whatever the crate's own profile says.
const PROFILE: [&str; 5] = [
    "profile.release.opt-level=3",
    "profile.release.lto=true",
    "profile.release.codegen-units=1",
    "profile.release.panic=\"abort\"",
    "profile.release.strip=true",
];

pub(super) fn build(project: &Project, say: Say<'_>) -> Result<Vec<u8>, AuthorError> {
    require_target(&project.dir, say)?;
    say(&format!(
        "cargo builds `{}` for {TARGET}",
        project.manifest.plugin.name
    ));
    let mut command = Command::new("cargo");
    command
        .current_dir(&project.dir)
        .args(["build", "--release", "--lib", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics");
    for setting in PROFILE {
        command.args(["--config", setting]);
    }
    let Some(messages) = run(&mut command, NO_RUST)? else {
        return Err(AuthorError::Build {
            what: "`cargo build`".to_owned(),
            help: "its messages above name file and line".to_owned(),
        });
    };
    let built = component(&messages, &project.dir).ok_or_else(|| AuthorError::Project {
        path: project.dir.join("Cargo.toml"),
        message: "the crate makes no component; write `crate-type = [\"cdylib\"]` below `[lib]`"
            .to_owned(),
    })?;
    fs::read(&built).map_err(AuthorError::file("read what cargo built,", built))
}

/// The `.wasm` that cargo made of the crate in `dir`, among its messages of all crates.
fn component(messages: &[u8], dir: &Path) -> Option<PathBuf> {
    let manifest = dir.join("Cargo.toml");
    messages
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| message["manifest_path"].as_str().map(Path::new) == Some(&manifest))
        .find_map(|message| {
            let files = message["filenames"].as_array()?.iter();
            files
                .filter_map(Value::as_str)
                .map(PathBuf::from)
                .find(|file| file.extension().is_some_and(|kind| kind == "wasm"))
        })
}

/// Adds the target to the toolchain that serves in `dir`.
fn require_target(dir: &Path, say: Say<'_>) -> Result<(), AuthorError> {
    let mut asked = Command::new("rustc");
    asked
        .current_dir(dir)
        .args(["--print", "target-libdir", "--target", TARGET]);
    let folder = run(&mut asked, NO_RUST)?.unwrap_or_default();
    let folder = String::from_utf8_lossy(&folder).trim().to_owned();
    if !folder.is_empty() && Path::new(&folder).is_dir() {
        return Ok(());
    }
    say(&format!(
        "this Rust cannot build for {TARGET} yet: adding that target (once)"
    ));
    let mut add = Command::new("rustup");
    add.current_dir(dir).args(["target", "add", TARGET]);
    match run(&mut add, NO_RUST)? {
        Some(_) => Ok(()),
        None => Err(AuthorError::Build {
            what: format!("`rustup target add {TARGET}`"),
            help: "check the network; a Rust that rustup did not install needs its own way to that target".to_owned(),
        }),
    }
}

/// The lock file that counts for the crate in `dir`, its own or that of its workspace, and the name
/// by which it knows the crate.
pub(super) fn lock_file(dir: &Path) -> Result<(PathBuf, String), AuthorError> {
    let manifest = dir.join("Cargo.toml");
    let mut ask = Command::new("cargo");
    ask.current_dir(dir)
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"]);
    let answer = run(&mut ask, NO_RUST)?.unwrap_or_default();
    let metadata: Value = serde_json::from_slice(&answer).unwrap_or_default();
    let packages = metadata["packages"].as_array();
    let name = packages.into_iter().flatten().find_map(|package| {
        let is_ours = package["manifest_path"].as_str().map(Path::new) == Some(&manifest);
        package["name"].as_str().filter(|_| is_ours)
    });
    match (metadata["workspace_root"].as_str(), name) {
        (Some(root), Some(name)) => Ok((Path::new(root).join("Cargo.lock"), name.to_owned())),
        _ => Err(AuthorError::Project {
            path: manifest,
            message: "cargo does not know it as a package; give it a `[package]` with a `name`"
                .to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_found_among_the_messages_of_all_crates() {
        let message = |manifest: &str, file: &str| {
            format!(
                "{{\"reason\":\"compiler-artifact\",\"manifest_path\":\"{manifest}\",\"filenames\":[\"{file}\"]}}\n"
            )
        };
        let messages = [
            message("/sdk/Cargo.toml", "/t/sdk.wasm"),
            "no json\n".to_owned(),
            message("/p/Cargo.toml", "/t/build-script"),
            message("/p/Cargo.toml", "/t/p.wasm"),
        ]
        .concat();
        let found = |messages: &str| component(messages.as_bytes(), Path::new("/p"));
        assert_eq!(found(&messages), Some("/t/p.wasm".into()));
        assert_eq!(found(&message("/sdk/Cargo.toml", "/t/sdk.wasm")), None);
    }
}
