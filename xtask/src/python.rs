//! Programs in Python that the tests use: each in an environment of its own in the target folder, at
//! the versions that the tests were written for.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::shell::{run_quietly, say};

const HELP: &str = "the tests need Python 3.10 or newer with `venv`, and once its package registry (Debian and Ubuntu: `apt install python3-venv`; Fedora: `dnf install python3`; macOS: `brew install python`)";

/// The Python in `folder` that has `packages`, made once and kept. `what` says to the person who waits
/// what is fetched.
pub(crate) fn environment(folder: &Path, packages: &[&str], what: &str) -> Result<PathBuf> {
    let python = folder.join("bin").join("python");
    // Written last: without it, or with other versions in it, the environment is made anew.
    let stamp = folder.join("packages");
    let wanted = packages.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|has| has == wanted) {
        return Ok(python);
    }
    require_python()?;
    say(&format!(
        "installing {what} from Python's package registry (once)"
    ));
    run_quietly(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(folder),
    )
    .context(HELP)?;
    run_quietly(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet"])
            .arg("--disable-pip-version-check")
            .args(packages),
    )
    .context(HELP)?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write `{}`", stamp.display()))?;
    Ok(python)
}

fn require_python() -> Result<()> {
    let answers = Command::new("python3")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !answers {
        bail!("`python3` does not run\nhelp: {HELP}");
    }
    Ok(())
}
