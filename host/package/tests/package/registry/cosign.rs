//! Signatures as cosign leaves them in a registry.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use phagen_domain::plugin::Signature;
use phagen_package::oci::{CosignKey, check_cosign, push, read_cosign};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};

use super::{push_image, server::Registry, whole};

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
