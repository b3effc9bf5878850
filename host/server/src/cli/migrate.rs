//! `phagen migrate`: the schema of Postgres, brought up to date. Nothing else does that: a host that
//! starts only asks, so that an upgrade of many begins when its operator says so.

use anyhow::{Context, Result};
use phagen_store_postgres::{Migrated, PostgresStore};

use super::write;
use crate::{config::Settings, database::Database};

pub(super) async fn run(settings: &Settings) -> Result<()> {
    match Database::of(settings) {
        Database::Sqlite { path } => write::line(&format!(
            "the database is SQLite in `{}`, which migrates itself when it is opened: nothing to do",
            path.display()
        )),
        Database::Postgres { direct_url, .. } => {
            let migrated = PostgresStore::migrate(&direct_url.0)
                .await
                .context("cannot migrate the database")?;
            write::line(&told(migrated));
        }
    }
    Ok(())
}

fn told(Migrated { from, to }: Migrated) -> String {
    match from {
        from if from == to => format!("the schema is {to} already"),
        0 => format!("the schema is {to} now; the database was empty"),
        from => format!("the schema is {to} now; it was {from}"),
    }
}
