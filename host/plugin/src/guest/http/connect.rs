//! From a checked address to a connection that has shaken hands.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use phagen_domain::plugin::Origin;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName},
    },
};
use wasmtime_wasi_http::Error;

use super::failure;
use crate::PluginError;

/// A connection, with or without TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Public certificates of Mozilla's list, as compiled in, and `extra_roots` (DER).
pub(super) fn tls(extra_roots: &[Vec<u8>]) -> Result<Arc<ClientConfig>, PluginError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.into(),
    };
    for root in extra_roots {
        roots
            .add(CertificateDer::from_slice(root))
            .map_err(|e| PluginError::engine(format!("an extra root certificate is none: {e}")))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(PluginError::engine)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Connects to the first of `addresses` that answers, and to nothing else.
pub(super) async fn connect(
    origin: &Origin,
    addresses: &[IpAddr],
    tls: &Arc<ClientConfig>,
    patience: Duration,
) -> Result<Box<dyn Stream>, Error> {
    let stream = connect_tcp(addresses, origin.port(), patience)
        .await
        .map_err(|error| failure::of_connect(&error))?;
    if !origin.is_https() {
        return Ok(Box::new(stream));
    }
    let name = server_name(origin).ok_or(Error::HttpRequestUriInvalid)?;
    let stream = TlsConnector::from(Arc::clone(tls))
        .connect(name, stream)
        .await
        .map_err(|error| failure::of_tls(&error))?;
    Ok(Box::new(stream))
}

/// One after the other, each with its share of the time, so that a dead one does not use up all.
async fn connect_tcp(addresses: &[IpAddr], port: u16, patience: Duration) -> io::Result<TcpStream> {
    let n_addresses = u32::try_from(addresses.len()).unwrap_or(1).max(1);
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    for &address in addresses {
        match timeout(patience / n_addresses, TcpStream::connect((address, port))).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// The name that the certificate must be for.
fn server_name(origin: &Origin) -> Option<ServerName<'static>> {
    let host = origin.host();
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    ServerName::try_from(host.to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_for_a_name_or_an_address() {
        let name = |origin: &str| server_name(&origin.parse().unwrap()).map(|n| format!("{n:?}"));
        for origin in ["https://h.org:1", "https://127.0.0.1", "https://[::1]:8"] {
            assert!(name(origin).is_some(), "{origin}");
        }
        assert!(name("https://[::1]").unwrap().starts_with("IpAddress"));
    }

    #[test]
    fn a_root_that_is_no_certificate_is_refused() {
        let error = tls(&[b"not DER".to_vec()]).unwrap_err();
        assert!(
            error.to_string().contains("extra root certificate"),
            "{error}"
        );
        assert!(tls(&[]).is_ok());
    }
}
