//! What an author of plugins does on their own machine: make one, build it, look at it, try it.
//!
//! Everything that judges a plugin here is the code that a host judges it with. This room never
//! opens the database, never serves, and never calls a host that does: the command line does that.

mod bench;
mod build;
mod check;
mod create;
mod error;
mod inspect;
mod kit;
mod language;
mod project;
mod registry;
mod seal;
mod watch;

pub use bench::{BenchReport, Native, Outside, Part, measure, unhurried};
pub use build::{Built, Workshop};
pub use check::{Checked, Outcome, Outfit, Rehearsal, read_artifact};
pub use create::{Created, create};
pub use error::AuthorError;
pub use inspect::{Against, HostWorlds, difference, summary, summary_of_grant};
pub use kit::Kit;
pub use language::Language;
pub use project::{Project, Subject};
pub use registry::{Fetched, pull, push};
pub use seal::{NewKey, keygen, read_small, sign_file, verify_file};
pub use watch::{Snapshot, changed};

/// Says to the person who waits what is being done.
pub type Say<'a> = &'a (dyn Fn(&str) + Sync);
