//! The folder as a cache: bounded, healed, and no reason to fail.

use phagen_domain::digest::Digest;

use crate::place::{Machine, Place};

#[tokio::test]
async fn the_folder_keeps_no_more_than_it_may_and_the_bucket_all() {
    let place = Place::new().await;
    let machine = Machine::of(place.bucket(), 250_000);
    let mut digests = Vec::new();
    for n in 0..5u8 {
        digests.push(machine.blobs.put(vec![n; 100_000]).await.unwrap());
    }
    let n_here = digests.iter().filter(|digest| machine.has(digest)).count();
    assert_eq!(n_here, 2);
    for digest in &digests {
        assert!(machine.blobs.get(digest).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_copy_that_went_bad_is_fetched_anew() {
    let place = Place::new().await;
    let machine = place.machine();
    let digest = machine.blobs.put(&b"a component"[..]).await.unwrap();
    std::fs::write(machine.folder.path_of(&digest), b"a comp").unwrap();
    let bytes = machine.blobs.get(&digest).await.unwrap().unwrap();
    assert_eq!(bytes, b"a component");
    assert_eq!(
        machine.folder.get(&digest).unwrap().unwrap(),
        b"a component"
    );
}

#[tokio::test]
async fn a_folder_that_takes_nothing_costs_only_the_copy() {
    let place = Place::new().await;
    let machine = place.machine();
    let digest = Digest::of(b"a component");
    // Where the blob's folder would be there is a file.
    let in_the_way = machine.folder.path_of(&digest);
    let in_the_way = in_the_way.parent().unwrap().parent().unwrap();
    std::fs::write(in_the_way, b"").unwrap();
    assert_eq!(
        machine.blobs.put(&b"a component"[..]).await.unwrap(),
        digest
    );
    let bytes = machine.blobs.get(&digest).await.unwrap().unwrap();
    assert_eq!(bytes, b"a component");
}
