//! The cache over real tiers: a Redis server of the test's own or the one that `cargo xtask test`
//! started, and a SQLite file.

mod late;
mod memory;
mod outage;
mod redis;
mod server;
mod shared;
mod silent;
mod stale;
mod store;
mod tls;
mod world;
