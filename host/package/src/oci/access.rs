//! How a registry is reached, and what may come of it.

use std::{error::Error, fmt, future::Future, time::Duration};

use oci_client::{
    Client, Reference, RegistryOperation,
    client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol},
    errors::{OciDistributionError, OciErrorCode},
    secrets::RegistryAuth,
};
use rustls::crypto::CryptoProvider;

use crate::PackageError;

/// Where and how to reach a registry.
#[derive(Debug, Clone)]
pub struct Access {
    /// Where `name@version` is looked up, such as `registry.example/plugins`.
    pub base: Option<String>,
    pub credentials: Credentials,
    /// No TLS. Credentials then go to loopback only.
    pub plain_http: bool,
    /// Certificates in PEM that count beside the system's, such as a registry's own.
    pub extra_roots: Vec<Vec<u8>>,
    /// Wall time of one push or pull as a whole.
    pub deadline: Duration,
    /// Size of a component that is still pulled.
    pub max_component_bytes: u64,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            base: None,
            credentials: Credentials::Anonymous,
            plain_http: false,
            extra_roots: Vec::new(),
            deadline: Duration::from_mins(2),
            max_component_bytes: 64 << 20,
        }
    }
}

/// Who we are to the registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    Anonymous,
    Basic { user: String, password: String },
    Token(String),
}

/// Not derived: neither password nor token may reach a log.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::Basic { user, .. } => write!(f, "Basic({user:?})"),
            Self::Token(_) => f.write_str("Token"),
        }
    }
}

/// Makes `ring` the process's crypto provider unless it has one. Every `reqwest` client of a build
/// with the feature `oci` needs a provider, even for plain HTTP, so a binary calls this first.
pub fn install_tls() {
    if CryptoProvider::get_default().is_none() {
        // Another thread may have been faster; then there is a provider all the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// One push or pull: a client, and what messages call its work.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) auth: RegistryAuth,
    pub(super) reference: Reference,
    action: &'static str,
}

impl Session {
    pub(super) async fn open(
        access: &Access,
        reference: Reference,
        action: &'static str,
        operation: RegistryOperation,
    ) -> Result<Self, PackageError> {
        let refused = |message: String| PackageError::Registry {
            action,
            reference: reference.whole(),
            message,
        };
        let is_open = access.plain_http && !is_loopback(reference.registry());
        if is_open && access.credentials != Credentials::Anonymous {
            return Err(refused(
                "credentials do not go over plain HTTP to another machine; use TLS".to_owned(),
            ));
        }
        install_tls();
        // `oci_client` panics where a client cannot be made, as on a machine without certificates.
        let probe = reqwest::Client::builder().build();
        probe.map_err(|error| refused(format!("no TLS: {}", chain(&error))))?;
        let client = Client::try_from(config(access)).map_err(|error| refused(chain(&error)))?;
        let auth = match &access.credentials {
            Credentials::Anonymous => RegistryAuth::Anonymous,
            Credentials::Basic { user, password } => {
                RegistryAuth::Basic(user.clone(), password.clone())
            }
            Credentials::Token(token) => RegistryAuth::Bearer(token.clone()),
        };
        let session = Self {
            client,
            auth,
            reference,
            action,
        };
        let asked = session
            .client
            .auth(&session.reference, &session.auth, operation)
            .await;
        asked.map_err(|error| session.failed(&error))?;
        Ok(session)
    }

    pub(super) fn refused(&self, message: impl Into<String>) -> PackageError {
        PackageError::Registry {
            action: self.action,
            reference: self.reference.whole(),
            message: message.into(),
        }
    }

    pub(super) fn failed(&self, error: &OciDistributionError) -> PackageError {
        let advice = if is_missing(error) {
            "; there is nothing of that name, or it is not yours to see"
        } else {
            match error {
                OciDistributionError::UnauthorizedError { .. }
                | OciDistributionError::AuthenticationFailure(_)
                | OciDistributionError::ServerError {
                    code: 401 | 403, ..
                } => "; give user and password, or a token, that may do this",
                OciDistributionError::RequestError(error) if error.is_connect() => {
                    "; is the registry running, and is it reached with TLS or without as it should be?"
                }
                _ => "",
            }
        };
        self.refused(format!("{}{advice}", chain(error)))
    }
}

/// Ends the work at the deadline: a registry that says nothing must hold nobody.
pub(super) async fn within<T>(
    access: &Access,
    action: &'static str,
    reference: &str,
    work: impl Future<Output = Result<T, PackageError>>,
) -> Result<T, PackageError> {
    match tokio::time::timeout(access.deadline, work).await {
        Ok(done) => done,
        Err(_) => Err(PackageError::Registry {
            action,
            reference: reference.to_owned(),
            message: format!("it took longer than {:?}", access.deadline),
        }),
    }
}

fn config(access: &Access) -> ClientConfig {
    ClientConfig {
        protocol: if access.plain_http {
            ClientProtocol::Http
        } else {
            ClientProtocol::Https
        },
        extra_root_certificates: access
            .extra_roots
            .iter()
            .map(|pem| Certificate {
                encoding: CertificateEncoding::Pem,
                data: pem.clone(),
            })
            .collect(),
        // A plugin is the same for every platform, so an index of platforms is none.
        platform_resolver: None,
        user_agent: "phagen",
        ..ClientConfig::default()
    }
}

/// `registry` is a host with an optional port.
fn is_loopback(registry: &str) -> bool {
    let host = match registry.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => registry,
    };
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Whether the registry says that it has no such thing.
pub(super) fn is_missing(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::ImageManifestNotFoundError(_)
        | OciDistributionError::ServerError { code: 404, .. } => true,
        OciDistributionError::RegistryError { envelope, .. } => {
            envelope.errors.iter().any(|error| {
                matches!(
                    error.code,
                    OciErrorCode::ManifestUnknown
                        | OciErrorCode::NameUnknown
                        | OciErrorCode::NotFound
                )
            })
        }
        _ => false,
    }
}

/// An error with its causes: the outer one alone often says only that a request failed.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_told_from_names_like_it() {
        for (registry, expected) in [
            ("127.0.0.1:5000", true),
            ("localhost:5000", true),
            ("localhost", true),
            ("[::1]:5000", true),
            ("127.0.0.1.example.org:5000", false),
            ("localhost.example.org", false),
            ("10.0.0.1:5000", false),
        ] {
            assert_eq!(is_loopback(registry), expected, "{registry}");
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        let basic = Credentials::Basic {
            user: "me".to_owned(),
            password: "hidden".to_owned(),
        };
        let shown = format!("{basic:?} {:?}", Credentials::Token("hidden".to_owned()));
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
