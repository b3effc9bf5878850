//! What the tests of `k8s/` run: kubectl, which brings kustomize along, and the schemas of the oldest
//! and the newest Kubernetes that the manifests are for.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{python, services::package, shell::Workspace};

/// One holds the schemas of 1.22 to 1.30, the other those of 1.25 to 1.37.
const VALIDATORS: [(&str, &str); 2] = [
    ("PHAGEN_TEST_VALIDATE_OLD", "1.30.0"),
    ("PHAGEN_TEST_VALIDATE_NEW", "1.37.0"),
];

/// The first that brings kustomize 5 along, which the manifests are written for.
const LEAST_MINOR: u32 = 27;

/// Environment variables by which the tests find them.
pub(crate) fn tools(workspace: &Workspace) -> Result<Vec<(&'static str, OsString)>> {
    let mut found = vec![("PHAGEN_TEST_KUBECTL", kubectl(workspace)?.into())];
    for (variable, version) in VALIDATORS {
        let package = format!("kubernetes-validate=={version}");
        let folder = workspace
            .target
            .join("services")
            .join(format!("kubernetes-validate-{version}"));
        let what = format!("kubernetes-validate {version}, the schemas of Kubernetes,");
        let python = python::environment(&folder, &[&package], &what)?;
        found.push((variable, python.into()));
    }
    Ok(found)
}

/// The machine's own where it is new enough, else that of Debian 13, unpacked: Debian 12's is too old.
fn kubectl(workspace: &Workspace) -> Result<PathBuf> {
    let own = PathBuf::from("kubectl");
    if is_new_enough(&own) {
        return Ok(own);
    }
    let unpacked = package::unpacked(workspace, "kubectl", "trixie").with_context(|| {
        format!(
            "help: or install kubectl 1.{LEAST_MINOR} or newer (https://kubernetes.io/docs/tasks/tools)"
        )
    })?;
    let script = workspace.target.join("services").join("kubectl");
    write_script(&script, &unpacked.shell_command("usr/bin/kubectl")?)?;
    Ok(script)
}

fn is_new_enough(program: &Path) -> bool {
    let asked = Command::new(program)
        .args(["version", "--client", "--output=json"])
        .output();
    asked.is_ok_and(|output| minor_of(&output.stdout).is_some_and(|minor| minor >= LEAST_MINOR))
}

fn minor_of(json: &[u8]) -> Option<u32> {
    let told: serde_json::Value = serde_json::from_slice(json).ok()?;
    let minor = told["clientVersion"]["minor"].as_str()?;
    // Some builders add a `+`.
    minor
        .trim_end_matches(|c: char| !c.is_ascii_digit())
        .parse()
        .ok()
}

fn write_script(path: &Path, command: &str) -> Result<()> {
    let written = fs::write(path, format!("#!/bin/sh\nexec {command} \"$@\"\n"))
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)));
    written.with_context(|| format!("cannot write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_however_it_was_built() {
        for (minor, read) in [("32", Some(32)), ("20+", Some(20)), ("", None)] {
            let told = serde_json::json!({ "clientVersion": { "major": "1", "minor": minor } });
            assert_eq!(minor_of(told.to_string().as_bytes()), read);
        }
        assert_eq!(minor_of(b"no json"), None);
    }
}
