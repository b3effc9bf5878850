//! Lays out the share folder: built guests, their artifacts, the corpus and the vocabulary.
//! `phagen` reads all of it at run time; nothing of it is compiled in.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{guests, shell::Workspace};

pub(crate) fn lay_out(workspace: &Workspace) -> Result<()> {
    let share = workspace.share();
    for name in guests::SHIPPED {
        let built = workspace
            .components()
            .join(format!("{}.wasm", name.replace('-', "_")));
        copy(&built, &share.join("plugin").join(format!("{name}.wasm")))?;
        let artifact = workspace
            .root
            .join("plugins")
            .join(name)
            .join("artifact.json");
        if artifact.exists() {
            copy(
                &artifact,
                &share.join("artifact").join(format!("{name}.json")),
            )?;
        }
    }
    for folder in ["corpus", "vocabulary"] {
        copy_folder(
            &workspace.root.join("data").join(folder),
            &share.join(folder),
        )?;
    }
    link_beside_binaries(workspace)
}

/// Replaces what stood there before, so that a file removed from `data/` leaves the share too.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("cannot clear `{}`", to.display()))?;
    }
    let entries =
        fs::read_dir(from).with_context(|| format!("cannot read `{}`", from.display()))?;
    for entry in entries {
        let path: PathBuf = entry?.path();
        if path.is_file() {
            copy(&path, &to.join(path.file_name().unwrap_or_default()))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot create `{}`", parent.display()))?;
    }
    fs::copy(from, to)
        .with_context(|| format!("cannot copy `{}` to `{}`", from.display(), to.display()))?;
    Ok(())
}

/// `phagen` looks for `share` beside itself, so that it runs from any folder.
fn link_beside_binaries(workspace: &Workspace) -> Result<()> {
    for profile in ["debug", "release"] {
        let folder = workspace.target.join(profile);
        fs::create_dir_all(&folder)?;
        let link = folder.join("share");
        if fs::symlink_metadata(&link).is_err() {
            std::os::unix::fs::symlink(workspace.share(), &link)
                .with_context(|| format!("cannot link `{}`", link.display()))?;
        }
    }
    Ok(())
}
