//! Signs that the database lives.

use super::Harness;

pub async fn the_database_tells_its_time(harness: &dyn Harness) {
    let store = harness.store();
    let first = store.ping().await.expect("the time");
    let second = store.ping().await.expect("the time");
    assert!(first <= second);
    assert!(first.timestamp() > 1_700_000_000, "{first}");
}

pub async fn the_schema_has_a_version(harness: &dyn Harness) {
    let version = harness.store().schema_version().await;
    // Versions are times, such as 20261122100000.
    assert!(version.expect("a version") > 20_000_000_000_000);
}
