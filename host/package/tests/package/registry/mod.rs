//! Push, pull, lock and cosign against a real registry.

mod server;

use std::{net::TcpListener, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use oci_client::{
    Client, Reference,
    client::{ClientConfig, ClientProtocol, Config, ImageLayer},
    manifest::OciImageManifest,
    secrets::RegistryAuth,
};
use phagen_domain::plugin::Signature;
use phagen_package::{
    PackageError, embed, generate_key,
    oci::{Access, CosignKey, Lock, check_cosign, install_tls, pull, push, read_cosign},
    sign,
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};

use self::server::{PASSWORD, Registry};
use crate::specimen::{manifest, manifest_with, reranker};

fn whole() -> Vec<u8> {
    embed(&reranker(), &manifest("reranker"), None, None).expect("a package")
}

/// The same version of the plugin with something else in it.
fn changed() -> Vec<u8> {
    let manifest = manifest_with("reranker", "license = \"MIT\"\n");
    embed(&reranker(), &manifest, None, None).expect("a package")
}

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

#[tokio::test]
async fn a_registry_with_a_password_wants_the_right_one() {
    let registry = Registry::start_with_password();
    let bytes = whole();
    for access in [registry.access(), registry.access_with_password("wrong")] {
        let refusal = push("specimen@0.1.0", &bytes, None, &access)
            .await
            .unwrap_err()
            .to_string();
        assert!(refusal.contains("give user and password"), "{refusal}");
    }
    let access = registry.access_with_password(PASSWORD);
    push("specimen@0.1.0", &bytes, None, &access).await.unwrap();
    let pulled = pull("specimen@0.1.0", &Lock::default(), &access)
        .await
        .unwrap();
    assert_eq!(pulled.bytes, bytes);
}

#[tokio::test]
async fn a_registry_with_tls_is_trusted_by_its_root_alone() {
    let registry = Registry::start_with_tls();
    let bytes = whole();
    let access = registry.access();
    push("specimen@0.1.0", &bytes, None, &access).await.unwrap();
    let pulled = pull("specimen@0.1.0", &Lock::default(), &access)
        .await
        .unwrap();
    assert_eq!(pulled.bytes, bytes);
    let stranger = Access {
        extra_roots: Vec::new(),
        ..access
    };
    let refusal = pull("specimen@0.1.0", &Lock::default(), &stranger)
        .await
        .unwrap_err()
        .to_string();
    assert!(refusal.contains("certificate"), "{refusal}");
}

#[tokio::test]
async fn a_registry_that_says_nothing_holds_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let access = Access {
        plain_http: true,
        deadline: Duration::from_millis(300),
        ..Access::default()
    };
    let reference = format!("{}/specimen:0.1.0", silent.local_addr().unwrap());
    let refusal = pull(&reference, &Lock::default(), &access)
        .await
        .unwrap_err()
        .to_string();
    assert!(refusal.contains("it took longer than 300ms"), "{refusal}");
}

#[tokio::test]
async fn credentials_do_not_travel_in_the_open() {
    let registry = Registry::start();
    let access = registry.access_with_password(PASSWORD);
    let refusal = pull("registry.example/specimen:0.1.0", &Lock::default(), &access)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refusal.contains("plain HTTP to another machine"),
        "{refusal}"
    );
}

#[tokio::test]
async fn cosign_signatures_are_read_and_held_against_keys() {
    let registry = Registry::start();
    let access = registry.access();
    let pushed = push("specimen@0.1.0", &whole(), None, &access)
        .await
        .unwrap();
    let digest = &pushed.manifest_digest;
    let read = async || {
        read_cosign(&pushed.reference, digest, &access)
            .await
            .unwrap()
    };
    assert_eq!(
        check_cosign(digest, &read().await, &[]),
        Signature::NotSigned
    );

    let random = SystemRandom::new();
    let (p256, p256_key) = p256_pair("ours", &random);
    let payload = payload(digest);
    let signature = p256.sign(&random, payload.as_bytes()).unwrap();
    push_signature(&registry, digest, &payload, signature.as_ref()).await;
    let found = read().await;
    let (_, stranger) = p256_pair("stranger", &random);
    assert_eq!(
        check_cosign(digest, &found, &[stranger.clone(), p256_key.clone()]),
        Signature::Verified {
            key: "ours".to_owned()
        }
    );
    assert_failed(&check_cosign(digest, &found, &[stranger]), "no cosign key");
    let other = format!("sha256:{}", "0".repeat(64));
    assert_failed(
        &check_cosign(&other, &found, std::slice::from_ref(&p256_key)),
        "signed the manifest",
    );
    let mut altered = found.clone();
    altered[0].payload.push(b' ');
    assert_failed(
        &check_cosign(digest, &altered, std::slice::from_ref(&p256_key)),
        "no cosign key",
    );
    altered[0].signature = "not base64!".to_owned();
    assert_failed(&check_cosign(digest, &altered, &[p256_key]), "not base64");
    let nonsense = CosignKey {
        name: "nonsense".to_owned(),
        pem: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n".to_owned(),
    };
    assert_failed(&check_cosign(digest, &found, &[nonsense]), "neither ECDSA");
}

