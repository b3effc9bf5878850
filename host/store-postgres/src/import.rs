//! Takes over all that another engine held: into an empty database, in one transaction, and read
//! back before it is kept.
//!
//! The only statements here that are put together: of names from the server's own catalog, so that
//! no table that a later migration brings can be forgotten.

use futures::TryStreamExt as _;
use phagen_store::{StoreError, TableShape, TableSum};
use sqlx::{AssertSqlSafe, FromRow, Postgres, Transaction};

use crate::{PostgresStore, open::name_of, row::failed};

/// Tables that refer to others come after them; the table that migrations keep is not copied.
const COLUMNS: &str = "
select
    class.relname::text as table_name,
    attribute.attname::text as name,
    attribute.atttypid::regtype::text as kind,
    attribute.attidentity <> '' as is_identity,
    array_position(key.conkey, attribute.attnum) as key_position
from pg_class class
join pg_namespace namespace on namespace.oid = class.relnamespace
join pg_constraint key on key.conrelid = class.oid and key.contype = 'p'
join pg_attribute attribute on attribute.attrelid = class.oid
    and attribute.attnum > 0 and not attribute.attisdropped and attribute.attgenerated = ''
where namespace.nspname = current_schema() and class.relkind = 'r'
    and class.relname <> '_sqlx_migrations'
order by
    exists (select from pg_constraint parent
        where parent.conrelid = class.oid and parent.contype = 'f'),
    class.relname, attribute.attnum";

#[derive(FromRow)]
struct Column {
    table_name: String,
    name: String,
    /// As the server names its type.
    kind: String,
    is_identity: bool,
    /// In the primary key, from 1.
    key_position: Option<i32>,
}

/// One table as it is here.
struct Table {
    shape: TableShape,
    columns: Vec<Column>,
}

impl Table {
    /// In the order of the primary key.
    fn key(&self) -> impl Iterator<Item = &Column> {
        let named = |name: &String| self.columns.iter().find(move |column| column.name == *name);
        self.shape.key.iter().filter_map(named)
    }
}

/// A transaction that takes everything or nothing: dropped before its commit, nothing has happened.
pub struct Import {
    transaction: Transaction<'static, Postgres>,
    tables: Vec<Table>,
}

impl PostgresStore {
    /// Shuts everyone else out of the tables until the end. Refused where a row is stored already.
    pub async fn import(&self) -> Result<Import, StoreError> {
        const TRIED: &str = "begin a copy";
        let mut transaction = self.begin(TRIED).await?;
        let columns: Vec<Column> = sqlx::query_as(COLUMNS)
            .fetch_all(&mut *transaction)
            .await
            .map_err(failed(TRIED))?;
        let tables = tables(columns);
        for table in &tables {
            let name = quoted(&table.shape.name);
            let lock = format!("lock table {name} in access exclusive mode");
            sqlx::query(AssertSqlSafe(lock))
                .execute(&mut *transaction)
                .await
                .map_err(failed(TRIED))?;
            let has_rows = format!("select exists (select from {name})");
            let has_rows: bool = sqlx::query_scalar(AssertSqlSafe(has_rows))
                .fetch_one(&mut *transaction)
                .await
                .map_err(failed(TRIED))?;
            if has_rows {
                return Err(StoreError::Unusable {
                    path: name_of(&self.pool.connect_options()),
                    reason: format!(
                        "its table `{}` holds rows already: copy into a new database, after `phagen migrate` and before any host starts on it",
                        table.shape.name
                    ),
                });
            }
        }
        Ok(Import {
            transaction,
            tables,
        })
    }
}

impl Import {
    /// In the order in which they must be filled.
    pub fn shapes(&self) -> Vec<TableShape> {
        let shapes = self.tables.iter().map(|table| table.shape.clone());
        shapes.collect()
    }

