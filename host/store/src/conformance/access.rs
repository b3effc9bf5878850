//! Keys of the API.

use chrono::{DateTime, DurationRound as _, TimeDelta};
use phagen_domain::digest::Digest;

use super::Harness;
use crate::{ApiKey, NewApiKey, Scope, Standing, Store, StoreError};

pub(super) fn key(name: &str, prefix: &str) -> NewApiKey {
    NewApiKey {
        name: name.to_owned(),
        prefix: prefix.to_owned(),
        hash: Digest::of(name.as_bytes()),
        scopes: [Scope::Submit, Scope::Read].into_iter().collect(),
        created_by: "root".to_owned(),
        expires_at: None,
    }
}

async fn listed(store: &dyn Store) -> Vec<ApiKey> {
    store.list_api_keys().await.expect("keys")
}

pub async fn api_keys_are_listed_by_name(harness: &dyn Harness) {
    let store = harness.store();
    assert_eq!(listed(&*store).await, []);
    let before = store.ping().await.expect("the time");
    let expiring = NewApiKey {
        expires_at: Some(DateTime::UNIX_EPOCH + TimeDelta::days(30_000)),
        ..key("ada", "phagen_a")
    };
    store
        .add_api_key(&key("bob", "phagen_b"))
        .await
        .expect("a key");
    let added = store.add_api_key(&expiring).await.expect("a key");
    let keys = listed(&*store).await;
    assert!(keys.iter().all(|key| key.created_at >= before));
    assert_eq!((keys.len(), keys[1].name.as_str()), (2, "bob"));
    assert_eq!(keys[0], added);
    let expected = ApiKey {
        name: "ada".to_owned(),
        prefix: "phagen_a".to_owned(),
        hash: Digest::of(b"ada"),
        scopes: [Scope::Read, Scope::Submit].into_iter().collect(),
        created_at: added.created_at,
        created_by: "root".to_owned(),
        expires_at: expiring.expires_at,
        revoked_at: None,
        last_used_at: None,
        standing: Standing::Live,
    };
    assert_eq!(added, expected);
}

pub async fn a_name_of_an_api_key_is_taken_for_good(harness: &dyn Harness) {
    let store = harness.store();
    let ada = key("ada", "phagen_a");
    store.add_api_key(&ada).await.expect("a key");
    store.revoke_api_key("ada", "root").await.expect("the key");
    let again = NewApiKey {
        hash: Digest::of(b"another"),
        ..ada
    };
    let again = store.add_api_key(&again).await;
    assert!(
        matches!(&again, Err(StoreError::ApiKeyExists(name)) if name == "ada"),
        "{again:?}"
    );
    let keys = listed(&*store).await;
    assert_eq!((keys.len(), keys[0].hash), (1, Digest::of(b"ada")));
}

pub async fn a_revoked_api_key_stays_revoked(harness: &dyn Harness) {
    let store = harness.store();
    let unknown = store.revoke_api_key("ada", "root").await;
    assert!(
        matches!(&unknown, Err(StoreError::UnknownApiKey(name)) if name == "ada"),
        "{unknown:?}"
    );
    store
        .add_api_key(&key("ada", "phagen_a"))
        .await
        .expect("a key");
    let revoked = store.revoke_api_key("ada", "root").await.expect("the key");
    assert_eq!(revoked.standing, Standing::Revoked);
    assert!(revoked.revoked_at >= Some(revoked.created_at));
    // The clock must have moved on, or the second time could not be told from the first.
    while Some(store.ping().await.expect("the time")) <= revoked.revoked_at {}
    let again = store.revoke_api_key("ada", "eve").await.expect("the key");
    assert_eq!(again, revoked, "since the first time");
    assert_eq!(listed(&*store).await, [revoked]);
}

pub async fn api_keys_are_found_by_how_they_begin(harness: &dyn Harness) {
    let store = harness.store();
    let gone = NewApiKey {
        expires_at: Some(DateTime::UNIX_EPOCH + TimeDelta::days(1)),
        ..key("gone", "phagen_a")
    };
    for key in [&key("ada", "phagen_a"), &gone, &key("bob", "phagen_b")] {
        store.add_api_key(key).await.expect("a key");
    }
    let found = store.find_api_keys("phagen_a").await.expect("keys");
    let names: Vec<(&str, Standing)> = found
        .iter()
        .map(|key| (key.name.as_str(), key.standing))
        .collect();
    assert_eq!(
        names,
        [("ada", Standing::Live), ("gone", Standing::Expired)]
    );
    assert_eq!(store.find_api_keys("phagen_").await.expect("keys"), []);
}

pub async fn the_use_of_an_api_key_is_noted_to_the_minute(harness: &dyn Harness) {
    let store = harness.store();
    store
        .add_api_key(&key("ada", "phagen_a"))
        .await
        .expect("a key");
    let minute = |at: DateTime<_>| {
        at.duration_trunc(TimeDelta::minutes(1))
            .expect("a minute of our time")
    };
    let before = minute(store.ping().await.expect("the time"));
    for _ in 0..2 {
        store.touch_api_key("ada").await.expect("a note");
    }
    let after = minute(store.ping().await.expect("the time"));
    let used = listed(&*store).await[0].last_used_at.expect("a use");
    assert_eq!(used, minute(used));
    assert!((before..=after).contains(&used), "{used}");
    store.touch_api_key("nobody").await.expect("no change");
}