#[tokio::test]
async fn an_ed25519_key_of_cosign_counts_too() {
    let registry = Registry::start();
    let access = registry.access();
    let pushed = push("specimen@0.1.0", &whole(), None, &access)
        .await
        .unwrap();
    let digest = &pushed.manifest_digest;
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let payload = payload(digest);
    let signature = pair.sign(payload.as_bytes());
    push_signature(&registry, digest, &payload, signature.as_ref()).await;
    let prefix = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    let key = CosignKey {
        name: "edward".to_owned(),
        pem: pem(&prefix, pair.public_key().as_ref()),
    };
    let found = read_cosign(&pushed.reference, digest, &access)
        .await
        .unwrap();
    assert_eq!(
        check_cosign(digest, &found, &[key]),
        Signature::Verified {
            key: "edward".to_owned()
        }
    );
}

#[track_caller]
fn assert_failed(signature: &Signature, expected: &str) {
    match signature {
        Signature::Failed { reason } => assert!(reason.contains(expected), "{reason}"),
        other => panic!("{other:?}"),
    }
}

fn p256_pair(name: &str, random: &SystemRandom) -> (EcdsaKeyPair, CosignKey) {
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, random).expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), random).expect("a key");
    let prefix = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
        0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    let key = CosignKey {
        name: name.to_owned(),
        pem: pem(&prefix, pair.public_key().as_ref()),
    };
    (pair, key)
}

/// As `cosign generate-key-pair` writes it.
fn pem(prefix: &[u8], key: &[u8]) -> String {
    let base64 = BASE64_STANDARD.encode([prefix, key].concat());
    let (first, rest) = base64.split_at(base64.len().min(64));
    format!("-----BEGIN PUBLIC KEY-----\n{first}\n{rest}\n-----END PUBLIC KEY-----\n")
}

fn payload(digest: &str) -> String {
    format!(
        r#"{{"critical":{{"identity":{{"docker-reference":"specimen"}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"cosign container image signature"}},"optional":null}}"#
    )
}

/// Pushes what `cosign sign --key` pushes: a payload under the tag of the manifest's digest.
async fn push_signature(registry: &Registry, digest: &str, payload: &str, signature: &[u8]) {
    let tag = format!("specimen:{}.sig", digest.replace(':', "-"));
    let annotation = (
        "dev.cosignproject.cosign/signature".to_owned(),
        BASE64_STANDARD.encode(signature),
    );
    let media_type = "application/vnd.dev.cosign.simplesigning.v1+json";
    push_image(
        registry,
        &tag,
        payload.as_bytes(),
        media_type,
        Some(annotation),
    )
    .await;
}

/// Pushes what another tool might: one layer of any kind.
async fn push_image(
    registry: &Registry,
    name: &str,
    layer: &[u8],
    media_type: &str,
    annotation: Option<(String, String)>,
) {
    install_tls();
    let client = Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        ..ClientConfig::default()
    });
    let layer = ImageLayer::new(
        layer.to_vec(),
        media_type.to_owned(),
        annotation.map(|annotation| [annotation].into()),
    );
    let config = Config::oci_v1(&b"{}"[..], None);
    let mut manifest = OciImageManifest::build(std::slice::from_ref(&layer), &config, None);
    manifest.media_type = Some("application/vnd.oci.image.manifest.v1+json".to_owned());
    let reference: Reference = registry.place(name).parse().expect("a reference");
    client
        .push(
            &reference,
            &[layer],
            config,
            &RegistryAuth::Anonymous,
            Some(manifest),
        )
        .await
        .expect("an artifact");
}
