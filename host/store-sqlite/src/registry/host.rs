//! What each process of a fleet says it serves.

use std::time::Duration;

use phagen_store::{HostReport, StoreError};

use crate::{
    SqliteStore,
    row::{failed, from_json, integer, milliseconds, number, time, to_json},
};

/// Processes come and go under new names: one that said nothing for so long is forgotten.
const KEPT: Duration = Duration::from_hours(24);

const REPORT: &str = "
insert into host_report (host, set_generation, draining, seen_at)
select ?1, ?2, ?3, now from clock where true
on conflict (host) do update set
    set_generation = excluded.set_generation, draining = excluded.draining,
    seen_at = excluded.seen_at";

const FORGET: &str = "
delete from host_report where seen_at < (select now from clock) - ?1";

const LIST: &str = "
select host, set_generation, draining, seen_at
from host_report where seen_at >= (select now from clock) - ?1 order by host";

pub(super) async fn report(store: &SqliteStore, report: &HostReport) -> Result<(), StoreError> {
    const TRIED: &str = "report what a host serves";
    let mut transaction = store.begin(TRIED).await?;
    sqlx::query(REPORT)
        .bind(&report.host)
        .bind(integer(report.set_generation))
        .bind(to_json(TRIED, &report.draining)?)
        .execute(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    sqlx::query(FORGET)
        .bind(milliseconds(KEPT))
        .execute(&mut *transaction)
        .await
        .map_err(failed("forget hosts that are gone"))?;
    transaction.commit().await.map_err(failed(TRIED))
}

pub(super) async fn list(
    store: &SqliteStore,
    age: Duration,
) -> Result<Vec<HostReport>, StoreError> {
    let rows: Vec<(String, i64, String, i64)> = sqlx::query_as(LIST)
        .bind(milliseconds(age))
        .fetch_all(&store.readers)
        .await
        .map_err(failed("list the hosts"))?;
    rows.into_iter()
        .map(|(host, set_generation, draining, seen_at)| {
            Ok(HostReport {
                host,
                set_generation: number("host_report", "set_generation", set_generation)?,
                draining: from_json("host_report", "draining", &draining)?,
                seen_at: time("host_report", seen_at)?,
            })
        })
        .collect()
}
