//! KEDA's question about the queue is answered by the schema that the host has today, to a role that
//! may read one table and no other.

use phagen_store_postgres::PostgresStore;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use uuid::Uuid;

use crate::{
    cluster::{Cluster, text},
    readme,
    repository::{read, tool},
};

/// A database of its own; it goes with the server.
async fn migrated() -> (String, PgConnection) {
    let server = tool("PHAGEN_TEST_POSTGRES");
    let server = server.to_str().expect("an address").to_owned();
    let name = format!("test_{}", Uuid::new_v4().simple());
    let mut all = PgConnection::connect(&format!("{server}/postgres"))
        .await
        .expect("the server answers");
    let create = format!("create database {name}");
    all.execute(AssertSqlSafe(create))
        .await
        .expect("a database");
    let url = format!("{server}/{name}");
    PostgresStore::migrate(&url).await.expect("a schema");
    let rows = PgConnection::connect(&url).await.expect("the rows");
    (name, rows)
}

fn query(clusters: &[Cluster]) -> &str {
    let objects = clusters.iter().flat_map(|it| it.of_kind("ScaledObject"));
    let queries: Vec<&str> = objects
        .map(|it| text(&it["spec"]["triggers"][0]["metadata"]["query"]))
        .collect();
    assert!(!queries.is_empty(), "nothing asks about the queue");
    queries[0]
}

/// What the README tells to give the role.
fn rights() -> Vec<String> {
    let readme = read("k8s/README.md");
    let lines = readme.lines().map(str::trim);
    let rights =
        lines.filter(|line| line.starts_with("create role ") || line.starts_with("grant "));
    let rights: Vec<String> = rights.map(str::to_owned).collect();
    assert_eq!(rights.len(), 3, "{rights:?}");
    rights
}

#[tokio::test]
async fn the_query_runs_with_the_rights_of_the_readme() {
    let clusters = readme::combinations();
    let (name, mut rows) = migrated().await;
    let role = format!("{name}_keda");
    for right in rights() {
        let right = right.replace("phagen_keda", &role);
        let right = right.replace("database phagen ", &format!("database {name} "));
        rows.execute(AssertSqlSafe(right)).await.expect("a right");
    }
    let taken = format!("set role {role}");
    rows.execute(AssertSqlSafe(taken)).await.expect("the role");
    let n_due: i64 = sqlx::query_scalar(AssertSqlSafe(query(&clusters)))
        .fetch_one(&mut rows)
        .await
        .expect("the query runs");
    assert_eq!(n_due, 0);
    let keys = sqlx::query_scalar::<_, i64>("select count(*) from api_key")
        .fetch_one(&mut rows)
        .await;
    assert!(keys.is_err(), "the role reads the keys, too");
    rows.execute("reset role").await.expect("the owner again");
    for gone in [format!("drop owned by {role}"), format!("drop role {role}")] {
        rows.execute(AssertSqlSafe(gone)).await.expect("it goes");
    }
}
