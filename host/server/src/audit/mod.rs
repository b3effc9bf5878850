//! The record of changes, seen from outside the database: its head is noted in a file, and all of
//! it can be held against itself, against that file and against what it tells of.
//!
//! Nothing here writes rows: the store does, with each change.

mod head;
mod verify;

pub use head::{HeadLog, follow};
pub use verify::{AuditReport, verify};
