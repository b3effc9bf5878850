//! A package into a registry.

use std::collections::BTreeMap;

use oci_client::{
    RegistryOperation,
    annotations::{
        ORG_OPENCONTAINERS_IMAGE_DESCRIPTION, ORG_OPENCONTAINERS_IMAGE_LICENSES,
        ORG_OPENCONTAINERS_IMAGE_SOURCE, ORG_OPENCONTAINERS_IMAGE_TITLE,
        ORG_OPENCONTAINERS_IMAGE_VERSION,
    },
    client::{Config, ImageLayer},
    manifest::{OCI_IMAGE_MEDIA_TYPE, OciImageManifest},
};
use phagen_domain::{digest::Digest, plugin::Manifest};
use serde::Serialize;

use super::{
    Access, CONFIG_MEDIA_TYPE, LAYER_MEDIA_TYPE, MINISIG_ANNOTATION,
    access::{Session, within},
    reference, sha256,
};
use crate::{Package, PackageError, signature::MAX_MINISIG_BYTES};

/// What was pushed, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Whole, with its tag.
    pub reference: String,
    /// `sha256:…` of the OCI manifest; the same package and signature give the same.
    pub manifest_digest: String,
    /// Of the component.
    pub digest: Digest,
    pub size_bytes: u64,
}

/// Pushes a component with its manifest embedded, and its signature. A reference without a tag gets
/// the version of the plugin.
pub async fn push(
    reference: &str,
    component: &[u8],
    minisig: Option<&str>,
    access: &Access,
) -> Result<Pushed, PackageError> {
    within(
        access,
        "push",
        reference,
        push_now(reference, component, minisig, access),
    )
    .await
}

async fn push_now(
    reference: &str,
    component: &[u8],
    minisig: Option<&str>,
    access: &Access,
) -> Result<Pushed, PackageError> {
    let package = Package::read(component)?;
    let refused = |message: String| PackageError::Registry {
        action: "push",
        reference: reference.to_owned(),
        message,
    };
    let manifest = package.manifest.as_ref().ok_or_else(|| {
        refused("the component has no manifest; build it with `phagen plugin build`".to_owned())
    })?;
    if let Some(minisig) = minisig
        && minisig.len() > MAX_MINISIG_BYTES
    {
        return Err(PackageError::TooLarge {
            what: "signature file",
            size: minisig.len(),
            limit: MAX_MINISIG_BYTES,
        });
    }
    let place = reference::parse(reference, access.base.as_deref())?;
    if let Some((name, version)) = &place.wanted {
        check_wanted(manifest, name.as_str(), version).map_err(refused)?;
    }
    let target = if place.is_exact {
        place.reference
    } else {
        let version = semver::Version::parse(&manifest.plugin.version)
            .map_err(|error| refused(error.to_string()))?;
        reference::with_tag(&place.reference, reference::tag(&version))
    };
    if target.digest().is_some() {
        return Err(refused(
            "a digest is what pushing yields; push to a tag".to_owned(),
        ));
    }
    let image = Image::of(component, &package, manifest, minisig)
        .map_err(|error| refused(error.to_string()))?;
    let session = Session::open(access, target, "push", RegistryOperation::Push).await?;
    image.send(&session).await?;
    Ok(Pushed {
        reference: session.reference.whole(),
        manifest_digest: sha256(&image.manifest),
        digest: package.digest,
        size_bytes: package.size_bytes,
    })
}

/// Whether the package is what `name@version` asks for.
pub(super) fn check_wanted(
    manifest: &Manifest,
    name: &str,
    version: &semver::Version,
) -> Result<(), String> {
    let facts = &manifest.plugin;
    if facts.name.as_str() == name && facts.version == version.to_string() {
        return Ok(());
    }
    Err(format!(
        "the component is `{}` {}, not `{name}` {version}",
        facts.name, facts.version
    ))
}

/// The three parts of an artifact, ready to be sent.
struct Image {
    component: bytes::Bytes,
    config: Vec<u8>,
    manifest: Vec<u8>,
}

/// What wasm tools expect to read of a component without fetching it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WasmConfig<'p> {
    created: &'static str,
    architecture: &'static str,
    os: &'static str,
    layer_digests: [String; 1],
    component: WasmInterface<'p>,
}

#[derive(Serialize)]
struct WasmInterface<'p> {
    exports: &'p [String],
    imports: &'p [String],
}

impl Image {
    fn of(
        component: &[u8],
        package: &Package,
        manifest: &Manifest,
        minisig: Option<&str>,
    ) -> Result<Self, serde_json::Error> {
        let component = bytes::Bytes::copy_from_slice(component);
        let config = serde_json::to_vec(&WasmConfig {
            // No clock: the same package must give the same digests whenever it is pushed.
            created: "1970-01-01T00:00:00Z",
            architecture: "wasm",
            os: "wasip2",
            layer_digests: [sha256(&component)],
            component: WasmInterface {
                exports: &package.exports,
                imports: &package.imports,
            },
        })?;
        let title = format!("{}.wasm", manifest.plugin.name);
        let layer = ImageLayer::new(
            component.clone(),
            LAYER_MEDIA_TYPE.to_owned(),
            Some([(ORG_OPENCONTAINERS_IMAGE_TITLE.to_owned(), title)].into()),
        );
        let described = Config::new(config.clone(), CONFIG_MEDIA_TYPE.to_owned(), None);
        let annotations = annotations(manifest, minisig);
        let mut image = OciImageManifest::build(&[layer], &described, Some(annotations));
        image.media_type = Some(OCI_IMAGE_MEDIA_TYPE.to_owned());
        image.artifact_type = Some(CONFIG_MEDIA_TYPE.to_owned());
        Ok(Self {
            component,
            config,
            manifest: serde_json::to_vec(&image)?,
        })
    }

    /// The manifest goes last: who finds it finds all that it names.
    async fn send(&self, session: &Session) -> Result<(), PackageError> {
        for blob in [
            self.component.clone(),
            bytes::Bytes::copy_from_slice(&self.config),
        ] {
            let digest = sha256(&blob);
            session
                .client
                .push_blob(&session.reference, blob, &digest)
                .await
                .map_err(|error| session.failed(&error))?;
        }
        let content_type = reqwest::header::HeaderValue::from_static(OCI_IMAGE_MEDIA_TYPE);
        session
            .client
            .push_manifest_raw(&session.reference, self.manifest.clone(), content_type)
            .await
            .map_err(|error| session.failed(&error))?;
        Ok(())
    }
}

fn annotations(manifest: &Manifest, minisig: Option<&str>) -> BTreeMap<String, String> {
    let facts = &manifest.plugin;
    let texts = [
        (
            ORG_OPENCONTAINERS_IMAGE_VERSION,
            Some(facts.version.as_str()),
        ),
        (
            ORG_OPENCONTAINERS_IMAGE_DESCRIPTION,
            facts.description.as_deref(),
        ),
        (ORG_OPENCONTAINERS_IMAGE_LICENSES, facts.license.as_deref()),
        (ORG_OPENCONTAINERS_IMAGE_SOURCE, facts.repository.as_deref()),
        (MINISIG_ANNOTATION, minisig),
    ];
    texts
        .into_iter()
        .filter_map(|(key, text)| Some((key.to_owned(), text?.to_owned())))
        .collect()
}
