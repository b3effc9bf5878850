//! Signatures of cosign, read: those by a key pair, under the tag `sha256-<digest>.sig`.
//!
//! Keyless signatures, whose certificate comes from a log service on the network, are not read: a
//! host must be able to verify without asking anybody. Nothing is signed here.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use oci_client::{RegistryOperation, manifest::OCI_IMAGE_MEDIA_TYPE};
use phagen_domain::plugin::Signature;
use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey, VerificationAlgorithm};
use serde::Deserialize;

use super::{
    Access,
    access::{Session, is_missing, within},
    pull::{fetch_blob, parse_manifest},
    reference,
};
use crate::PackageError;

const PAYLOAD_MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";
/// Signatures of one manifest that are read.
const MAX_SIGNATURES: usize = 32;
/// Bytes of what one of them signs: a few hundred in truth.
const MAX_PAYLOAD_BYTES: u64 = 64 << 10;

/// A signature as it lies in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignSignature {
    /// The signed bytes: JSON that names the manifest.
    pub payload: Vec<u8>,
    /// Base64.
    pub signature: String,
}

/// A public key as `cosign generate-key-pair` writes it (`cosign.pub`): ECDSA P-256, or Ed25519.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignKey {
    /// Who holds it, for people.
    pub name: String,
    pub pem: String,
}

/// Reads the signatures of a manifest that was pulled by `reference`; none is an empty list.
pub async fn read_cosign(
    reference: &str,
    manifest_digest: &str,
    access: &Access,
) -> Result<Vec<CosignSignature>, PackageError> {
    let work = read_now(reference, manifest_digest, access);
    within(access, "read the signatures of", reference, work).await
}

async fn read_now(
    reference: &str,
    manifest_digest: &str,
    access: &Access,
) -> Result<Vec<CosignSignature>, PackageError> {
    let place = reference::parse(reference, access.base.as_deref())?;
    let tag = format!("{}.sig", manifest_digest.replace(':', "-"));
    let target = reference::with_tag(&place.reference, tag);
    let action = "read the signatures of";
    let session = Session::open(access, target, action, RegistryOperation::Pull).await?;
    let asked = session
        .client
        .pull_manifest_raw(&session.reference, &session.auth, &[OCI_IMAGE_MEDIA_TYPE])
        .await;
    let body = match asked {
        Ok((body, _)) => body,
        Err(error) if is_missing(&error) => return Ok(Vec::new()),
        Err(error) => return Err(session.failed(&error)),
    };
    let manifest = parse_manifest(&body).map_err(|why| session.refused(why))?;
    let mut signatures = Vec::new();
    for layer in manifest.layers.iter().take(MAX_SIGNATURES) {
        let signature = layer
            .annotations
            .as_ref()
            .and_then(|annotations| annotations.get(SIGNATURE_ANNOTATION));
        let (PAYLOAD_MEDIA_TYPE, Some(signature)) = (layer.media_type.as_str(), signature) else {
            continue;
        };
        signatures.push(CosignSignature {
            payload: fetch_blob(&session, layer, MAX_PAYLOAD_BYTES).await?,
            signature: signature.clone(),
        });
    }
    Ok(signatures)
}

/// Holds signatures against the manifest and the keys that count. One good signature is enough.
pub fn check_cosign(
    manifest_digest: &str,
    signatures: &[CosignSignature],
    keys: &[CosignKey],
) -> Signature {
    let mut reasons = Vec::new();
    for signature in signatures {
        match verify(manifest_digest, signature, keys) {
            Ok(key) => return Signature::Verified { key },
            Err(reason) => reasons.push(reason),
        }
    }
    if reasons.is_empty() {
        return Signature::NotSigned;
    }
    reasons.dedup();
    Signature::Failed {
        reason: reasons.join("; "),
    }
}

/// The part of "simple signing" that binds a payload to a manifest.
#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    manifest_digest: String,
}

fn verify(
    manifest_digest: &str,
    signature: &CosignSignature,
    keys: &[CosignKey],
) -> Result<String, String> {
    let raw = BASE64_STANDARD
        .decode(signature.signature.trim())
        .map_err(|_| "the cosign signature is not base64".to_owned())?;
    let mut maker = None;
    for key in keys {
        let (algorithm, public) = public_key(&key.pem)
            .map_err(|why| format!("cosign key `{}` cannot be read: {why}", key.name))?;
        let public = UnparsedPublicKey::new(algorithm, public);
        if public.verify(&signature.payload, &raw).is_ok() {
            maker = Some(&key.name);
            break;
        }
    }
    let maker = maker.ok_or("no cosign key of this host made the signature")?;
    let payload: Payload = serde_json::from_slice(&signature.payload)
        .map_err(|error| format!("what key `{maker}` signed is no cosign payload: {error}"))?;
    if payload.critical.kind != "cosign container image signature" {
        return Err(format!(
            "what key `{maker}` signed is a `{}`",
            payload.critical.kind
        ));
    }
    let signed = payload.critical.image.manifest_digest;
    if signed != manifest_digest {
        return Err(format!(
            "key `{maker}` signed the manifest `{signed}`, not `{manifest_digest}`"
        ));
    }
    Ok(maker.clone())
}

/// What stands before the key itself in the two kinds of `SubjectPublicKeyInfo` that we take; both
/// have one encoding in DER.
const P256_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const ED25519_PREFIX: &[u8] = &[
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

fn public_key(pem: &str) -> Result<(&'static dyn VerificationAlgorithm, Vec<u8>), String> {
    let body = pem
        .trim()
        .strip_prefix("-----BEGIN PUBLIC KEY-----")
        .and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"))
        .ok_or("it is not a PEM text `PUBLIC KEY`")?;
    let base64: String = body.split_whitespace().collect();
    let der = BASE64_STANDARD
        .decode(base64)
        .map_err(|_| "it is not base64")?;
    if let Some(point) = der.strip_prefix(P256_PREFIX)
        && point.len() == 65
    {
        return Ok((&ECDSA_P256_SHA256_ASN1, point.to_vec()));
    }
    if let Some(key) = der.strip_prefix(ED25519_PREFIX)
        && key.len() == 32
    {
        return Ok((&ED25519, key.to_vec()));
    }
    Err("it is neither ECDSA P-256 nor Ed25519".to_owned())
}
