//! `build`: code in, a component with its manifest, golden cases and list of software out.

mod cargo;
mod script;
mod software;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use phagen_package::{Package, embed};

use super::{AuthorError, Kit, Language, Project, Say};

/// Where plugins are built: the kit, and a folder for the toolchains of languages that need one.
#[derive(Debug, Clone)]
pub struct Workshop {
    kit: Kit,
    toolchain: PathBuf,
}

/// A component that was just built.
#[derive(Debug, Clone)]
pub struct Built {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
    pub package: Package,
    pub took: Duration,
}

impl Workshop {
    /// Below `toolchain` each language that needs one has a folder of its name.
    pub fn new(kit: Kit, toolchain: &Path) -> Self {
        Self {
            kit,
            toolchain: toolchain.to_path_buf(),
        }
    }

    /// The command that asks the plugin natively, to which the file of an order is added. Blocks as
    /// `build` does: a Rust plugin is compiled for this machine.
    pub(super) fn native(&self, project: &Project, say: Say<'_>) -> Result<Command, AuthorError> {
        match project.language {
            Language::Rust => cargo::build_native(project, say).map(Command::new),
            Language::Python | Language::Js => self.native_by_script(project, say),
        }
    }

    /// Builds what lies in the project's folder. Blocks, for minutes the first time: compilers run,
    /// their own output goes to standard error as it comes.
    pub fn build(&self, project: &Project, say: Say<'_>) -> Result<Built, AuthorError> {
        let began = Instant::now();
        // What is wrong with it is told before a compiler runs for a minute.
        let cases = project.cases()?;
        let component = match project.language {
            Language::Rust => cargo::build(project, say)?,
            Language::Python | Language::Js => self.build_by_script(project, say)?,
        };
        let software = software::of(project, &self.kit)?.to_json();
        let bytes = embed(
            &component,
            &project.manifest,
            cases.as_deref(),
            Some(&software),
        )
        .map_err(|source| AuthorError::Component {
            path: project.dir.clone(),
            source,
        })?;
        let path = project.component();
        replace(&path, &bytes)?;
        let package = Package::read(&bytes)?;
        Ok(Built {
            path,
            bytes,
            package,
            took: began.elapsed(),
        })
    }
}

/// Whoever reads the file meanwhile sees the old one or the new one whole.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), AuthorError> {
    let beside = path.with_extension("wasm.new");
    fs::write(&beside, bytes).map_err(AuthorError::file("write", &beside))?;
    fs::rename(&beside, path).map_err(AuthorError::file("write", path))
}

/// Runs a tool to its end with its standard error shown; its standard output, if it succeeded.
fn run(command: &mut Command, help: &'static str) -> Result<Option<Vec<u8>>, AuthorError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|source| AuthorError::NoProgram {
            program,
            help,
            source,
        })?;
    Ok(output.status.success().then_some(output.stdout))
}
