//! Every endpoint through a real socket, without a worker: jobs are finished by hand.

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod cancel;
mod compare;
mod document;
mod errors;
mod events;
mod feedback;
mod legacy;
mod list;
mod plugins;
mod probes;
mod show;
mod structure;
mod submit;
