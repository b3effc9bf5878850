//! Which database holds the truth of this process, and the ways to it. The only place that knows
//! that there are two drivers; nothing behind [`Store`] does.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use phagen_store::{Store, StoreError};
use phagen_store_postgres::PostgresStore;
use phagen_store_sqlite::SqliteStore;

use crate::config::{SecretValue, Settings};

/// Name of SQLite's file in the data folder.
const FILE: &str = "phagen.db";

#[derive(Debug, Clone, PartialEq)]
pub enum Database {
    /// On this machine; migrates itself whenever it is opened.
    Sqlite { path: PathBuf },
    /// For many machines; only `phagen migrate` migrates it.
    Postgres {
        url: SecretValue,
        /// Past any pooler.
        direct_url: SecretValue,
        n_connections: u32,
    },
}

impl Database {
    pub fn of(settings: &Settings) -> Self {
        let database = &settings.database;
        match &database.url {
            None => Self::Sqlite {
                path: Self::file_in(&settings.data_dir),
            },
            Some(url) => Self::Postgres {
                url: url.clone(),
                direct_url: database.direct_url.as_ref().unwrap_or(url).clone(),
                n_connections: database.n_connections,
            },
        }
    }

    /// Where SQLite lies in a data folder.
    pub fn file_in(data_dir: &Path) -> PathBuf {
        data_dir.join(FILE)
    }

    /// For all that a process does. The reason why not is told whole: schema, pooler, address.
    pub async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self {
            Self::Sqlite { path } => Arc::new(SqliteStore::open(path).await?),
            Self::Postgres {
                url, n_connections, ..
            } => Arc::new(PostgresStore::open(&url.0, *n_connections).await?),
        })
    }

    /// With a connection of its own, for what must not wait for the rest of the process.
    pub async fn open_beside(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self {
            Self::Sqlite { path } => Arc::new(SqliteStore::open(path).await?),
            Self::Postgres { url, .. } => Arc::new(PostgresStore::open(&url.0, 1).await?),
        })
    }
}
