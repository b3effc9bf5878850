//! A child with a deadline and a limit on what it says.

use std::{
    io::{self, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// What a child may print, in bytes: a line a case, with its first answer.
const MAX_STDOUT_BYTES: u64 = 16 << 20;
/// What is kept of its standard error, in bytes; the rest is not.
const MAX_STDERR_BYTES: u64 = 64 << 10;
/// What is quoted of it, in lines.
const QUOTED_LINES: usize = 3;
/// Between two looks at a child that is about to end.
const PAUSE: Duration = Duration::from_millis(5);
/// For the last words of a child that has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a pipe gave, and whether it gave more than was kept.
struct Heard {
    bytes: Vec<u8>,
    is_cut: bool,
}

/// Runs `command` to its end; what it printed, or in words why there is nothing.
pub(super) fn run(command: &mut Command, deadline: Duration) -> Result<Vec<u8>, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("`{program}` cannot be run: {error}"))?;
    let stdout = listen(child.stdout.take(), MAX_STDOUT_BYTES);
    let stderr = listen(child.stderr.take(), MAX_STDERR_BYTES);
    let ended = attend(&mut child, &stdout, deadline);
    if ended.is_err() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let (status, printed) = ended.map_err(|what| format!("`{program}` {what}"))?;
    if status.success() {
        return Ok(printed);
    }
    let said = stderr.recv_timeout(LAST_WORDS).map(|heard| heard.bytes);
    Err(format!(
        "`{program}` ended with {status}{}",
        quoted(&said.unwrap_or_default())
    ))
}

/// Reads on a thread of its own, which ends with the pipe.
fn listen(pipe: Option<impl Read + Send + 'static>, max_bytes: u64) -> Receiver<Heard> {
    let (say, heard) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let Some(mut pipe) = pipe else { return };
        let mut bytes = Vec::new();
        let read = pipe.by_ref().take(max_bytes + 1).read_to_end(&mut bytes);
        let limit = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        let is_cut = read.is_err() || bytes.len() > limit;
        bytes.truncate(limit);
        // Nobody listens any more where the child was given up.
        let _ = say.send(Heard { bytes, is_cut });
        // So that a child which goes on saying something is not held up.
        let _ = io::copy(&mut pipe, &mut io::sink());
    });
    heard
}

fn attend(
    child: &mut Child,
    stdout: &Receiver<Heard>,
    deadline: Duration,
) -> Result<(ExitStatus, Vec<u8>), String> {
    let end = Instant::now() + deadline;
    let late = || format!("was stopped after {deadline:?}");
    let heard = match stdout.recv_timeout(deadline) {
        Ok(heard) => heard,
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Err(late()),
    };
    if heard.is_cut {
        return Err(format!("printed more than {MAX_STDOUT_BYTES} bytes"));
    }
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok((status, heard.bytes)),
            Ok(None) if Instant::now() < end => thread::sleep(PAUSE),
            Ok(None) | Err(_) => return Err(late()),
        }
    }
}

/// Its last lines, as the end of a sentence.
fn quoted(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(QUOTED_LINES)..];
    if last.is_empty() {
        String::new()
    } else {
        format!(": {}", last.join("; "))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str, deadline: Duration) -> Result<Vec<u8>, String> {
        run(Command::new("sh").args(["-c", script]), deadline)
    }

    const LONG: Duration = Duration::from_mins(2);

    #[test]
    fn a_child_is_heard_and_its_failure_quoted() {
        assert_eq!(shell("echo one; echo two >&2", LONG).unwrap(), b"one\n");
        let refusal = shell("echo; echo what >&2; echo why >&2; exit 3", LONG).unwrap_err();
        assert!(
            refusal.contains('3') && refusal.ends_with(": what; why"),
            "{refusal}"
        );
        let refusal = run(&mut Command::new("/nowhere/program"), LONG).unwrap_err();
        assert!(refusal.contains("cannot be run"), "{refusal}");
    }

    #[test]
    fn a_child_that_does_not_end_is_stopped_at_its_deadline() {
        let refusal = shell("exec sleep 600", Duration::from_millis(50)).unwrap_err();
        assert_eq!(refusal, "`sh` was stopped after 50ms");
        // It may close its output and go on.
        let refusal = shell("exec sleep 600 >&- 2>&-", Duration::from_millis(200)).unwrap_err();
        assert_eq!(refusal, "`sh` was stopped after 200ms");
    }

    #[test]
    fn a_child_that_prints_too_much_is_stopped() {
        let refusal = shell("exec yes", LONG).unwrap_err();
        assert_eq!(refusal, "`sh` printed more than 16777216 bytes");
        // Its errors alone are cut.
        let loud = "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789 >&2; i=$((i+1)); done; echo fine";
        assert_eq!(shell(loud, LONG).unwrap(), b"fine\n");
    }
}
