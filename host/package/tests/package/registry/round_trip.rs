//! What is pushed is what is pulled, or nothing is.

use phagen_package::{
    PackageError, generate_key,
    oci::{Access, Lock, pull, push},
    sign,
};

use super::{changed, push_image, server::Registry, whole};
use crate::specimen::reranker;

#[tokio::test]
async fn what_is_pushed_is_pulled_with_its_signature() {
    let registry = Registry::start();
    let access = registry.access();
    let bytes = whole();
    let key = generate_key(None).unwrap();
    let minisig = sign(&bytes, &key.secret_text, None, None).unwrap();
    let pushed = push(&registry.place("specimen"), &bytes, Some(&minisig), &access)
        .await
        .unwrap();
    assert_eq!(
        pushed.reference,
        registry.place("specimen:0.1.0"),
        "without a tag it is the version's"
    );
    let by_digest = format!("{}@{}", registry.place("specimen"), pushed.manifest_digest);
    for reference in [&pushed.reference[..], "specimen@0.1.0", &by_digest] {
        let pulled = pull(reference, &Lock::default(), &access).await.unwrap();
        assert_eq!(pulled.bytes, bytes, "{reference}");
        assert_eq!(pulled.digest, pushed.digest);
        assert_eq!(pulled.manifest_digest, pushed.manifest_digest);
        assert_eq!(pulled.minisig.as_deref(), Some(&minisig[..]));
    }
    let again = push("specimen@0.1.0", &bytes, Some(&minisig), &access)
        .await
        .unwrap();
    assert_eq!(again, pushed, "the same package, the same digests");
}

#[tokio::test]
async fn a_reference_that_changed_since_it_was_locked_is_refused() {
    let registry = Registry::start();
    let access = registry.access();
    push("specimen@0.1.0", &whole(), None, &access)
        .await
        .unwrap();
    let first = pull("specimen@0.1.0", &Lock::default(), &access)
        .await
        .unwrap();
    let mut lock = Lock::default();
    lock.pin(first.reference.clone(), first.to_locked());
    let lock = Lock::parse(&lock.to_text()).unwrap();
    pull("specimen@0.1.0", &lock, &access).await.unwrap();

    let moved = push("specimen@0.1.0", &changed(), None, &access)
        .await
        .unwrap();
    let refusal = pull("specimen@0.1.0", &lock, &access).await.unwrap_err();
    let told = refusal.to_string();
    assert!(
        matches!(
            refusal,
            PackageError::LockedOtherwise {
                what: "the manifest",
                ..
            }
        ),
        "{told}"
    );
    assert!(told.contains(&first.manifest_digest), "{told}");
    assert!(told.contains(&moved.manifest_digest), "{told}");
    let mut other = first.to_locked();
    other.sha256.clone_from(&moved.manifest_digest);
    let mut lock = Lock::default();
    lock.pin(first.reference.clone(), other);
    let refusal = pull("specimen@0.1.0", &lock, &access).await.unwrap_err();
    assert!(
        matches!(
            refusal,
            PackageError::LockedOtherwise {
                what: "the component",
                ..
            }
        ),
        "{refusal}"
    );
}

#[tokio::test]
async fn bytes_that_the_registry_altered_are_refused() {
    let registry = Registry::start();
    let access = registry.access();
    let bytes = whole();
    push("specimen@0.1.0", &bytes, None, &access).await.unwrap();
    let mut altered = bytes.clone();
    *altered.last_mut().unwrap() ^= 1;
    std::fs::write(registry.blob_path(&bytes), altered).unwrap();
    let refusal = pull("specimen@0.1.0", &Lock::default(), &access)
        .await
        .unwrap_err()
        .to_string();
    assert!(refusal.contains("igest"), "{refusal}");
}

#[tokio::test]
async fn what_is_too_large_missing_or_no_plugin_is_refused() {
    let registry = Registry::start();
    let access = registry.access();
    let bytes = whole();
    push("specimen@0.1.0", &bytes, None, &access).await.unwrap();
    let small = Access {
        max_component_bytes: bytes.len() as u64 - 1,
        ..access.clone()
    };
    push_image(
        &registry,
        "image:1",
        b"layer",
        "application/octet-stream",
        None,
    )
    .await;
    push_image(&registry, "text:1", b"no wasm", "application/wasm", None).await;
    push_image(&registry, "other:0.1.0", &bytes, "application/wasm", None).await;
    for (reference, access, expected) in [
        ("specimen@0.1.0".to_owned(), &small, "that are allowed"),
        (
            "specimen@0.2.0".to_owned(),
            &access,
            "there is nothing of that name",
        ),
        (
            "nobody@0.1.0".to_owned(),
            &access,
            "there is nothing of that name",
        ),
        (
            registry.place("image:1"),
            &access,
            "its layer is `application/octet-stream`",
        ),
        (registry.place("text:1"), &access, "this is not WebAssembly"),
        (
            "other@0.1.0".to_owned(),
            &access,
            "the component is `specimen` 0.1.0, not `other` 0.1.0",
        ),
        (
            registry.place("specimen"),
            &access,
            "neither tag nor digest",
        ),
        ("specimen".to_owned(), &access, "it names no registry"),
    ] {
        let refusal = pull(&reference, &Lock::default(), access)
            .await
            .unwrap_err()
            .to_string();
        assert!(refusal.contains(expected), "{refusal}\n{expected}");
    }
}

#[tokio::test]
async fn what_is_no_whole_package_is_not_pushed() {
    let registry = Registry::start();
    let access = registry.access();
    let bytes = whole();
    for (reference, bytes, expected) in [
        (
            "specimen@0.2.0",
            &bytes,
            "is `specimen` 0.1.0, not `specimen` 0.2.0",
        ),
        ("specimen@0.1.0", &reranker(), "no manifest"),
        (
            "specimen@0.1.0",
            &b"\0asm\x01\0\0\0".to_vec(),
            "core module",
        ),
    ] {
        let refusal = push(reference, bytes, None, &access)
            .await
            .unwrap_err()
            .to_string();
        assert!(refusal.contains(expected), "{refusal}\n{expected}");
    }
}
