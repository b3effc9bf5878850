//! Programs of Debian packages. Of a release that need not be this machine's, they are unpacked
//! beside the machine's own and run with the loader and the libraries of that release. The mirror is
//! the one that the machine's own sources name.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::process::Account;
use crate::shell::{Workspace, output_of, run_quietly, say};

/// Where Debian keeps the keys of its releases, if not among those that apt trusts anyway.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// While this file is there and says no, installing a package starts no service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// A package and the libraries that it needs, as files.
pub(crate) struct Unpacked {
    root: PathBuf,
}

impl Unpacked {
    pub(super) fn copy_to(&self, to: &Path) -> Result<Self> {
        run_quietly(Command::new("cp").arg("-r").arg(&self.root).arg(to))?;
        run_quietly(Command::new("chmod").args(["-R", "a+rX"]).arg(to))?;
        Ok(Self {
            root: to.to_owned(),
        })
    }

    pub(super) fn command(&self, account: Account, program: &str) -> Result<Command> {
        let mut command = account.command(&self.loader()?);
        command
            .arg("--library-path")
            .arg(std::env::join_paths(self.libraries())?)
            .arg(self.root.join(program));
        Ok(command)
    }

    /// The same for a shell, by whoever runs it.
    pub(crate) fn shell_command(&self, program: &str) -> Result<String> {
        let libraries = std::env::join_paths(self.libraries())?;
        Ok(format!(
            "'{}' --library-path '{}' '{}'",
            self.loader()?.display(),
            libraries.display(),
            self.root.join(program).display()
        ))
    }

    fn loader(&self) -> Result<PathBuf> {
        self.libraries()
            .iter()
            .flat_map(|folder| fs::read_dir(folder).into_iter().flatten())
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with("ld-linux") && path.is_file()
            })
            .with_context(|| format!("`{}` holds no loader", self.root.display()))
    }

    /// `lib/<machine>` and `usr/lib/<machine>`, whichever the release has.
    pub(super) fn libraries(&self) -> Vec<PathBuf> {
        ["usr/lib", "lib"]
            .into_iter()
            .flat_map(|folder| fs::read_dir(self.root.join(folder)).into_iter().flatten())
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().contains("-linux-gnu"))
            .collect()
    }
}

/// `package` of the release `suite`, fetched once and kept in the target folder.
pub(crate) fn unpacked(workspace: &Workspace, package: &str, suite: &str) -> Result<Unpacked> {
    let kept = workspace
        .target
        .join("services")
        .join(format!("{package}-{suite}"));
    if !kept.is_dir() {
        say(&format!("fetching `{package}` of Debian {suite} (once)"));
        fetch(package, suite, &kept).with_context(|| {
            format!(
                "the tests need `{package}` of Debian {suite}, and it could not be had\nhelp: run them on Debian, with a mirror in its package sources that is in reach and holds that release"
            )
        })?;
    }
    Ok(Unpacked { root: kept })
}

fn fetch(package: &str, suite: &str, to: &Path) -> Result<()> {
    let parent = to.parent().context("it has a folder")?;
    fs::create_dir_all(parent)?;
    let folder = tempfile::tempdir_in(parent)?;
    let apt = Apt::new(folder.path(), suite)?;
    run_quietly(apt.get().arg("update"))?;
    let names = apt.closure(package)?;
    let packages = folder.path().join("packages");
    fs::create_dir(&packages)?;
    run_quietly(apt.get().arg("download").args(names).current_dir(&packages))?;
    let root = folder.path().join("root");
    for entry in fs::read_dir(&packages)? {
        let file = entry?.path();
        run_quietly(
            Command::new("dpkg-deb")
                .arg("--extract")
                .arg(file)
                .arg(&root),
        )?;
    }
    // Whole or not at all.
    fs::rename(&root, to).with_context(|| format!("cannot keep `{}`", to.display()))
}

/// apt with lists, caches and an idea of what is installed of its own, so that the machine's stay as
/// they are and no special right is needed.
struct Apt {
    options: Vec<String>,
}

