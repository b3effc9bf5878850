//! Every endpoint through a real socket, without a worker: jobs are finished by hand.

#[path = "../common/mod.rs"]
mod common;

mod access;
mod audit;
mod bad_input;
mod cache;
mod cancel;
mod compare;
mod document;
mod errors;
mod events;
mod feedback;
mod legacy;
mod limits;
mod list;
mod plugins;
mod precedence;
mod probes;
mod retry;
mod show;
mod structure;
mod submit;
