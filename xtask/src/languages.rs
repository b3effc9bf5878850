//! Builds the example plugins in Python and JavaScript, with the scripts that `phagen plugin build`
//! runs too. Their toolchains live in the target folder, never in the repository.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::SystemTime,
};

use anyhow::{Context, Result, bail};

use crate::shell::{Workspace, run, say};

/// What is built of each language, below its folder in `sdk/`. A component is called as the last
/// part of it.
const PLUGINS: [&str; 4] = [
    "examples/source",
    "examples/mapper",
    "examples/reranker",
    "tests/unruly",
];

struct Language {
    /// Its folder in `sdk/` and in the target folder.
    name: &'static str,
    program: &'static str,
    script: &'static str,
    /// Arguments that run the tests of the SDK itself, from its folder.
    tests: &'static [&'static str],
    help: &'static str,
}

const LANGUAGES: [Language; 2] = [
    Language {
        name: "python",
        program: "python3",
        script: "build.py",
        tests: &["-m", "unittest", "discover", "--start-directory", "tests"],
        help: "plugins in Python need Python 3.11 or newer with `venv` (Debian and Ubuntu: `apt install python3-venv`; Fedora: `dnf install python3`; macOS: `brew install python`)",
    },
    Language {
        name: "js",
        program: "node",
        script: "build.mjs",
        tests: &["--test", "--test-reporter=dot", "tests/sdk.test.mjs"],
        help: "plugins in JavaScript need Node.js 20 or newer with npm (https://nodejs.org; Debian and Ubuntu: `apt install nodejs npm`; macOS: `brew install node`)",
    },
];

/// Where the built components lie: `python/source.wasm` and so on. Tests find it by
/// `PHAGEN_TEST_LANGUAGES`.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("languages")
}

/// Tests both SDKs natively, sets up their toolchains and builds what is not up to date.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    for language in &LANGUAGES {
        language.build(workspace)?;
    }
    Ok(())
}

impl Language {
    fn build(&self, workspace: &Workspace) -> Result<()> {
        self.require_program()?;
        run(self
            .command()
            .args(self.tests)
            .current_dir(workspace.root.join("sdk").join(self.name)))?;
        let tools = folder(workspace).join(self.name);
        if !tools.exists() {
            say(&format!(
                "setting up the toolchain for plugins in {} (once, from its package registry)",
                self.name
            ));
        }
        run(self.script(workspace, "install").arg("--tools").arg(&tools))?;
        for plugin in PLUGINS {
            self.build_plugin(workspace, &tools, plugin)?;
        }
        Ok(())
    }

    fn require_program(&self) -> Result<()> {
        let mut command = Command::new(self.program);
        let answers = command
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !answers {
            bail!("`{}` does not run\nhelp: {}", self.program, self.help);
        }
        Ok(())
    }

    fn build_plugin(&self, workspace: &Workspace, tools: &Path, plugin: &str) -> Result<()> {
        let sdk = workspace.root.join("sdk").join(self.name);
        let wit = workspace.root.join("wit");
        let name = plugin.rsplit('/').next().unwrap_or(plugin);
        let out = tools.join(format!("{name}.wasm"));
        // All of the language: its SDK goes into every one of its components.
        let newest = newest_change(&sdk)?.max(newest_change(&wit)?);
        if is_newer(&out, newest) {
            return Ok(());
        }
        let mut command = self.script(workspace, "build");
        command.arg("--tools").arg(tools).arg("--wit").arg(wit);
        command.arg("--plugin").arg(sdk.join(plugin));
        command.arg("--out").arg(&out);
        run(&mut command)
    }

    fn script(&self, workspace: &Workspace, chore: &str) -> Command {
        let mut command = self.command();
        command
            .arg(workspace.root.join("sdk").join(self.name).join(self.script))
            .arg(chore);
        command
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        // What Python compiles of a script would lie beside it, in the repository.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

fn is_newer(file: &Path, than: SystemTime) -> bool {
    fs::metadata(file)
        .and_then(|metadata| metadata.modified())
        .is_ok_and(|modified| modified > than)
}

/// When anything below `folder` was last written.
fn newest_change(folder: &Path) -> Result<SystemTime> {
    let read = || format!("cannot read `{}`", folder.display());
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(folder).with_context(read)? {
        let path = entry.with_context(read)?.path();
        let is_generated = ["__pycache__", "node_modules"]
            .iter()
            .any(|name| path.ends_with(name));
        if is_generated {
            continue;
        }
        let metadata = fs::metadata(&path).with_context(read)?;
        newest = newest.max(if metadata.is_dir() {
            newest_change(&path)?
        } else {
            metadata.modified().with_context(read)?
        });
    }
    if newest == SystemTime::UNIX_EPOCH {
        bail!("`{}` is empty", folder.display());
    }
    Ok(newest)
}
