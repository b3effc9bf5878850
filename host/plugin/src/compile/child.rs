//! Compiling in a child process, so that a component that is hard to compile takes neither the
//! host's memory nor its time. The child is this host's own program: see [`process`](super::process).

use std::{
    io::{self, Read, Write},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use phagen_domain::plugin::World;

use super::process::{REFUSED, Refusal};
use crate::{PluginError, settings::CompilerProcess};

/// Machine code of one component, in bytes. A Python interpreter takes 60 MiB.
const MAX_MACHINE_CODE_BYTES: u64 = 256 << 20;
/// What a child may say on its standard error, in bytes; more is not read.
const MAX_STDERR_BYTES: u64 = 64 << 10;

/// Between two looks at a child that is about to end.
const PAUSE: Duration = Duration::from_millis(1);

/// A child and its limits.
pub(super) struct Task<'a> {
    program: &'a Path,
    args: &'a [String],
    deadline: Duration,
    memory_bytes: u64,
}

/// What became of a child.
struct End {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: String,
}

impl<'a> Task<'a> {
    /// None where components are compiled in this process.
    pub(super) fn of(process: &'a CompilerProcess) -> Option<Self> {
        match process {
            CompilerProcess::InProcess => None,
            CompilerProcess::Child {
                program,
                args,
                deadline,
                memory_bytes,
            } => Some(Self {
                program,
                args,
                deadline: *deadline,
                memory_bytes: *memory_bytes,
            }),
        }
    }

    /// Machine code of `component` for the engine of `world`.
    pub(super) fn compile(&self, world: World, component: &[u8]) -> Result<Vec<u8>, PluginError> {
        let began = Instant::now();
        let mut child = self.start(world)?;
        let end = self.attend(&mut child, component, began + self.deadline);
        if end.is_err() {
            // Nothing of it stays behind, not even its entry.
            kill(&mut child);
            let _ = child.wait();
        }
        self.judge(end?)
    }

    fn start(&self, world: World) -> Result<Child, PluginError> {
        // Of all threads together, so that a child that nobody waits for ends too.
        let n_cores = thread::available_parallelism().map_or(1, usize::from) as u64;
        let cpu_seconds = (self.deadline.as_secs() + 1).saturating_mul(n_cores);
        let mut command = Command::new(self.program);
        // With whatever it starts in turn it is one group, which ends as one.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
            .args(self.args)
            .args(["--world", world.as_str()])
            .args(["--memory-bytes", &self.memory_bytes.to_string()])
            .args(["--cpu-seconds", &cpu_seconds.to_string()])
            // It needs nothing of what the host was told: no secrets, no addresses.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| PluginError::CompileCrashed {
                what: format!("`{}` cannot be started: {error}", self.program.display()),
            })
    }

    /// Feeds it, listens to it, and waits for it until the deadline.
    fn attend(
        &self,
        child: &mut Child,
        component: &[u8],
        deadline: Instant,
    ) -> Result<End, PluginError> {
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(crashed("it has no pipes"));
        };
        thread::scope(|scope| {
            // A child that died reads no more; its status tells why.
            scope.spawn(move || stdin.write_all(component).is_ok());
            let (say, told) = mpsc::channel();
            scope.spawn(move || say.send(read_up_to(stdout, MAX_MACHINE_CODE_BYTES)));
            let stderr = scope.spawn(move || read_up_to(stderr, MAX_STDERR_BYTES));
            let stdout = told.recv_timeout(deadline.saturating_duration_since(Instant::now()));
            let ended = match stdout {
                Ok(stdout) => wait(child, deadline).map(|status| (status, stdout)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
            };
            let Some((status, stdout)) = ended else {
                // Before the threads are joined: they read until its pipes close.
                kill(child);
                return Err(self.timeout());
            };
            while !stderr.is_finished() {
                if Instant::now() > deadline {
                    kill(child);
                    return Err(self.timeout());
                }
                thread::sleep(PAUSE);
            }
            let stderr = stderr.join().unwrap_or_else(|_| Ok(Vec::new()));
            Ok(End {
                status,
                stdout: stdout.map_err(|error| crashed(&error.to_string()))?,
                stderr: String::from_utf8_lossy(&stderr.unwrap_or_default()).into_owned(),
            })
        })
    }

    fn judge(&self, end: End) -> Result<Vec<u8>, PluginError> {
        if end.status.success() {
            return Ok(end.stdout);
        }
        if end.status.code() == Some(REFUSED)
            && let Ok(Refusal { reason }) = serde_json::from_str(end.stderr.trim())
        {
            return Err(PluginError::Invalid { reason });
        }
        if is_cpu_limit(end.status) {
            return Err(self.timeout());
        }
        // Rust ends a process that gets no memory by these words, and a thread pool by these.
        let no_memory = [
            "memory allocation of",
            "Cannot allocate memory",
            "Resource temporarily unavailable",
        ];
        if no_memory.iter().any(|words| end.stderr.contains(words)) {
            return Err(PluginError::CompileMemory {
                max_bytes: self.memory_bytes,
            });
        }
        let mut lines = end
            .stderr
            .lines()
            .filter(|line| !line.starts_with("note: "));
        let said = lines.next_back().unwrap_or_default();
        Err(crashed(&format!("{}: {said}", end.status)))
    }

    fn timeout(&self) -> PluginError {
        PluginError::CompileTimeout {
            deadline: self.deadline,
        }
    }
}

#[cfg(unix)]
fn is_cpu_limit(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(rustix::process::Signal::XCPU.as_raw())
}

#[cfg(not(unix))]
fn is_cpu_limit(_: ExitStatus) -> bool {
    false
}

/// It and its group.
#[cfg(unix)]
fn kill(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    // Of a child that was waited for the group alone may be left.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
}

#[cfg(not(unix))]
fn kill(child: &mut Child) {
    let _ = child.kill();
}

fn crashed(what: &str) -> PluginError {
    PluginError::CompileCrashed {
        what: what.to_owned(),
    }
}

/// Its status, if it ends before the deadline. Its output has ended, so it is about to.
fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(PAUSE),
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Everything, or an error past the limit. Reads on to the end, so that the writer does not block.
fn read_up_to(mut pipe: impl Read, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pipe.by_ref().take(max_bytes).read_to_end(&mut bytes)?;
    if io::copy(&mut pipe, &mut io::sink())? > 0 {
        return Err(io::Error::other(format!(
            "it wrote more than {max_bytes} bytes"
        )));
    }
    Ok(bytes)
}
