//! The servers' programs by one word each, for tests that start, stop and kill servers of their own:
//! each a script that becomes the program, keeps its id, and runs it as a user that it accepts.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{
    package::{self, Unpacked},
    process::Account,
};
use crate::shell::Workspace;

/// Makes a process believe another time of day.
const FAKETIME: &str = "libfaketime";
const SUITE: &str = "bookworm";

pub(super) struct Programs {
    folder: PathBuf,
    faketime: PathBuf,
}

impl Programs {
    pub(super) fn gather(workspace: &Workspace, folder: &Path, account: Account) -> Result<Self> {
        let own = folder.join("programs");
        fs::create_dir(&own).with_context(|| format!("cannot make `{}`", own.display()))?;
        let library = package::unpacked(workspace, FAKETIME, SUITE)?.copy_to(&own.join("lib"))?;
        let programs = Self {
            faketime: find(&library, "libfaketimeMT.so.1")?,
            folder: own,
        };
        for name in ["initdb", "postgres"] {
            let program = super::postgres::programs()?.join(name);
            programs.add(name, &account.command(&program), account)?;
        }
        Ok(programs)
    }

    /// A script called `name` that becomes what `command` starts.
    pub(super) fn add(&self, name: &str, command: &Command, account: Account) -> Result<()> {
        let path = self.folder.join(name);
        let told = command.get_args().map(|word| word.to_string_lossy());
        let words: Vec<String> = std::iter::once(command.get_program().to_string_lossy())
            .chain(
                account
                    .options()
                    .iter()
                    .map(|option| option.as_str().into()),
            )
            .chain(told)
            .map(|word| format!("'{word}'"))
            .collect();
        let script = format!("#!/bin/sh\nexec {} \"$@\"\n", words.join(" "));
        fs::write(&path, script)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("cannot write `{}`", path.display()))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn faketime(&self) -> &Path {
        &self.faketime
    }
}

/// Wherever the machine's kind of processor puts it.
fn find(library: &Unpacked, name: &str) -> Result<PathBuf> {
    let places = library.libraries();
    let found = places
        .iter()
        .map(|folder| folder.join("faketime").join(name))
        .find(|path| path.is_file());
    found.with_context(|| format!("the package `{FAKETIME}` holds no `{name}`"))
}
