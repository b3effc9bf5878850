//! What each process of a fleet says it serves.

use std::time::Duration;

use chrono::{DateTime, Utc};
use phagen_store::{HostReport, StoreError};

use crate::{
    PostgresStore,
    row::{failed, from_json, integer, milliseconds, number, to_json},
};

/// Processes come and go under new names: one that said nothing for so long is forgotten.
const KEPT: Duration = Duration::from_hours(24);

const REPORT: &str = "
with forgotten as (
    delete from host_report where host in (
        select host from host_report
        where seen_at < clock() - $4 * interval '1 millisecond' and host <> $1
        for update skip locked
    )
)
insert into host_report (host, set_generation, draining, seen_at)
values ($1, $2, $3::json, clock())
on conflict (host) do update set
    set_generation = excluded.set_generation, draining = excluded.draining,
    seen_at = excluded.seen_at";

const LIST: &str = "
select host, set_generation, draining::text, seen_at
from host_report where seen_at >= clock() - $1 * interval '1 millisecond' order by host";

pub(super) async fn report(store: &PostgresStore, report: &HostReport) -> Result<(), StoreError> {
    const TRIED: &str = "report what a host serves";
    sqlx::query(REPORT)
        .bind(&report.host)
        .bind(integer(report.set_generation))
        .bind(to_json(TRIED, &report.draining)?)
        .bind(milliseconds(KEPT))
        .execute(&store.pool)
        .await
        .map_err(failed(TRIED))?;
    Ok(())
}

pub(super) async fn list(
    store: &PostgresStore,
    age: Duration,
) -> Result<Vec<HostReport>, StoreError> {
    let rows: Vec<(String, i64, String, DateTime<Utc>)> = sqlx::query_as(LIST)
        .bind(milliseconds(age))
        .fetch_all(&store.pool)
        .await
        .map_err(failed("list the hosts"))?;
    rows.into_iter()
        .map(|(host, set_generation, draining, seen_at)| {
            Ok(HostReport {
                host,
                set_generation: number("host_report", "set_generation", set_generation)?,
                draining: from_json("host_report", "draining", &draining)?,
                seen_at,
            })
        })
        .collect()
}
