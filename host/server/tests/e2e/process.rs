//! A child process that ends in time, or is ended.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Longer than anything here takes, unoptimised and on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(10);

pub(crate) struct Process {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// What a process left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn expect_success(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// Standard error of a process that failed as commands do: by itself, with status 1.
    #[track_caller]
    pub(crate) fn expect_failure(self) -> String {
        assert_eq!(self.code, Some(1), "{self:?}");
        self.stderr
    }
}

impl Process {
    /// Its output goes to files, so that a child that is talkative never waits for us.
    pub(crate) fn spawn(command: &mut Command, output: &Path) -> Self {
        let (stdout, stderr) = (
            output.with_extension("stdout"),
            output.with_extension("stderr"),
        );
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).expect("a file for standard output"))
            .stderr(File::create(&stderr).expect("a file for standard error"))
            .spawn()
            .expect("the binary starts");
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Sends a signal, such as `TERM`. The child is not reaped yet, so its id is still its own.
    pub(crate) fn signal(&self, name: &str) {
        let script = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh")
            .args(["-c", &script])
            .status()
            .expect("a shell");
        assert!(status.success(), "`{script}` failed: {self}");
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self, patience: Duration) -> Ended {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                return Ended {
                    code: status.code(),
                    stdout: read(&self.stdout),
                    stderr: read(&self.stderr),
                };
            }
            assert!(
                begun.elapsed() < patience,
                "not ended after {patience:?}: {self}"
            );
            thread::sleep(POLL);
        }
    }

    /// Waits until `condition` holds, while the child lives.
    pub(crate) fn wait_until(&mut self, what: &str, mut condition: impl FnMut(&str) -> bool) {
        let begun = Instant::now();
        while !condition(&read(&self.stdout)) {
            let ended = self.child.try_wait().expect("the child can be asked");
            assert!(ended.is_none(), "ended before {what}: {self}");
            assert!(
                begun.elapsed() < PATIENCE,
                "{what} did not happen in {PATIENCE:?}: {self}"
            );
            thread::sleep(POLL);
        }
    }

    pub(crate) fn stdout(&self) -> String {
        read(&self.stdout)
    }
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "phagen {}\n--- stdout\n{}\n--- stderr\n{}",
            self.child.id(),
            read(&self.stdout),
            read(&self.stderr)
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).expect("output is there");
    String::from_utf8_lossy(&bytes).into_owned()
}