impl Apt {
    fn new(folder: &Path, suite: &str) -> Result<Self> {
        for own in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(own))?;
        }
        let shown = folder.display();
        fs::write(folder.join("status"), "")?;
        let signed = if Path::new(KEYRING).is_file() {
            format!("[signed-by={KEYRING}] ")
        } else {
            String::new()
        };
        let mirror = mirror()?;
        let source = format!("deb {signed}{mirror} {suite} main\n");
        fs::write(folder.join("sources.list"), source)?;
        let user = output_of(Command::new("id").arg("-un"))?;
        let options = [
            format!("Dir::Etc::sourcelist={shown}/sources.list"),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            format!("Dir::State::lists={shown}/lists"),
            format!("Dir::State::status={shown}/status"),
            format!("Dir::Cache={shown}/cache"),
            format!("APT::Sandbox::User={}", user.trim()),
        ];
        Ok(Self {
            options: options.into(),
        })
    }

    fn get(&self) -> Command {
        let mut command = Command::new("apt-get");
        for option in &self.options {
            command.args(["-o", option]);
        }
        command
    }

    /// `package` and the libraries that it would draw in where nothing is installed.
    fn closure(&self, package: &str) -> Result<Vec<String>> {
        let plan = output_of(self.get().args([
            "install",
            "--simulate",
            "--no-install-recommends",
            package,
        ]))?;
        let names = plan
            .lines()
            .filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next())
            .filter(|name| *name == package || is_library(name));
        Ok(names.map(str::to_owned).collect())
    }
}

/// Libraries of Perl, Python and the like come along for the sake of scripts that are not run. Those
/// of Lua are linked.
fn is_library(name: &str) -> bool {
    let is_one = ["lib", "zlib", "lua-"]
        .iter()
        .any(|start| name.starts_with(start));
    is_one && !name.contains("perl") && !name.ends_with("-bin")
}

/// Where this machine gets the packages of its own release.
fn mirror() -> Result<String> {
    let release = fs::read_to_string("/etc/os-release").context("this is no Debian")?;
    let codename = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .context("this release of Debian has no name")?;
    let targets = output_of(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(RELEASE) $(COMPONENT) $(ORIGIN) $(REPO_URI)",
        "Created-By: Packages",
    ]))?;
    archive_of(&targets, codename)
        .with_context(|| format!("no package source of this machine is Debian's `{codename}`"))
}

/// The address in the line of `codename main`, of Debian and of nobody else.
fn archive_of(targets: &str, codename: &str) -> Option<String> {
    let own = format!("{codename} main ");
    targets
        .lines()
        .filter_map(|line| line.strip_prefix(&own)?.split_once(' '))
        // Until lists were fetched, apt knows no origins.
        .find(|(origin, _)| *origin == "Debian" || origin.starts_with('$'))
        .map(|(_, uri)| uri.to_owned())
}

/// Installs on this machine, which takes root and Debian. Services that come along are not started.
pub(super) fn install(package: &str) -> Result<()> {
    let policy = Policy::refuse_services();
    let installed = Command::new("apt-get")
        .args(["install", "--yes", "--no-install-recommends", package])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output();
    drop(policy);
    match installed {
        Ok(output) if output.status.success() => Ok(()),
        _ => bail!(
            "`{package}` is missing and could not be installed\nhelp: as root, `apt-get update && apt-get install {package}`"
        ),
    }
}

/// Gone when dropped; a policy that the machine has is left as it is.
struct Policy {
    is_ours: bool,
}

impl Policy {
    fn refuse_services() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let is_ours = !Path::new(POLICY).exists()
            && fs::write(POLICY, "#!/bin/sh\nexit 101\n").is_ok()
            && fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755)).is_ok();
        Self { is_ours }
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_that_of_the_machines_own_release() {
        let targets = "\
bookworm main Other https://other.example/
bookworm contrib Debian https://mirror.example/debian/
bookworm-updates main Debian https://updates.example/debian/
bookworm main Debian https://mirror.example/debian/
";
        let found = archive_of(targets, "bookworm");
        assert_eq!(found.as_deref(), Some("https://mirror.example/debian/"));
        assert_eq!(archive_of(targets, "trixie"), None);
        let unfetched = "bookworm main $(ORIGIN) https://mirror.example/debian/";
        assert!(archive_of(unfetched, "bookworm").is_some());
    }

    #[test]
    fn scripts_are_left_out_of_what_is_unpacked() {
        for name in [
            "libc6",
            "libevent-2.1-7t64",
            "libssl3",
            "zlib1g",
            "lua-cjson",
        ] {
            assert!(is_library(name), "{name}");
        }
        for name in [
            "libperl5.36",
            "libjson-perl",
            "libpam-modules-bin",
            "passwd",
        ] {
            assert!(!is_library(name), "{name}");
        }
    }
}
