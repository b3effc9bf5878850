//! The ground floor: values and their rules. No IO, no async, no framework.
//!
//! A value of these types has been parsed; nobody upstairs checks twice.

pub mod artifact;
pub mod assessment;
pub mod clock;
pub mod digest;
pub mod evidence;
pub mod feedback;
pub mod finding;
pub mod job;
pub mod mesh;
pub mod molecule;
pub mod plugin;
pub mod query;
pub mod result;
pub mod story;
pub mod suggestion;

mod date;

pub use date::PartialDate;
