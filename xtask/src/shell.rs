//! Running commands and saying what happens.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// Where the sources are and where cargo puts what it builds.
pub(crate) struct Workspace {
    pub root: PathBuf,
    pub target: PathBuf,
    /// Folder of each member, by the name of its package.
    folders: BTreeMap<String, PathBuf>,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self> {
        let output = Command::new(cargo())
            .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
            .output()
            .context("cannot run `cargo metadata`")?;
        if !output.status.success() {
            bail!(
                "`cargo metadata` failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let folder = |key: &str| {
            metadata[key]
                .as_str()
                .map(PathBuf::from)
                .with_context(|| format!("`cargo metadata` names no `{key}`"))
        };
        Ok(Self {
            root: folder("workspace_root")?,
            target: folder("target_directory")?,
            folders: folders(&metadata),
        })
    }

    /// The folder of a member.
    pub(crate) fn folder_of(&self, package: &str) -> Result<&Path> {
        self.folders
            .get(package)
            .map(PathBuf::as_path)
            .with_context(|| format!("the workspace has no member `{package}`"))
    }

    /// Built guests, corpus and vocabulary, as `phagen` reads them at run time.
    pub(crate) fn share(&self) -> PathBuf {
        self.target.join("share")
    }

    /// The components as cargo leaves them.
    pub(crate) fn components(&self) -> PathBuf {
        self.target.join("wasm32-wasip2").join("guest")
    }

    /// One of them, by the name of its package.
    pub(crate) fn component(&self, package: &str) -> PathBuf {
        self.components()
            .join(format!("{}.wasm", package.replace('-', "_")))
    }

    pub(crate) fn binary(&self) -> PathBuf {
        self.target
            .join("release")
            .join(format!("phagen{}", std::env::consts::EXE_SUFFIX))
    }

    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(cargo());
        command.current_dir(&self.root);
        command
    }
}

fn folders(metadata: &serde_json::Value) -> BTreeMap<String, PathBuf> {
    let packages = metadata["packages"].as_array();
    packages
        .into_iter()
        .flatten()
        .filter_map(|package| {
            let folder = Path::new(package["manifest_path"].as_str()?).parent()?;
            Some((package["name"].as_str()?.to_owned(), folder.to_owned()))
        })
        .collect()
}

fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// Runs `command` to its end, its output shown as it comes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command
        .status()
        .with_context(|| format!("cannot run `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// Runs `command` to its end; what it says is told only if it fails.
pub(crate) fn run_quietly(command: &mut Command) -> Result<()> {
    output_of(command).map(drop)
}

/// What `command` writes to standard output.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command
        .output()
        .with_context(|| format!("cannot run `{shown}`"))?;
    if !output.status.success() {
        bail!(
            "`{shown}` ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default();
    std::iter::once(program)
        .chain(command.get_args())
        .map(|part| part.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// One line for the person who waits. A closed standard error is nothing to fail for.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
