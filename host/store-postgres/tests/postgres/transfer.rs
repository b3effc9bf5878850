//! All that SQLite holds, taken over.

use futures::TryStreamExt as _;
use phagen_store::{
    JobFilter, RegistryStore as _, Store, StoreError, TableSum, UpkeepStore as _,
    conformance::{
        filled,
        plugin_specimen::{all_events, recorded, uploaded},
        specimen::LONG,
    },
};
use phagen_store_postgres::PostgresStore;
use phagen_store_sqlite::SqliteStore;
use tempfile::TempDir;

use crate::database::{Database, Way};

async fn filled_sqlite() -> (SqliteStore, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(&folder.path().join("phagen.db")).await;
    let store = store.expect("a store");
    filled::fill(&store).await;
    (store, folder)
}

/// Everything, row by row: what was sent and what arrived.
async fn copied(from: &SqliteStore, to: &PostgresStore) -> Vec<(String, TableSum, TableSum)> {
    let mut import = to.import().await.expect("an empty database");
    let mut export = from.export().await.expect("a copy");
    let mut sums = Vec::new();
    for shape in import.shapes() {
        let mut sent = TableSum::default();
        let mut rows = export.rows(&shape);
        while let Some(row) = rows.try_next().await.expect("a row") {
            sent.add(&row).expect("JSON");
            import.insert(&shape, &[row]).await.expect("a row");
        }
        let arrived = import.sum(&shape).await.expect("a sum");
        sums.push((shape.name, sent, arrived));
    }
    import.commit().await.expect("a commit");
    sums
}

/// What is read through the door, as text.
async fn told(store: &dyn Store) -> Vec<String> {
    let page = store.list_jobs(&JobFilter::default(), 100, None).await;
    let mut told = Vec::new();
    for job in page.expect("jobs").jobs {
        let found = store.find_job(job.id).await.expect("a job");
        let events = store.list_events(job.id, 0).await.expect("events");
        told.push(format!("{job:?} {found:?} {events:?}"));
    }
    let events = store.list_plugin_events(&all_events()).await;
    let generation = store.set_generation().await;
    let feedback = store.list_feedback().await;
    told.push(format!("{:?}", store.list_slots().await.expect("slots")));
    told.push(format!(
        "{:?}",
        store.list_versions().await.expect("versions")
    ));
    told.push(format!(
        "{:?}",
        store.list_artifacts().await.expect("weights")
    ));
    told.push(format!(
        "{:?}",
        store.list_hosts(LONG).await.expect("hosts")
    ));
    told.push(format!(
        "{:?}",
        store.list_publisher_keys().await.expect("keys")
    ));
    told.push(format!("{:?}", events.expect("events")));
    told.push(format!("{:?}", generation.expect("a generation")));
    told.push(format!("{:?}", feedback.expect("votes")));
    told
}

#[tokio::test]
async fn every_table_comes_over_whole() {
    let (sqlite, _folder) = filled_sqlite().await;
    let database = Database::migrated().await;
    let store = database.store(Way::Direct).await;
    let sums = copied(&sqlite, &store).await;
    let names: Vec<&str> = sums.iter().map(|(name, ..)| name.as_str()).collect();
    let mut tables = sqlite.export().await.expect("a copy").tables().await;
    tables.as_mut().expect("tables").sort();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, tables.expect("tables"));
    for (name, sent, arrived) in &sums {
        assert_eq!(sent, arrived, "{name}");
        assert!(sent.n_rows > 0, "`{name}` is empty: fill it in `filled.rs`");
    }
    assert_eq!(told(&store).await, told(&sqlite).await);
    // What is numbered goes on counting.
    recorded(&store, &uploaded("beta")).await;
    let (events, before) = (
        store.list_plugin_events(&all_events()).await,
        sqlite.list_plugin_events(&all_events()).await,
    );
    let seqs = |events: Result<Vec<_>, StoreError>| -> Vec<u64> {
        let events: Vec<phagen_domain::plugin::PluginEvent> = events.expect("events");
        events.iter().map(|event| event.seq).collect()
    };
    assert_eq!(
        seqs(events).iter().max(),
        seqs(before).iter().max().map(|n| n + 1).as_ref()
    );
}

#[tokio::test]
async fn rows_are_only_taken_into_an_empty_database() {
    let database = Database::migrated().await;
    let store = database.store(Way::Direct).await;
    store.take_tick("prune", LONG).await.expect("a tick");
    let refused = store.import().await.map(drop).expect_err("it has a row");
    let refused = refused.to_string();
    assert!(refused.contains("`tick` holds rows already"), "{refused}");
    assert!(refused.contains("phagen migrate"), "{refused}");
}

#[tokio::test]
async fn a_copy_that_is_dropped_leaves_nothing() {
    let (sqlite, _folder) = filled_sqlite().await;
    let database = Database::migrated().await;
    let store = database.store(Way::Direct).await;
    let mut import = store.import().await.expect("an empty database");
    let mut export = sqlite.export().await.expect("a copy");
    let shapes = import.shapes();
    let rows: Vec<String> = export.rows(&shapes[0]).try_collect().await.expect("rows");
    import.insert(&shapes[0], &rows).await.expect("rows");
    drop(import);
    drop(store.import().await.expect("it is empty still"));
}
