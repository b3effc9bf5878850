//! A package out of a registry, held against the lock before and after its bytes come.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use oci_client::{
    RegistryOperation,
    manifest::{OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest},
};
use phagen_domain::digest::Digest;
use tokio::io::AsyncWrite;

use super::{
    Access, LAYER_MEDIA_TYPE, Lock, Locked, MINISIG_ANNOTATION,
    access::{Session, within},
    push::check_wanted,
    reference, sha256,
};
use crate::{Package, PackageError};

/// What was pulled. Whether its signature suffices is not asked here.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// Whole, with its tag or digest: the lock's name for it.
    pub reference: String,
    /// The component.
    pub bytes: Vec<u8>,
    /// Of the component.
    pub digest: Digest,
    /// `sha256:…` of the OCI manifest.
    pub manifest_digest: String,
    /// Text of the signature file that travelled with it.
    pub minisig: Option<String>,
    pub package: Package,
}

impl Pulled {
    /// What the lock keeps of it.
    pub fn to_locked(&self) -> Locked {
        Locked {
            sha256: self.manifest_digest.clone(),
            blake3: self.digest,
        }
    }
}

/// Pulls a reference, or `name@version` below the base of `access`. A reference that the lock knows
/// must mean the same bytes as then; one that it does not know is the caller's to [`Lock::pin`].
pub async fn pull(reference: &str, lock: &Lock, access: &Access) -> Result<Pulled, PackageError> {
    within(access, "pull", reference, pull_now(reference, lock, access)).await
}

async fn pull_now(reference: &str, lock: &Lock, access: &Access) -> Result<Pulled, PackageError> {
    let place = reference::parse(reference, access.base.as_deref())?;
    if !place.is_exact {
        return Err(PackageError::Reference {
            reference: reference.to_owned(),
            message: "it has neither tag nor digest, and `latest` would change under you; write `…/name:1.2.3`".to_owned(),
        });
    }
    let session = Session::open(access, place.reference, "pull", RegistryOperation::Pull).await?;
    let name = session.reference.whole();
    let (manifest, manifest_digest) = fetch_manifest(&session).await?;
    lock.check_manifest(&name, &manifest_digest)?;
    let layer = only_layer(&session, &manifest, access.max_component_bytes)?;
    let bytes = fetch_blob(&session, layer, access.max_component_bytes).await?;
    let digest = Digest::of(&bytes);
    lock.check_component(&name, digest)?;
    let package = Package::read(&bytes)?;
    if let Some((wanted, version)) = &place.wanted {
        let held = package.manifest.as_ref();
        let held = held.ok_or_else(|| session.refused("the component has no manifest"))?;
        check_wanted(held, wanted.as_str(), version).map_err(|why| session.refused(why))?;
    }
    Ok(Pulled {
        reference: name,
        bytes,
        digest,
        manifest_digest,
        minisig: manifest
            .annotations
            .and_then(|mut annotations| annotations.remove(MINISIG_ANNOTATION)),
        package,
    })
}

/// The manifest and its digest, which is computed here and not taken from a header.
pub(super) async fn fetch_manifest(
    session: &Session,
) -> Result<(OciImageManifest, String), PackageError> {
    let (body, _) = session
        .client
        .pull_manifest_raw(&session.reference, &session.auth, &[OCI_IMAGE_MEDIA_TYPE])
        .await
        .map_err(|error| session.failed(&error))?;
    let manifest = parse_manifest(&body).map_err(|why| session.refused(why))?;
    let digest = sha256(&body);
    match session.reference.digest() {
        Some(asked) if asked.starts_with("sha256:") && asked != digest => {
            Err(session.refused(format!("the registry sent `{digest}` instead")))
        }
        _ => Ok((manifest, digest)),
    }
}

pub(super) fn parse_manifest(body: &[u8]) -> Result<OciImageManifest, String> {
    /// Manifests of ours have under 4 KiB.
    const MAX_BYTES: usize = 1 << 20;
    if body.len() > MAX_BYTES {
        return Err(format!(
            "its manifest has {} bytes, more than {MAX_BYTES}",
            body.len()
        ));
    }
    serde_json::from_slice(body).map_err(|error| format!("its manifest is none of OCI: {error}"))
}

fn only_layer<'m>(
    session: &Session,
    manifest: &'m OciImageManifest,
    limit: u64,
) -> Result<&'m OciDescriptor, PackageError> {
    let [layer] = &manifest.layers[..] else {
        let n_layers = manifest.layers.len();
        return Err(session.refused(format!("it has {n_layers} layers; a plugin has one")));
    };
    if layer.media_type != LAYER_MEDIA_TYPE {
        return Err(session.refused(format!(
            "its layer is `{}`, not `{LAYER_MEDIA_TYPE}`, so it is no plugin",
            layer.media_type
        )));
    }
    let is_small = u64::try_from(layer.size).is_ok_and(|size| size <= limit);
    if !is_small {
        return Err(session.refused(format!(
            "it has {} bytes, more than the {limit} that are allowed",
            layer.size
        )));
    }
    Ok(layer)
}

/// Its bytes, of which the digest is checked as they come.
pub(super) async fn fetch_blob(
    session: &Session,
    layer: &OciDescriptor,
    limit: u64,
) -> Result<Vec<u8>, PackageError> {
    let mut bytes = Bounded {
        bytes: Vec::new(),
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
    };
    // By its digest alone: a descriptor may name other places to fetch from, and we do not go there.
    session
        .client
        .pull_blob(&session.reference, layer.digest.as_str(), &mut bytes)
        .await
        .map_err(|error| session.failed(&error))?;
    if sha256(&bytes.bytes) != layer.digest {
        return Err(session.refused(format!(
            "the registry sent other bytes than `{}`",
            layer.digest
        )));
    }
    Ok(bytes.bytes)
}

/// Takes bytes up to a limit: what a registry says of a size need not be so.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        more: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.bytes.len() + more.len() > self.limit {
            return Poll::Ready(Err(io::Error::other(format!(
                "more than the {} bytes that are allowed came",
                self.limit
            ))));
        }
        self.bytes.extend_from_slice(more);
        Poll::Ready(Ok(more.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
