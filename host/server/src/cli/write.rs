//! Answers to standard output, everything else to standard error. A reader that has gone away,
//! as in `phagen … | head`, is no failure of ours.

use std::{
    io::{Write, stderr, stdout},
    process::ExitCode,
};

pub(super) fn line(text: &str) {
    let _ = writeln!(stdout(), "{text}");
}

pub(super) fn note(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

/// The error with its causes, one a line.
pub(super) fn failure(error: &anyhow::Error) -> ExitCode {
    note(&format!("error: {error}"));
    for cause in error.chain().skip(1) {
        note(&format!("  because: {cause}"));
    }
    ExitCode::FAILURE
}
