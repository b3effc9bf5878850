//! The record of changes, seen from outside the database: its head is noted in a file, and all of
//! it can be held against itself, against that file and against what it tells of.
//!
//! Rows are written by the store, with each change; what is not in the database, the settings of a
//! process, is told to it from here.

mod head;
mod running;
mod verify;

pub use head::{HeadLog, follow};
pub use running::{Role, note_settings};
pub use verify::{AuditReport, verify};
