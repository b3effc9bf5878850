//! All that a database holds, read at one moment, for another engine to take over.
//!
//! The only statements here that are put together: of names from the catalogs of the databases
//! themselves, so that no table that a later migration brings can be forgotten.

use futures::stream::{BoxStream, StreamExt as _};
use phagen_store::{StoreError, TableShape};
use sqlx::{AssertSqlSafe, Sqlite, Transaction};

use crate::{SqliteStore, row::failed};

/// Without the cache, which is no truth and belongs to this machine.
const TABLES: &str = "
select name from sqlite_schema
where type = 'table' and name not like 'sqlite_%' and name <> '_sqlx_migrations'
    and name not in ('cache', 'cache_generation', 'cache_state')
order by name";

/// Reads that all see the same moment, whoever writes meanwhile.
pub struct Export {
    transaction: Transaction<'static, Sqlite>,
}

impl SqliteStore {
    pub async fn export(&self) -> Result<Export, StoreError> {
        let transaction = self.readers.begin().await.map_err(failed("begin a copy"))?;
        Ok(Export { transaction })
    }
}

impl Export {
    /// Names of the tables, except the one that migrations keep of themselves.
    pub async fn tables(&mut self) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar(TABLES)
            .fetch_all(&mut *self.transaction)
            .await
            .map_err(failed("list the tables"))
    }

    /// The rows of a table, each a JSON array of its columns, in the order of its key.
    pub fn rows(&mut self, shape: &TableShape) -> BoxStream<'_, Result<String, StoreError>> {
        let cells: Vec<String> = shape
            .columns
            .iter()
            .map(|column| cell(&shape.name, column))
            .collect();
        let key: Vec<String> = shape.key.iter().map(|column| quoted(column)).collect();
        let sql = format!(
            "select json_array({}) from {} order by {}",
            cells.join(", "),
            quoted(&shape.name),
            key.join(", ")
        );
        sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch(&mut *self.transaction)
            .map(|row| row.map_err(failed("read a row to copy")))
            .boxed()
    }
}

/// A column, or what stands for one that only the other engine has.
fn cell(table: &str, column: &str) -> String {
    match (table, column) {
        ("job", "n_events") => {
            "(select coalesce(max(seq), 1) from job_event where job_id = job.id)".to_owned()
        }
        _ => quoted(column),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
