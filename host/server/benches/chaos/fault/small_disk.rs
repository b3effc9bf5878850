//! A small file system that only the processes below it see: mounted in a namespace of its own, so
//! that it goes with the last of them, however the run ends.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{ErrorKind, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::process::Process;

const MOUNT: &str =
    "mount -t tmpfs -o size=$1,mode=755 tmpfs \"$2\" && echo mounted && exec sleep 3600";
/// As file systems count.
const BLOCK: u64 = 512;
const BALLAST: &str = "ballast";

pub(crate) struct SmallDisk {
    /// Lives as long as the namespace has to.
    keeper: Process,
    mounted_at: PathBuf,
}

impl SmallDisk {
    /// Mounts `n_bytes` at `path`. Takes root, or a kernel that lets users have namespaces.
    pub(crate) fn mount(path: &Path, n_bytes: u64) -> Result<Self> {
        let log = path.with_extension("mount.log");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "unshare", "--mount"]);
        if !is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["sh", "-c", MOUNT, "sh", &n_bytes.to_string()]);
        command.arg(path);
        let (keeper, _) = Process::start(&mut command, &log).context(
            "a small disk cannot be mounted\nhelp: run as root, or where users may have namespaces of their own (`unshare --user --map-root-user --mount true`)",
        )?;
        Ok(Self {
            keeper,
            mounted_at: path.to_owned(),
        })
    }

    /// The same command, where the disk is there.
    pub(crate) fn entered(&self, command: &Command) -> Command {
        let namespaces = PathBuf::from(format!("/proc/{}/ns", self.keeper.id()));
        let mut entered = Command::new("nsenter");
        entered.env_clear();
        if !is_root() {
            let mut user = std::ffi::OsString::from("--user=");
            user.push(namespaces.join("user"));
            entered.arg(user).arg("--preserve-credentials");
        }
        let mut mount = std::ffi::OsString::from("--mount=");
        mount.push(namespaces.join("mnt"));
        entered.arg(mount).arg("--").arg(command.get_program());
        for (name, value) in command.get_envs() {
            entered.env(name, value.unwrap_or_default());
        }
        entered
    }

    /// A path as those see it whom the disk is there for.
    pub(crate) fn through(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.keeper.id()));
        root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Takes all that is free, but for `n_bytes`.
    pub(crate) fn fill_but(&self, n_bytes: u64) -> Result<()> {
        self.fill()?;
        let ballast = File::options().write(true).open(self.ballast())?;
        let n_ballast = ballast.metadata()?.len();
        Ok(ballast.set_len(n_ballast.saturating_sub(n_bytes))?)
    }

    /// Takes the last byte that is free.
    pub(crate) fn fill(&self) -> Result<()> {
        let mut ballast = File::options()
            .create(true)
            .append(true)
            .open(self.ballast())?;
        // A page at a time: what is refused is a whole one.
        let page = [0; 4096];
        loop {
            match ballast.write(&page) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub(crate) fn free(&self) -> Result<()> {
        fs::remove_file(self.ballast()).context("the ballast cannot be thrown off")
    }

    fn ballast(&self) -> PathBuf {
        self.through(&self.mounted_at).join(BALLAST)
    }

    /// What its files take, but for the ballast; a file of two names counts once.
    pub(crate) fn n_bytes(&self) -> Result<u64> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.through(&self.mounted_at)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let metadata = entry.metadata()?;
                if metadata.is_dir() {
                    folders.push(entry.path());
                } else if entry.file_name() != BALLAST {
                    files.insert(metadata.ino(), metadata.blocks() * BLOCK);
                }
            }
        }
        Ok(files.values().sum())
    }
}

fn is_root() -> bool {
    // Who owns our own entry among the processes.
    fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0)
}
