//! An author's desk: a folder of their own, a data folder for a host, and `phagen` on both.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    process::{Ended, Process},
    template::{self, BINARY},
};

/// A compiler may work for that long on a busy machine.
pub(crate) const COMPILING: Duration = Duration::from_mins(8);
const POLL: Duration = Duration::from_millis(50);

pub(crate) struct Desk {
    folder: TempDir,
    n_processes: AtomicUsize,
}

/// A host that serves while a test runs.
pub(crate) struct Host {
    _process: Process,
    pub(crate) address: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // The binary by its name, for scripts that call it as people do.
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).expect("a folder");
        symlink(BINARY, bin.join("phagen")).expect("a link to the binary");
        Self {
            folder,
            n_processes: AtomicUsize::new(0),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("the file is written");
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("the file is there")
    }

    /// Runs `phagen` in a folder of the desk to its end.
    pub(crate) fn run_in(&self, dir: &str, arguments: &[&str]) -> Ended {
        self.spawn_in(dir, arguments).wait(COMPILING)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_in("", arguments)
    }

    pub(crate) fn spawn_in(&self, dir: &str, arguments: &[&str]) -> Process {
        let mut command = Command::new(BINARY);
        command.args(arguments);
        self.spawn(dir, &mut command)
    }

    /// Starts a command in the environment of an author, and in nothing of this one but what the
    /// compilers need.
    pub(crate) fn spawn(&self, dir: &str, command: &mut Command) -> Process {
        self.spawn_with(dir, command, &[])
    }

    /// The same with more settings.
    pub(crate) fn spawn_with(
        &self,
        dir: &str,
        command: &mut Command,
        settings: &[(&str, &str)],
    ) -> Process {
        let number = self.n_processes.fetch_add(1, Ordering::Relaxed);
        command
            .current_dir(self.path(dir))
            .env_clear()
            .env("PHAGEN_DATA_DIR", self.path("data"))
            .env("PHAGEN_SHARE_DIR", template::share_dir())
            .env("PHAGEN_AUTHOR__CACHE_DIR", self.path("cache"))
            // A busy machine may take longer for an interpreter than a child is given.
            .env("PHAGEN_PLUGIN__COMPILE_APART", "false")
            // One folder for all plugins, so that the SDK is compiled once; in it each test's
            // plugin needs a name of its own. And no network.
            .env(
                "CARGO_TARGET_DIR",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("author"),
            )
            .env("CARGO_NET_OFFLINE", "true");
        let path = env::var_os("PATH").unwrap_or_default();
        let own = env::split_paths(&path);
        let path = env::join_paths([self.path("bin")].into_iter().chain(own));
        command.env("PATH", path.expect("a path of folders"));
        for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
            if let Some(value) = env::var_os(name) {
                command.env(name, value);
            }
        }
        if let Some(languages) = env::var_os("PHAGEN_TEST_LANGUAGES") {
            command.env("PHAGEN_AUTHOR__TOOLCHAIN_DIR", languages);
        }
        command.envs(settings.iter().copied());
        let output = self.path(&format!("output-{number}"));
        Process::spawn(command, &output)
    }

    /// A host on a free port, with the corpus and the compiled guests of the template.
    pub(crate) fn serve(&self) -> Host {
        let data = self.path("data");
        if !data.exists() {
            template::copy_to(&data);
        }
        let mut process = self.spawn_in("", &["serve", "--port", "0"]);
        process.wait_until("the server listens", |stdout| stdout.contains('\n'));
        let first_line = process.stdout();
        let address = first_line
            .trim()
            .strip_prefix("phagen listens on ")
            .unwrap_or_else(|| panic!("no address in `{first_line}`"))
            .to_owned();
        Host {
            _process: process,
            address,
        }
    }

    /// A component that ships with the host, under another name so that it may be written to.
    pub(crate) fn shipped(&self, name: &str) -> PathBuf {
        let from = template::share_dir()
            .join("plugin")
            .join(format!("{name}.wasm"));
        self.write(
            &format!("{name}.wasm"),
            fs::read(from).expect("a built guest"),
        )
    }
}

/// Where `cargo xtask languages` put toolchains; it is said what to do where there is none.
pub(crate) fn require_toolchain(language: &str) {
    let folder = env::var_os("PHAGEN_TEST_LANGUAGES").map(PathBuf::from);
    let folder = folder.expect(
        "`PHAGEN_TEST_LANGUAGES` is not set: run `cargo xtask test`, or `cargo xtask languages` and name its folder `languages` in the target folder",
    );
    assert!(
        folder.join(language).is_dir(),
        "`{}` has no toolchain for {language}: run `cargo xtask languages`",
        folder.display()
    );
}

/// Waits for lines on the output of a process that goes on.
pub(crate) fn wait_for(process: &Process, what: &str, n_times: usize) {
    let begun = Instant::now();
    while process.stdout().matches(what).count() < n_times {
        assert!(
            begun.elapsed() < COMPILING,
            "`{what}` was not said {n_times} times: {process}"
        );
        thread::sleep(POLL);
    }
}
