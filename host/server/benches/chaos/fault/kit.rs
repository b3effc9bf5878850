//! What every fault needs: the shipped binary and what it reads, the programs of real servers, and a
//! data folder made ready once.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

pub(crate) struct Kit {
    pub(crate) binary: PathBuf,
    pub(crate) share: PathBuf,
    /// Components of the tests and examples.
    pub(crate) guests: PathBuf,
    /// Data folder with the corpus indexed and the guests compiled.
    template: TempDir,
}

impl Kit {
    pub(crate) fn new(binary: PathBuf, share: PathBuf, guests: PathBuf) -> Result<Self> {
        phagen_package::oci::install_tls();
        let kit = Self {
            binary,
            share,
            guests,
            template: tempfile::tempdir()?,
        };
        // Any command that loads the plugins compiles them.
        for arguments in [["corpus", "import"], ["plugin", "list"]] {
            let mut command = kit.phagen(kit.template.path());
            let ended = command.args(arguments).stdout(Stdio::null()).status()?;
            ensure!(ended.success(), "`phagen {}` failed", arguments.join(" "));
        }
        Ok(kit)
    }

    /// The binary on a data folder. It sees nothing of this environment.
    pub(crate) fn phagen(&self, data: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .env("PHAGEN_DATA_DIR", data)
            .env("PHAGEN_SHARE_DIR", &self.share)
            .stdin(Stdio::null());
        command
    }

    /// Makes `to` a data folder that is ready.
    pub(crate) fn lay_out(&self, to: &Path) -> Result<()> {
        copy(self.template.path(), to)
            .with_context(|| format!("cannot copy a data folder to `{}`", to.display()))
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// A folder that the servers' own user passes through.
pub(crate) fn open_folder() -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("phagen-fault-").tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

/// What `cargo xtask` passes on.
pub(crate) fn variable(name: &str) -> Result<PathBuf> {
    let value = std::env::var_os(name);
    value.map(PathBuf::from).with_context(|| {
        format!("`{name}` is not set: run `cargo xtask test`, `cargo xtask chaos`, or below `cargo xtask services`")
    })
}
