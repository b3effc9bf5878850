//! The database as it lies on disk once no process has it open.

use std::collections::BTreeMap;

use phagen_domain::job::JobId;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::data_dir::DataDir;

pub(crate) async fn open(dir: &DataDir) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(dir.path().join("phagen.db"))
        .connect()
        .await
        .expect("the database opens")
}

/// Jobs by stored state.
pub(crate) async fn n_jobs_by_state(dir: &DataDir) -> BTreeMap<String, i64> {
    let mut database = open(dir).await;
    let rows: Vec<(String, i64)> = sqlx::query_as("select state, count(*) from job group by state")
        .fetch_all(&mut database)
        .await
        .expect("jobs are counted");
    database.close().await.expect("the database closes");
    rows.into_iter().collect()
}

/// The job that was running when the last process ended.
pub(crate) async fn running_job(dir: &DataDir) -> Option<JobId> {
    let mut database = open(dir).await;
    let id: Option<String> = sqlx::query_scalar("select id from job where state = 'running'")
        .fetch_optional(&mut database)
        .await
        .expect("jobs are read");
    database.close().await.expect("the database closes");
    id.map(|id| id.parse().expect("an id"))
}

pub(crate) async fn assert_sound(dir: &DataDir) {
    let mut database = open(dir).await;
    let report: String = sqlx::query_scalar("pragma integrity_check")
        .fetch_one(&mut database)
        .await
        .expect("the database is checked");
    assert_eq!(report, "ok");
    let broken = sqlx::query("pragma foreign_key_check")
        .fetch_all(&mut database)
        .await
        .expect("the database is checked");
    assert!(broken.is_empty(), "{} rows lost their parent", broken.len());
    database.close().await.expect("the database closes");
}
