//! Servers of one fault alone, which it may stop, kill and start again. Their programs are those
//! that `cargo xtask services` found; the shared servers are never touched.

mod postgres;
mod program;
mod redis;

pub(crate) use postgres::{Postgres, name_database};
pub(crate) use program::Server;

use std::path::Path;

use anyhow::Result;

pub(crate) struct Servers {
    pub(crate) postgres: Postgres,
    pub(crate) pooler: Server,
    pub(crate) redis: Server,
}

impl Servers {
    /// In a folder that other users may look into.
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let postgres = Postgres::start(folder).await?;
        Ok(Self {
            pooler: postgres.pooler(folder).await?,
            redis: redis::start(folder).await?,
            postgres,
        })
    }
}
