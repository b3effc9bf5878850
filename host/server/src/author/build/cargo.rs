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
    // As a component alone: cargo leaves link-time optimisation out of a crate that is also built as
    // a plain library.
    let chore = ["rustc", "--lib", "--crate-type=cdylib", "--target", TARGET];
    let messages = cargo(&project.dir, &chore)?;
    let built = component(&messages, &project.dir).ok_or_else(|| AuthorError::Project {
        path: project.dir.join("Cargo.toml"),
        message: "the crate makes no component; write `crate-type = [\"cdylib\"]` below `[lib]`"
            .to_owned(),
    })?;
    fs::read(&built).map_err(AuthorError::file("read what cargo built,", built))
}

/// Builds the program that asks the plugin natively, in the profile of the component.
pub(super) fn build_native(project: &Project, say: Say<'_>) -> Result<PathBuf, AuthorError> {
    let (dir, manifest) = (&project.dir, project.dir.join("Cargo.toml"));
    let metadata = metadata(dir)?;
    let package = package_in(&metadata, &manifest)?;
    let example = native_example(&package["targets"]).map_err(|message| AuthorError::Project {
        path: manifest.clone(),
        message: message.to_owned(),
    })?;
    say(&format!("cargo builds `{example}` for this machine"));
    let messages = cargo(dir, &["build", "--example", &example])?;
    let programs = messages_of(&messages, &manifest);
    let is_ours = |message: &Value| message["target"]["name"] == example.as_str();
    let program = programs
        .into_iter()
        .filter(is_ours)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    program.ok_or_else(|| AuthorError::Project {
        path: manifest,
        message: format!("cargo made no program of its example `{example}`"),
    })
}

/// Runs cargo in the profile of guests; what it made, as messages.
fn cargo(dir: &Path, chore: &[&str]) -> Result<Vec<u8>, AuthorError> {
    let mut command = Command::new("cargo");
    command
        .current_dir(dir)
        .args(chore)
        .args(["--release", "--message-format=json-render-diagnostics"]);
    for setting in PROFILE {
        command.args(["--config", setting]);
    }
    run(&mut command, NO_RUST)?.ok_or_else(|| AuthorError::Build {
        what: "`cargo build`".to_owned(),
        help: "its messages above name file and line".to_owned(),
    })
}

/// What cargo says it made of the crate with `manifest`, among its messages of all crates.
fn messages_of(messages: &[u8], manifest: &Path) -> Vec<Value> {
    messages
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| message["manifest_path"].as_str().map(Path::new) == Some(manifest))
        .collect()
}

/// The `.wasm` that cargo made of the crate in `dir`.
fn component(messages: &[u8], dir: &Path) -> Option<PathBuf> {
    messages_of(messages, &dir.join("Cargo.toml"))
        .iter()
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
    let metadata = metadata(dir)?;
    let package = package_in(&metadata, &manifest)?;
    match (
        metadata["workspace_root"].as_str(),
        package["name"].as_str(),
    ) {
        (Some(root), Some(name)) => Ok((Path::new(root).join("Cargo.lock"), name.to_owned())),
        _ => Err(no_package(&manifest)),
    }
}

fn metadata(dir: &Path) -> Result<Value, AuthorError> {
    let mut ask = Command::new("cargo");
    ask.current_dir(dir)
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"]);
    let answer = run(&mut ask, NO_RUST)?.unwrap_or_default();
    Ok(serde_json::from_slice(&answer).unwrap_or_default())
}

fn package_in<'a>(metadata: &'a Value, manifest: &Path) -> Result<&'a Value, AuthorError> {
    let packages = metadata["packages"].as_array();
    let mut packages = packages.into_iter().flatten();
    packages
        .find(|package| package["manifest_path"].as_str().map(Path::new) == Some(manifest))
        .ok_or_else(|| no_package(manifest))
}

fn no_package(manifest: &Path) -> AuthorError {
    AuthorError::Project {
        path: manifest.to_path_buf(),
        message: "cargo does not know it as a package; give it a `[package]` with a `name`"
            .to_owned(),
    }
}

/// The name of the example `examples/native.rs` among a package's targets; why there is none.
fn native_example(targets: &Value) -> Result<String, &'static str> {
    let targets = || targets.as_array().into_iter().flatten();
    let is = |target: &Value, kind: &str| {
        let mut kinds = target["kind"].as_array().into_iter().flatten();
        kinds.any(|it| it == kind)
    };
    let path = |target: &Value| PathBuf::from(target["src_path"].as_str().unwrap_or_default());
    let example = targets()
        .find(|target| is(target, "example") && path(target).ends_with("examples/native.rs"))
        .and_then(|target| target["name"].as_str())
        .ok_or("the crate has no `examples/native.rs`, which asks the plugin natively; `phagen plugin new` makes one")?;
    if !targets().any(|target| is(target, "rlib") || is(target, "lib")) {
        return Err(
            "`examples/native.rs` cannot use the crate; write `crate-type = [\"cdylib\", \"rlib\"]` below `[lib]`",
        );
    }
    Ok(example.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    #[test]
    fn the_native_example_is_found_or_it_is_said_what_it_needs() {
        let lib =
            |kinds: &[&str]| json!({ "kind": kinds, "name": "p", "src_path": "/p/src/lib.rs" });
        let example =
            |name: &str, path: &str| json!({ "kind": ["example"], "name": name, "src_path": path });
        let native = example("p-native", "/p/examples/native.rs");
        let other = example("other", "/p/examples/other.rs");
        let found = |targets: &[&Value]| native_example(&json!(targets));
        let both = lib(&["cdylib", "rlib"]);
        assert_eq!(found(&[&both, &other, &native]), Ok("p-native".to_owned()));
        let refusal = found(&[&both, &other]).unwrap_err();
        assert!(refusal.contains("no `examples/native.rs`"), "{refusal}");
        let refusal = found(&[&lib(&["cdylib"]), &native]).unwrap_err();
        assert!(refusal.contains("rlib"), "{refusal}");
    }
}
