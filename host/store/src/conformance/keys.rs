//! Keys whose signatures count.

use chrono::{DateTime, TimeDelta};
use phagen_domain::plugin::PublisherKey;

use super::Harness;
use crate::{Store, StoreError};

pub(super) fn key(name: &str, public_key: &str) -> PublisherKey {
    PublisherKey {
        name: name.to_owned(),
        public_key: public_key.to_owned(),
        added_at: DateTime::UNIX_EPOCH,
        added_by: "root".to_owned(),
        expires_at: None,
        revoked_at: None,
    }
}

async fn listed(store: &dyn Store) -> Vec<PublisherKey> {
    store.list_publisher_keys().await.expect("keys")
}

pub async fn keys_are_listed_by_name(harness: &dyn Harness) {
    let store = harness.store();
    assert_eq!(listed(&*store).await, []);
    let before = store.ping().await.expect("the time");
    let expiring = PublisherKey {
        expires_at: Some(DateTime::UNIX_EPOCH + TimeDelta::days(30_000)),
        ..key("ada", "RWA=")
    };
    for key in [&key("bob", "RWB="), &expiring] {
        store.add_publisher_key(key).await.expect("a key");
    }
    let keys = listed(&*store).await;
    assert!(keys.iter().all(|key| key.added_at >= before));
    let expected = PublisherKey {
        added_at: keys[0].added_at,
        ..expiring
    };
    assert_eq!(keys[0], expected);
    assert_eq!((keys.len(), keys[1].name.as_str()), (2, "bob"));
}

pub async fn a_name_or_a_key_is_taken_once(harness: &dyn Harness) {
    let store = harness.store();
    let ada = key("ada", "RWA=");
    store.add_publisher_key(&ada).await.expect("a key");
    let before = listed(&*store).await;
    let again = PublisherKey {
        added_by: "somebody".to_owned(),
        ..ada
    };
    store.add_publisher_key(&again).await.expect("no change");
    let other_key = store.add_publisher_key(&key("ada", "RWB=")).await;
    assert!(
        matches!(&other_key, Err(StoreError::KeyExists(name)) if name == "ada"),
        "{other_key:?}"
    );
    let other_name = store.add_publisher_key(&key("eve", "RWA=")).await;
    assert!(
        matches!(&other_name, Err(StoreError::KeyHeld(name)) if name == "ada"),
        "{other_name:?}"
    );
    assert_eq!(listed(&*store).await, before);
}

pub async fn a_revoked_key_stays_revoked(harness: &dyn Harness) {
    let store = harness.store();
    let unknown = store.revoke_publisher_key("ada", "root").await;
    assert!(
        matches!(&unknown, Err(StoreError::UnknownKey(name)) if name == "ada"),
        "{unknown:?}"
    );
    let ada = key("ada", "RWA=");
    store.add_publisher_key(&ada).await.expect("a key");
    let revoked = store
        .revoke_publisher_key("ada", "root")
        .await
        .expect("the key");
    assert!(revoked.revoked_at >= Some(revoked.added_at));
    // The clock must have moved on, or the second time could not be told from the first.
    while Some(store.ping().await.expect("the time")) <= revoked.revoked_at {}
    let again = store
        .revoke_publisher_key("ada", "root")
        .await
        .expect("the key");
    assert_eq!(again, revoked, "since the first time");
    store.add_publisher_key(&ada).await.expect("no change");
    assert_eq!(listed(&*store).await, [revoked]);
}
