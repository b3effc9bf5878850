//! The binary itself, as a user starts it: real guests, the bundled corpus, a real socket, and
//! signals. Every story has a data folder and processes of its own.

#[path = "../common/answer.rs"]
mod answer;
#[path = "../common/schema.rs"]
mod schema;

mod bucket;
mod collector;
mod data_dir;
mod database;
mod plugin;
mod process;
mod server;
mod template;

mod analysis;
mod analyze;
mod cache;
mod cluster;
mod corpus;
mod events;
mod interruption;
mod keys;
mod learning;
mod legacy;
mod operation;
mod probe;
mod queue;
mod replay;
mod settings;
mod shared_blobs;
mod swap;
mod taken_out;
mod traces;
mod trial;
mod watched;
