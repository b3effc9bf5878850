//! Push, pull, lock and cosign against a real registry.

mod access;
mod cosign;
mod round_trip;
mod server;

use oci_client::{
    Client, Reference,
    client::{ClientConfig, ClientProtocol, Config, ImageLayer},
    manifest::OciImageManifest,
    secrets::RegistryAuth,
};
use phagen_package::{embed, oci::install_tls};

use self::server::Registry;
use crate::specimen::{manifest, manifest_with, reranker};

fn whole() -> Vec<u8> {
    embed(&reranker(), &manifest("reranker"), None, None).expect("a package")
}

/// The same version of the plugin with something else in it.
fn changed() -> Vec<u8> {
    let manifest = manifest_with("reranker", "license = \"MIT\"\n");
    embed(&reranker(), &manifest, None, None).expect("a package")
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
