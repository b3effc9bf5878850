//! Real TLS on loopback, with a certificate authority of the test's own.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use phagen_plugin::read_roots;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};

use crate::{
    room::{Names, Room, place, search, told},
    server::{Server, ok},
};

/// A root certificate in PEM, and a server that shows one for `name` signed by it.
fn authority_and_server(name: &str) -> (String, ServerConfig) {
    let key = KeyPair::generate().expect("a key");
    let mut root = CertificateParams::new(Vec::new()).expect("parameters");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_certificate = root.self_signed(&key).expect("a root");
    let root_certificate = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        BASE64_STANDARD.encode(root_certificate.der())
    );
    let issuer = Issuer::new(root, key);
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec![name.to_owned()])
        .expect("parameters")
        .signed_by(&key, &issuer)
        .expect("a certificate");
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate with its key");
    (root_certificate, config)
}

async fn fetch(name: &str, roots: bool) -> Result<phagen_domain::evidence::Page, String> {
    let (root, config) = authority_and_server("api.test");
    let server = Server::start_tls(config, |_| ok("in private")).await;
    let names = Names::default()
        .with("api.test", &[&["127.0.0.1"]])
        .with("other.test", &[&["127.0.0.1"]]);
    let room = Room::with(|settings| {
        settings.egress.resolver = Arc::new(names);
        if roots {
            // As an operator names it.
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), &root).expect("the root is written");
            settings.egress.extra_roots = read_roots(file.path()).expect("a root");
        }
    });
    let origin = format!("https://{name}:{}", server.port());
    let url = format!("{origin}/");
    let slot = room.fetcher(&[place(&origin, "/")], &[("url", &url)]);
    search(&slot).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_server_that_shows_a_certificate_for_its_name_is_believed() {
    let page = fetch("api.test", true).await.expect("a page");
    assert_eq!(told(&page, "body"), Some("in private"));
}

#[tokio::test]
async fn a_certificate_for_another_name_or_of_nobodys_authority_is_refused() {
    for (name, roots) in [("other.test", true), ("api.test", false)] {
        let error = fetch(name, roots).await.expect_err("refused");
        assert!(error.contains("TlsCertificateError"), "{error}");
    }
}
