//! What many machines see of one bucket.

use phagen_blob::{BlobError, Blobs, MAX_BLOB_BYTES};
use phagen_domain::digest::Digest;

use crate::place::Place;

#[tokio::test]
async fn what_one_machine_stores_another_fetches_by_its_digest() {
    let place = Place::new().await;
    let (one, other) = (place.machine(), place.machine());
    for machine in [&one, &other] {
        machine.blobs.open().await.unwrap();
    }
    for bytes in [&b"a component"[..], b""] {
        let digest = Digest::of(bytes);
        assert_eq!(other.blobs.get(&digest).await.unwrap(), None);
        assert_eq!(one.blobs.put(bytes).await.unwrap(), digest);
        assert_eq!(place.object(&digest).await.unwrap(), bytes);
        assert_eq!(other.blobs.get(&digest).await.unwrap().unwrap(), bytes);
        // Kept, so that the next read asks nobody.
        assert!(one.has(&digest) && other.has(&digest));
    }
}

#[tokio::test]
async fn an_empty_disk_gets_all_back() {
    let place = Place::new().await;
    let before = place.machine();
    before.blobs.open().await.unwrap();
    let mut digests = Vec::new();
    for n in 0..5u8 {
        digests.push(before.blobs.put(vec![n; 100_000]).await.unwrap());
    }
    drop(before);
    let after = place.machine();
    after.blobs.open().await.unwrap();
    for (n, digest) in (0..5u8).zip(&digests) {
        let bytes = after.blobs.get(digest).await.unwrap().unwrap();
        assert_eq!(bytes, vec![n; 100_000]);
    }
}

#[tokio::test]
async fn many_may_store_the_same_bytes_at_once() {
    let place = Place::new().await;
    let machines: Vec<_> = (0..6).map(|_| place.machine()).collect();
    let bytes = vec![7; 300_000];
    let puts = machines
        .iter()
        .map(|machine| machine.blobs.put(bytes.clone()));
    for put in futures::future::join_all(puts).await {
        assert_eq!(put.unwrap(), Digest::of(&bytes));
    }
    let again = machines[0].blobs.put(bytes.clone()).await.unwrap();
    assert_eq!(place.object(&again).await.unwrap(), bytes);
}

#[tokio::test]
async fn other_bytes_under_a_digest_are_named_and_not_kept() {
    let place = Place::new().await;
    let machine = place.machine();
    let digest = Digest::of(b"a component");
    place.plant(&digest, *b"a c0mponent").await;
    let error = machine.blobs.get(&digest).await.unwrap_err();
    assert!(matches!(error, BlobError::Corrupt { .. }), "{error}");
    assert!(!error.is_retriable());
    let (told, address) = (error.to_string(), format!("s3://{}/", place.bucket));
    assert!(
        told.contains(&address) && told.contains(&digest.to_string()),
        "{told}"
    );
    assert!(!machine.has(&digest));
}

#[tokio::test]
async fn half_a_blob_in_the_bucket_is_replaced_by_putting_it_again() {
    let place = Place::new().await;
    let machine = place.machine();
    let digest = Digest::of(b"a component");
    place.plant(&digest, *b"a comp").await;
    machine.blobs.put(&b"a component"[..]).await.unwrap();
    assert_eq!(place.object(&digest).await.unwrap(), b"a component");
}

#[tokio::test]
async fn an_object_over_the_limit_is_not_read() {
    let place = Place::new().await;
    let machine = place.machine();
    let digest = Digest::of(b"a component");
    let over = usize::try_from(MAX_BLOB_BYTES).unwrap() + 1;
    place.plant(&digest, vec![0; over]).await;
    let error = machine.blobs.get(&digest).await.unwrap_err().to_string();
    assert!(error.contains("more than a blob may"), "{error}");
    assert!(!machine.has(&digest));
    let error = machine.blobs.put(vec![0; over]).await.unwrap_err();
    assert!(matches!(error, BlobError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_is_named_at_the_start() {
    let place = Place::without_bucket();
    let machine = place.machine();
    for error in [
        machine.blobs.open().await.unwrap_err(),
        machine.blobs.ping().await.unwrap().unwrap_err(),
        machine.blobs.put(&b"a component"[..]).await.unwrap_err(),
        machine.blobs.get(&Digest::of(b"x")).await.unwrap_err(),
    ] {
        assert!(matches!(error, BlobError::NoBucket { .. }), "{error:?}");
        assert!(!error.is_retriable());
        assert!(error.to_string().contains(&place.bucket), "{error}");
    }
}

#[tokio::test]
async fn a_folder_from_before_there_was_a_bucket_is_brought_into_it() {
    let place = Place::new().await;
    let machine = place.machine();
    let alone = Blobs::local(machine.folder.clone());
    assert!(alone.ping().await.is_none());
    let digest = alone.put(&b"an upload of last year"[..]).await.unwrap();
    let bad = alone.put(&b"a bad copy"[..]).await.unwrap();
    std::fs::write(machine.folder.path_of(&bad), b"a b").unwrap();
    machine.blobs.open().await.unwrap();
    let other = place.machine();
    let bytes = other.blobs.get(&digest).await.unwrap().unwrap();
    assert_eq!(bytes, b"an upload of last year");
    assert_eq!(place.object(&bad).await, None);
    // Once: what goes missing in the bucket later is not put back by a start.
    let later = alone.put(&b"later"[..]).await.unwrap();
    machine.blobs.open().await.unwrap();
    assert_eq!(place.object(&later).await, None);
}
