//! Lays out the share folder: built guests, their artifacts, the corpus, the vocabulary, and what
//! authors of plugins need. `phagen` reads all of it at run time; nothing of it is compiled in.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{guests, shell::Workspace};

/// Folders that a tool left behind.
const LEFT_BEHIND: [&str; 3] = ["target", "node_modules", "__pycache__"];
/// Folders that are no part of an SDK for whoever uses it.
const NOT_OF_AN_SDK: [&str; 6] = [
    "examples",
    "tests",
    "target",
    "node_modules",
    "__pycache__",
    "template",
];

pub(crate) fn lay_out(workspace: &Workspace) -> Result<()> {
    let share = workspace.share();
    for name in guests::SHIPPED {
        let built = workspace.component(name);
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
            &LEFT_BEHIND,
        )?;
    }
    lay_out_kit(workspace)?;
    link_beside_binaries(workspace)
}

/// What `phagen plugin new`, `build` and `bench` need: templates, SDKs, the contract, idle guests.
fn lay_out_kit(workspace: &Workspace) -> Result<()> {
    let (root, share) = (&workspace.root, workspace.share());
    // The SDK finds the contract from where it lies, so that both keep their places.
    copy_folder(&root.join("wit"), &share.join("wit"), &LEFT_BEHIND)?;
    // A template's own `examples` are part of it.
    let templates = root.join("sdk").join("template");
    copy_folder(&templates, &share.join("template"), &LEFT_BEHIND)?;
    copy_folder(&root.join("sdk"), &share.join("sdk"), &NOT_OF_AN_SDK)?;
    let sdk = share.join("sdk").join("rust");
    let manifest = alone(&metadata_of_sdk(workspace)?)?;
    write(&sdk.join("Cargo.toml"), &manifest)?;
    copy(&root.join("Cargo.lock"), &sdk.join("Cargo.lock"))?;
    for name in guests::IDLE {
        let target = share.join("bench").join(format!("{name}.wasm"));
        copy(&workspace.component(name), &target)?;
    }
    Ok(())
}

/// What cargo knows of the SDK, with everything inherited filled in.
fn metadata_of_sdk(workspace: &Workspace) -> Result<Value> {
    const SDK: &str = "phagen-sdk";
    let output = workspace
        .cargo()
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .output()
        .context("cannot run `cargo metadata`")?;
    let mut metadata: Value =
        serde_json::from_slice(&output.stdout).context("`cargo metadata` answered no JSON")?;
    let packages = metadata["packages"].as_array_mut();
    packages
        .into_iter()
        .flatten()
        .find(|package| package["name"] == SDK)
        .map(Value::take)
        .with_context(|| format!("the workspace has no member `{SDK}`"))
}

/// The manifest of a package outside of its workspace: nothing in it is inherited.
fn alone(package: &Value) -> Result<String> {
    let mut manifest = String::from(
        "# Written by `cargo xtask guests`: the SDK as it is outside of its workspace.\n[package]\n",
    );
    for (key, name) in [
        ("name", "name"),
        ("version", "version"),
        ("edition", "edition"),
        ("rust-version", "rust_version"),
        ("license", "license"),
        ("description", "description"),
    ] {
        if let Some(text) = package[name].as_str() {
            writeln!(manifest, "{key} = {}", quoted(text))?;
        }
    }
    manifest.push_str("publish = false\n");
    let dependencies = package["dependencies"]
        .as_array()
        .context("`cargo metadata` names no dependencies")?;
    for dependency in dependencies.iter().filter(|it| it["kind"].is_null()) {
        let text = |key: &str| dependency[key].as_str().unwrap_or_default();
        let target = match dependency["target"].as_str() {
            Some(target) => format!("target.{}.", quoted(target)),
            None => String::new(),
        };
        writeln!(
            manifest,
            "\n[{target}dependencies.{}]\nversion = {}\ndefault-features = {}\nfeatures = {}",
            text("name"),
            quoted(text("req")),
            dependency["uses_default_features"],
            dependency["features"],
        )?;
    }
    manifest.push_str("\n# Not a member of a workspace that happens to lie above.\n[workspace]\n");
    Ok(manifest)
}

/// A string as JSON writes it, which TOML reads too.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Replaces what stood there before, so that a file that was removed leaves the share too.
fn copy_folder(from: &Path, to: &Path, skipped: &[&str]) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("cannot clear `{}`", to.display()))?;
    }
    let entries =
        fs::read_dir(from).with_context(|| format!("cannot read `{}`", from.display()))?;
    for entry in entries {
        let path: PathBuf = entry?.path();
        let name = path.file_name().unwrap_or_default();
        let is_shipped = !skipped.iter().any(|skipped| name == *skipped);
        if path.is_file() {
            copy(&path, &to.join(name))?;
        } else if is_shipped {
            copy_folder(&path, &to.join(name), skipped)?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    create_parent(to)?;
    fs::copy(from, to)
        .with_context(|| format!("cannot copy `{}` to `{}`", from.display(), to.display()))?;
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    create_parent(path)?;
    fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

fn create_parent(path: &Path) -> Result<()> {
    match path.parent() {
        Some(parent) => fs::create_dir_all(parent)
            .with_context(|| format!("cannot create `{}`", parent.display())),
        None => Ok(()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_keeps_its_examples_and_an_sdk_does_not() {
        let folder = std::env::temp_dir().join(format!("phagen-share-{}", std::process::id()));
        let from = folder.join("from");
        for file in ["examples/native.rs", "src/lib.rs", "target/x"] {
            write(&from.join(file), "").unwrap();
        }
        let copied = |skipped: &[&str]| {
            let to = folder.join("to");
            copy_folder(&from, &to, skipped).unwrap();
            ["examples/native.rs", "src/lib.rs", "target/x"].map(|file| to.join(file).exists())
        };
        assert_eq!(copied(&LEFT_BEHIND), [true, true, false]);
        assert_eq!(copied(&NOT_OF_AN_SDK), [false, true, false]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_manifest_of_its_own_inherits_nothing() {
        let package = serde_json::json!({
            "name": "phagen-sdk", "version": "0.1.0", "edition": "2024", "license": "Apache-2.0",
            "description": "says \"hello\"",
            "dependencies": [
                { "name": "a", "req": "^1.2", "kind": null, "target": null,
                  "uses_default_features": false, "features": ["x"] },
                { "name": "b", "req": "^2", "kind": null, "target": "cfg(not(target_arch = \"wasm32\"))",
                  "uses_default_features": true, "features": [] },
                { "name": "c", "req": "*", "kind": "dev", "target": null,
                  "uses_default_features": true, "features": [] },
            ],
        });
        let manifest = alone(&package).unwrap();
        assert!(!manifest.contains("workspace = true"), "{manifest}");
        for line in [
            "description = \"says \\\"hello\\\"\"",
            "[dependencies.a]\nversion = \"^1.2\"\ndefault-features = false\nfeatures = [\"x\"]",
            "[target.\"cfg(not(target_arch = \\\"wasm32\\\"))\".dependencies.b]",
            "[workspace]",
        ] {
            assert!(manifest.contains(line), "{manifest}");
        }
        assert!(!manifest.contains("dependencies.c"), "{manifest}");
    }
}
