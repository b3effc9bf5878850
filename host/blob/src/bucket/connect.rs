//! How a bucket is reached: one client with the certificates that this host counts, and no other
//! trust, proxy or detour.

use std::{sync::Arc, time::Duration};

use object_store::{
    ClientOptions,
    client::{HttpClient, HttpConnector},
};
use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};

use super::BucketSettings;
use crate::BlobError;

/// Longest wait for a connection. A server that is there takes one round trip.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Connector(reqwest::Client);

impl Connector {
    pub(super) fn new(settings: &BucketSettings) -> Result<Self, BlobError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("phagen/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls(&settings.extra_roots)?)
            .https_only(settings.address.is_encrypted())
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(settings.request_timeout)
            // A redirect would take the signed request to another server than the one named.
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| BlobError::Client(Box::new(error)))?;
        Ok(Self(client))
    }
}

/// Limits and trust are those of our own client, whatever the library would choose.
impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

/// Public certificates of Mozilla's list, as compiled in, and `extra_roots` (DER).
fn tls(extra_roots: &[Vec<u8>]) -> Result<ClientConfig, BlobError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.into(),
    };
    for root in extra_roots {
        roots
            .add(CertificateDer::from_slice(root))
            .map_err(|error| BlobError::Client(Box::new(error)))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| BlobError::Client(Box::new(error)))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
