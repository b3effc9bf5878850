//! What is let in and what is refused at the door: schemas, poolers, addresses.

use phagen_store::{Store as _, StoreError, conformance::specimen::enqueued};
use phagen_store_postgres::{Migrated, PostgresStore};
use sqlx::{AssertSqlSafe, Executor as _};
use tokio::task::JoinSet;

use crate::database::{Database, Way};

async fn refusal(url: &str) -> String {
    let refused = PostgresStore::open(url, 2).await;
    refused.expect_err("it cannot be used").to_string()
}

async fn write(database: &Database, sql: &str) {
    let rows = database.rows().await;
    rows.execute(AssertSqlSafe(sql)).await.expect(sql);
    rows.close().await;
}

#[tokio::test]
async fn a_pooler_that_mixes_up_statements_is_refused() {
    let database = Database::migrated().await;
    // Whatever the pooler's mood, and for each of several that start together.
    let mut refusals = JoinSet::new();
    for way in [Way::OldPooled, Way::UntrackedPooled].repeat(3) {
        let url = database.url(way);
        refusals.spawn(async move { refusal(&url).await });
    }
    for refusal in refusals.join_all().await {
        for part in [
            "mixes up the prepared statements of its clients",
            "pgBouncer 1.21 or newer",
            "`max_prepared_statements`",
        ] {
            assert!(refusal.contains(part), "{refusal}");
        }
    }
}

#[tokio::test]
async fn a_pooler_that_keeps_them_apart_is_let_in() {
    let database = Database::migrated().await;
    for _ in 0..4 {
        let store = database.store(Way::Pooled).await;
        enqueued(&store, "aspirin").await;
        store.close().await;
    }
}

#[tokio::test]
async fn migrations_go_past_the_pooler() {
    let database = Database::empty().await;
    for way in [Way::Pooled, Way::OldPooled] {
        let refused = PostgresStore::migrate(&database.url(way)).await;
        let refused = refused.expect_err("a pooler").to_string();
        assert!(refused.contains("a pooler stands in front"), "{refused}");
    }
    let refusal = refusal(&database.url(Way::Direct)).await;
    assert!(refusal.contains("its schema is 0"), "{refusal}");
    assert!(refusal.contains("run `phagen migrate`"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_migrate_together_one_does() {
    let database = Database::empty().await;
    let mut migrating = JoinSet::new();
    for _ in 0..8 {
        let url = database.url(Way::Direct);
        migrating.spawn(async move { PostgresStore::migrate(&url).await.expect("a schema") });
    }
    let mut migrated = migrating.join_all().await;
    migrated.sort_by_key(|migrated| migrated.from);
    let store = database.store(Way::Pooled).await;
    let to = store.schema_version().await.expect("a version");
    let mut expected = [Migrated { from: to, to }; 8];
    expected[0].from = 0;
    assert_eq!(migrated, expected);
    enqueued(&store, "aspirin").await;
}

#[tokio::test]
async fn a_migration_that_stops_half_way_leaves_nothing() {
    let database = Database::empty().await;
    // In the way of the last of them.
    write(&database, "create table publisher_key ()").await;
    let refused = PostgresStore::migrate(&database.url(Way::Direct)).await;
    let refused = refused.expect_err("in the way").to_string();
    assert!(refused.contains("already exists"), "{refused}");
    let rows = database.rows().await;
    let left =
        "select table_name::text from information_schema.tables where table_schema = 'public'";
    let left: Vec<String> = sqlx::query_scalar(left)
        .fetch_all(&rows)
        .await
        .expect("the tables");
    assert_eq!(left, ["publisher_key"]);
    write(&database, "drop table publisher_key").await;
    let migrated = PostgresStore::migrate(&database.url(Way::Direct)).await;
    assert_eq!(migrated.expect("a schema").from, 0);
}

#[tokio::test]
async fn a_newer_schema_asks_for_an_upgrade() {
    let database = Database::migrated().await;
    write(
        &database,
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (29990101000000, 'from the future', true, '', 0)",
    )
    .await;
    let url = database.url(Way::Direct);
    let refused = [
        PostgresStore::open(&url, 2).await.map(drop),
        PostgresStore::migrate(&url).await.map(drop),
    ];
    for refused in refused {
        assert!(
            matches!(
                &refused,
                Err(StoreError::NewerSchema { found: 29_990_101_000_000, known, .. }) if *known > 0
            ),
            "{refused:?}"
        );
    }
    assert!(refusal(&url).await.contains("upgrade phagen"));
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    let database = Database::migrated().await;
    write(&database, "update _sqlx_migrations set checksum = ''").await;
    let refused = PostgresStore::migrate(&database.url(Way::Direct)).await;
    let refused = refused.expect_err("changed").to_string();
    assert!(refused.contains("has been modified"), "{refused}");
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_named() {
    let database = Database::migrated().await;
    let good = database.url(Way::Direct);
    let server = good.rsplit_once('/').expect("a database").0;
    for (url, parts) in [
        (format!("{server}/absent"), ["absent", "does not exist"]),
        (
            "postgres://ada:s3cret@127.0.0.1:1/phagen".to_owned(),
            ["127.0.0.1:1/phagen", "refused"],
        ),
        (
            "mysql://localhost/phagen".to_owned(),
            ["postgres://", "cannot be read"],
        ),
    ] {
        let refusal = refusal(&url).await;
        for part in parts {
            assert!(refusal.contains(part), "{refusal}");
        }
        assert!(!refusal.contains("s3cret"), "{refusal}");
    }
}

/// A limit that is hit is told as what passes, not as a fault.
#[tokio::test]
async fn a_call_that_finds_no_connection_free_gives_up_in_time() {
    let database = Database::migrated().await;
    let store = PostgresStore::open(&database.url(Way::Direct), 1)
        .await
        .expect("a store");
    let rows = database.rows().await;
    let mut other = rows.begin().await.expect("a transaction");
    let lock = "lock table job in access exclusive mode";
    other.execute(lock).await.expect("a lock");
    let refused = async {
        database.until_someone_waits(&rows).await;
        let refused = store.ping().await.expect_err("none is free");
        other.rollback().await.expect("the lock goes");
        refused
    };
    let (_, refused) = tokio::join!(enqueued(&store, "aspirin"), refused);
    assert!(refused.is_retriable(), "{refused:?}");
    assert_eq!(
        refused.to_string(),
        "database was not there to tell the time: try again soon"
    );
    store.ping().await.expect("the time");
}
