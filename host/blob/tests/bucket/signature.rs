//! A server that checks signatures and speaks TLS, as Amazon's does and the one of the other stories
//! does not.

use std::sync::Arc;

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use phagen_blob::{BlobError, Bucket};
use phagen_domain::digest::Digest;
use s3s::{
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

use crate::place::{ACCESS_KEY, Machine, ROOMY, SECRET, bucket_at, settings_at};

const BUCKET: &str = "guarded";

/// Ended when dropped.
struct Guarded {
    endpoint: String,
    /// DER.
    certificate: Vec<u8>,
    _server: JoinSet<()>,
    _dir: TempDir,
}

impl Guarded {
    async fn start() -> Self {
        Self::start_with("http", "127.0.0.1").await
    }

    /// With one bucket, for the holder of one key.
    async fn start_with(scheme: &str, host: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(dir.path().join(BUCKET)).expect("a bucket");
        let files = FileSystem::new(dir.path()).expect("a folder of buckets");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let endpoint = format!("{scheme}://{host}:{port}");
        let (certificate, acceptor) = tls();
        let is_encrypted = scheme == "https";
        let serve = async move {
            let mut connections = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.expect("a connection");
                let (service, acceptor) = (service.clone(), acceptor.clone());
                connections.spawn(async move {
                    if !is_encrypted {
                        return answer(service, socket).await;
                    }
                    // A client that does not trust us hangs up.
                    if let Ok(socket) = acceptor.accept(socket).await {
                        answer(service, socket).await;
                    }
                });
            }
        };
        Self {
            endpoint,
            certificate,
            _server: JoinSet::from_iter([serve]),
            _dir: dir,
        }
    }

    fn machine_with(&self, secret_key: &str) -> Machine {
        Machine::of(bucket_at(&self.endpoint, BUCKET, secret_key), ROOMY)
    }
}

async fn answer(service: S3Service, socket: impl AsyncRead + AsyncWrite + Unpin + 'static) {
    let builder = Builder::new(TokioExecutor::new());
    // Clients hang up as they like.
    let _ = builder
        .serve_connection(TokioIo::new(socket), service)
        .await;
}

/// For `localhost`, of nobody that anyone knows.
fn tls() -> (Vec<u8>, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
    let made = made.expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a certificate with its key");
    (made.cert.der().to_vec(), Arc::new(config).into())
}

#[tokio::test]
async fn a_server_of_an_own_authority_is_trusted_once_it_is_named() {
    let guarded = Guarded::start_with("https", "localhost").await;
    let error = guarded.machine_with(SECRET).blobs.open().await.unwrap_err();
    assert!(matches!(error, BlobError::Unavailable { .. }), "{error:?}");
    assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
    let mut settings = settings_at(&guarded.endpoint, BUCKET, SECRET);
    settings.extra_roots = vec![guarded.certificate.clone()];
    let machine = Machine::of(Bucket::new(settings).unwrap(), ROOMY);
    machine.blobs.open().await.unwrap();
    let digest = machine.blobs.put(&b"a component"[..]).await.unwrap();
    assert_eq!(digest, Digest::of(b"a component"));
}

#[tokio::test]
async fn what_is_signed_with_the_right_key_is_taken() {
    let guarded = Guarded::start().await;
    let (one, other) = (guarded.machine_with(SECRET), guarded.machine_with(SECRET));
    one.blobs.open().await.unwrap();
    let digest = one.blobs.put(&b"a component"[..]).await.unwrap();
    assert_eq!(other.blobs.put(&b"a component"[..]).await.unwrap(), digest);
    let third = guarded.machine_with(SECRET);
    let bytes = third.blobs.get(&digest).await.unwrap().unwrap();
    assert_eq!(bytes, b"a component");
    let absent = third.blobs.get(&Digest::of(b"x")).await.unwrap();
    assert_eq!(absent, None);
    third.blobs.ping().await.unwrap().unwrap();
}

#[tokio::test]
async fn a_wrong_key_is_refused_for_good_and_not_told() {
    let guarded = Guarded::start().await;
    let machine = guarded.machine_with("wr0ng");
    for error in [
        machine.blobs.open().await.unwrap_err(),
        machine.blobs.put(&b"a component"[..]).await.unwrap_err(),
        machine.blobs.get(&Digest::of(b"x")).await.unwrap_err(),
    ] {
        assert!(matches!(error, BlobError::Refused { .. }), "{error:?}");
        assert!(!error.is_retriable());
        assert!(error.to_string().contains("access key"), "{error}");
        assert!(!format!("{error:?}").contains("wr0ng"), "{error:?}");
    }
}
