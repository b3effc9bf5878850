//! The binary `phagen`, as a library: command line, settings, HTTP, worker.
//!
//! `http` and `worker` never meet: they share rows in the database. Only [`config`] reads the
//! environment, and nothing imports this crate.

pub mod access_key;
pub mod audit;
pub mod author;
pub mod blobs;
pub mod bootstrap;
mod cache;
mod causes;
pub mod cli;
pub mod clock;
pub mod config;
pub mod database;
pub mod fleet;
pub mod house;
pub mod http;
pub mod lifecycle;
pub mod moves;
pub mod recording;
pub mod report;
pub mod request;
pub mod snapshot;
pub mod telemetry;
mod training;
pub mod trial;
pub mod worker;
