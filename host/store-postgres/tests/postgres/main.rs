//! The store on a real Postgres, directly and through a real pgBouncer in transaction mode.

mod backlog;
mod conformance;
mod database;
mod driver;
mod opening;
mod registry;
mod transfer;
