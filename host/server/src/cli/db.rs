//! `phagen db copy`: all that a SQLite database holds, into an empty Postgres. Everything or nothing,
//! and nothing is kept that does not read back as it was.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use futures::TryStreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use phagen_store::{TableShape, TableSum};
use phagen_store_postgres::{Import, PostgresStore};
use phagen_store_sqlite::{Export, SqliteStore};

use super::write;
use crate::{config::Settings, database::Database};

/// Rows that travel at once, in bytes: enough that a round trip is cheap, little enough to hold.
const BATCH_BYTES: usize = 1024 * 1024;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Copy SQLite into an empty, migrated Postgres; stop every host of either first.
    Copy {
        /// The SQLite file; otherwise `phagen.db` in `data_dir`.
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// Address of the Postgres; otherwise `database.direct_url` or `database.url`, which other
        /// users of this machine cannot read as they can a command line.
        #[arg(long, value_name = "URL")]
        to: Option<String>,
    },
}

pub(super) async fn run(settings: &Settings, command: Command) -> Result<()> {
    let Command::Copy { from, to } = command;
    let from = from.unwrap_or_else(|| Database::file_in(&settings.data_dir));
    if !from.is_file() {
        bail!(
            "there is no database `{}` to copy: name one by `--from`",
            from.display()
        );
    }
    let source = SqliteStore::open(&from)
        .await
        .context("cannot open the database to copy")?;
    let target = PostgresStore::open(&target(settings, to)?, 1)
        .await
        .context("cannot open the database to copy into")?;
    let copied = copy(&source, &target).await;
    target.close().await;
    source.close().await;
    let n_rows = copied?;
    write::line(&format!("{n_rows} rows copied, and read back the same"));
    write::note(
        "the components, artifacts and recordings lie beside it in `blob`: hosts need that folder too",
    );
    Ok(())
}

fn target(settings: &Settings, named: Option<String>) -> Result<String> {
    match (named, Database::of(settings)) {
        (Some(url), _) => Ok(url),
        (None, Database::Postgres { direct_url, .. }) => Ok(direct_url.0),
        (None, Database::Sqlite { .. }) => {
            bail!("no Postgres to copy into: give `--to` or `database.url`")
        }
    }
}

async fn copy(source: &SqliteStore, target: &PostgresStore) -> Result<u64> {
    let mut import = target.import().await?;
    let mut export = source.export().await?;
    let shapes = import.shapes();
    for table in export.tables().await? {
        if !shapes.iter().any(|shape| shape.name == table) {
            bail!("table `{table}` has no place in the other database");
        }
    }
    let mut n_rows = 0;
    for shape in &shapes {
        let sent = send(&mut export, &mut import, shape).await?;
        let arrived = import.sum(shape).await?;
        if sent != arrived {
            bail!(
                "table `{}` did not come over whole: {} sent, {} read back; nothing was kept",
                shape.name,
                told(sent),
                told(arrived)
            );
        }
        write::line(&format!("{:<16} {}", shape.name, told(sent)));
        n_rows += sent.n_rows;
    }
    import.commit().await?;
    Ok(n_rows)
}

fn told(sum: TableSum) -> String {
    format!("{:>9} rows  {}", sum.n_rows, sum.digest.short())
}

/// The rows of one table, in batches.
async fn send(export: &mut Export, import: &mut Import, shape: &TableShape) -> Result<TableSum> {
    let style = ProgressStyle::with_template("{spinner} {msg:16} {pos:>9} rows  {elapsed}")?;
    let bar = ProgressBar::new_spinner()
        .with_style(style)
        .with_message(shape.name.clone());
    let mut sum = TableSum::default();
    let (mut batch, mut n_bytes) = (Vec::new(), 0);
    let mut rows = export.rows(shape);
    while let Some(row) = rows.try_next().await? {
        sum.add(&row)?;
        n_bytes += row.len();
        batch.push(row);
        if n_bytes >= BATCH_BYTES {
            import.insert(shape, &batch).await?;
            bar.set_position(sum.n_rows);
            batch.clear();
            n_bytes = 0;
        }
    }
    if !batch.is_empty() {
        import.insert(shape, &batch).await?;
    }
    bar.finish_and_clear();
    Ok(sum)
}
