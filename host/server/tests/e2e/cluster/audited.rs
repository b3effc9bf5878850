//! The record of changes moves with the rest: it fits in Postgres as it did in SQLite, and with the
//! ends that were noted outside of either.

use sqlx::{AssertSqlSafe, Executor as _};

use super::{Cluster, database::Way};
use crate::{process::PATIENCE, server::Server};

/// With rows of every sort: what came with the host, a key, settings, what was forgotten.
async fn moved() -> Cluster {
    let cluster = Cluster::migrated(Way::Pooled).await;
    let dir = &cluster.dir;
    dir.run(&["key", "create", "ci", "--scope", "read"])
        .expect_success();
    let server = Server::start_with(dir, &["--workers", "0"], &[]);
    let forgotten = server
        .post("/api/cache/invalidate", &serde_json::json!({}))
        .await;
    assert_eq!(forgotten.status, 200, "{}", forgotten.text);
    server.end_by("TERM", PATIENCE).expect_success();
    let told = dir.run(&["audit", "verify"]).expect_success();
    assert!(told.contains("all of it fits"), "{told}");
    cluster.run(&["db", "copy"]).expect_success();
    cluster
}

#[tokio::test]
async fn a_copied_record_fits_itself_and_the_ends_noted_outside() {
    let cluster = moved().await;
    let told = cluster.run(&["audit", "verify"]).expect_success();
    assert!(told.contains("all of it fits"), "{told}");
    assert!(!told.contains(" 0 ends noted"), "{told}");
    // It goes on from there.
    cluster
        .run(&["key", "create", "ada", "--scope", "read"])
        .expect_success();
    let server = cluster.serve();
    server.end_by("TERM", PATIENCE).expect_success();
    let told = cluster.run(&["audit", "verify"]).expect_success();
    assert!(told.contains("all of it fits"), "{told}");
}

#[tokio::test]
async fn tampering_is_found_in_postgres_too() {
    let cluster = moved().await;
    let mut rows = cluster.database.rows().await;
    let refused = rows.execute("update audit set actor = 'eve'").await;
    let refused = refused.expect_err("the trigger").to_string();
    assert!(refused.contains("never changed"), "{refused}");
    rows.execute("drop trigger audit_is_not_changed on audit")
        .await
        .expect("whoever owns the table may");
    let last: i64 = sqlx::query_scalar("select max(seq) from audit")
        .fetch_one(&mut rows)
        .await
        .expect("a row");
    let settings: i64 =
        sqlx::query_scalar("select max(seq) from audit where action = 'setting.change'")
            .fetch_one(&mut rows)
            .await
            .expect("a row of settings");
    // Each by itself: done, found, undone.
    for (tamper, undo, expected) in [
        (
            "update audit set actor = 'eve' where seq = 1".to_owned(),
            "update audit set actor = 'host' where seq = 1".to_owned(),
            "row 1 was changed".to_owned(),
        ),
        (
            format!("update audit set detail = detail || ' ' where seq = {settings}"),
            format!("update audit set detail = rtrim(detail) where seq = {settings}"),
            format!("row {settings} was changed"),
        ),
        (
            "update artifact set name = upper(name)".to_owned(),
            "update artifact set name = lower(name)".to_owned(),
            "artifact `".to_owned(),
        ),
        (
            "update api_key set scopes = 'operate'".to_owned(),
            "update api_key set scopes = 'read'".to_owned(),
            "key `ci` is not as row".to_owned(),
        ),
        (
            format!(
                "create table kept as select * from audit; delete from audit where seq = {last}"
            ),
            format!("insert into audit select * from kept where seq = {last}"),
            "its tail was cut".to_owned(),
        ),
    ] {
        run(&mut rows, &tamper).await;
        let ended = cluster.run(&["audit", "verify"]);
        assert_eq!(ended.code, Some(1), "{tamper}: {ended:?}");
        assert!(ended.stdout.contains(&expected), "{tamper}: {ended:?}");
        run(&mut rows, &undo).await;
        cluster.run(&["audit", "verify"]).expect_success();
    }
}

async fn run(rows: &mut sqlx::PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(rows)
        .await
        .expect("the rows change");
}