    /// Adds rows, each a JSON array of the columns of `shape`.
    pub async fn insert(&mut self, shape: &TableShape, rows: &[String]) -> Result<(), StoreError> {
        let table = find(&self.tables, shape)?;
        let cells: Vec<String> = (0..).zip(&table.columns).map(taken).collect();
        let sql = format!(
            "insert into {} ({}) select {} from json_array_elements($1::json) as arrived (cell)",
            quoted(&shape.name),
            list(&shape.columns),
            cells.join(", ")
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(format!("[{}]", rows.join(",")))
            .execute(&mut *self.transaction)
            .await
            .map_err(failed("copy rows"))?;
        Ok(())
    }

    /// What has arrived, read back in the order of the key; numbers given out from now on follow.
    pub async fn sum(&mut self, shape: &TableShape) -> Result<TableSum, StoreError> {
        const TRIED: &str = "read back what was copied";
        let table = find(&self.tables, shape)?;
        let cells: Vec<String> = table.columns.iter().map(given).collect();
        let key: Vec<String> = table.key().map(in_order).collect();
        let name = quoted(&shape.name);
        let sql = format!(
            "select json_build_array({})::text from {name} order by {}",
            cells.join(", "),
            key.join(", ")
        );
        let mut sum = TableSum::default();
        {
            let rows = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql));
            let mut rows = rows.fetch(&mut *self.transaction);
            while let Some(row) = rows.try_next().await.map_err(failed(TRIED))? {
                sum.add(&row)?;
            }
        }
        for column in table.columns.iter().filter(|column| column.is_identity) {
            let newest = quoted(&column.name);
            let sql = format!(
                "select setval(pg_get_serial_sequence($1, $2), max({newest})) from {name}
                 having max({newest}) is not null"
            );
            sqlx::query(AssertSqlSafe(sql))
                .bind(&name)
                .bind(&column.name)
                .execute(&mut *self.transaction)
                .await
                .map_err(failed(TRIED))?;
        }
        Ok(sum)
    }

    pub async fn commit(self) -> Result<(), StoreError> {
        self.transaction
            .commit()
            .await
            .map_err(failed("keep what was copied"))
    }
}

fn tables(columns: Vec<Column>) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for column in columns {
        let is_new = tables
            .last()
            .is_none_or(|table| table.shape.name != column.table_name);
        if is_new {
            tables.push(Table {
                shape: TableShape {
                    name: column.table_name.clone(),
                    columns: Vec::new(),
                    key: Vec::new(),
                },
                columns: Vec::new(),
            });
        }
        if let Some(table) = tables.last_mut() {
            table.shape.columns.push(column.name.clone());
            table.columns.push(column);
        }
    }
    for table in &mut tables {
        let mut key: Vec<(i32, String)> = table
            .columns
            .iter()
            .filter_map(|column| Some((column.key_position?, column.name.clone())))
            .collect();
        key.sort_unstable();
        table.shape.key = key.into_iter().map(|(_, name)| name).collect();
    }
    tables
}

fn find<'a>(tables: &'a [Table], shape: &TableShape) -> Result<&'a Table, StoreError> {
    let found = tables.iter().find(|table| table.shape == *shape);
    found.ok_or_else(|| StoreError::Database {
        tried: "copy rows",
        cause: format!("table `{}` is not of this shape", shape.name).into(),
    })
}

/// A cell of the row that arrives, as the column takes it.
fn taken((position, column): (usize, &Column)) -> String {
    let text = format!("(cell ->> {position})");
    match column.kind.as_str() {
        "timestamp with time zone" => {
            format!("timestamptz 'epoch' + {text}::bigint * interval '1 millisecond'")
        }
        "boolean" => format!("{text}::int::boolean"),
        "json[]" => {
            format!(
                "(select coalesce(array_agg(value), '{{}}') from json_array_elements({text}::json))"
            )
        }
        kind => format!("{text}::{kind}"),
    }
}

/// The column as it was before it arrived.
fn given(column: &Column) -> String {
    let name = quoted(&column.name);
    match column.kind.as_str() {
        "timestamp with time zone" => format!("(extract(epoch from {name}) * 1000)::bigint"),
        "boolean" => format!("{name}::int"),
        "json[]" => format!("array_to_json({name})::text"),
        // A document stays a text, so that each of its bytes counts.
        "json" | "uuid" => format!("{name}::text"),
        _ => name,
    }
}

/// Text sorts as bytes, whatever the locale of the server; ids sort as their text does.
fn in_order(column: &Column) -> String {
    let name = quoted(&column.name);
    match column.kind.as_str() {
        "text" => format!("{name} collate \"C\""),
        _ => name,
    }
}

fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    quoted.join(", ")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
