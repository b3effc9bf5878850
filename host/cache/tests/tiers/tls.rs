//! Redis by TLS: a certificate that the named roots cover is believed, and no other.

use std::{fs, path::PathBuf, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use phagen_cache::{CacheSettings, RedisSettings, RedisTier};
use tempfile::TempDir;

use crate::{
    server::RedisServer,
    world::{get, over, prefix, until, was},
};

/// A certificate for `localhost` that signs itself, its key, and both as files.
struct Certificate {
    pem: String,
    file: PathBuf,
    key: PathBuf,
    _folder: TempDir,
}

impl Certificate {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
        let made = made.expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("a file");
            path
        };
        let certificate = pem("CERTIFICATE", made.cert.der());
        let key = pem("PRIVATE KEY", &made.signing_key.serialize_der());
        Self {
            file: file("certificate.pem", &certificate),
            key: file("key.pem", &key),
            pem: certificate,
            _folder: folder,
        }
    }
}

/// Bytes as a file of certificates and keys holds them: base64, in lines.
fn pem(what: &str, bytes: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(bytes);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    format!(
        "-----BEGIN {what}-----\n{}\n-----END {what}-----\n",
        lines.join("\n")
    )
}

fn tier(server: &RedisServer, prefix: &str, roots: &Certificate) -> Arc<RedisTier> {
    let settings = RedisSettings {
        url: format!("rediss://localhost:{}", server.port()),
        prefix: prefix.to_owned(),
        roots: Some(roots.pem.clone().into_bytes()),
        timeout: CacheSettings::TIER_TIMEOUT,
    };
    Arc::new(RedisTier::open(&settings).expect("an address"))
}

#[tokio::test]
async fn an_encrypted_redis_is_used_when_its_certificate_is_known() {
    // As `main` does: one provider for the whole process.
    let installed = rustls::crypto::ring::default_provider().install_default();
    assert!(installed.is_ok());
    let (known, other) = (Certificate::new(), Certificate::new());
    let server = RedisServer::start_tls(&known.file, &known.key);
    let prefix = prefix();
    let cache = over(tier(&server, &prefix, &known)).await;
    let is_answering = || cache.tier_health().unwrap().is_answering;
    until("a server", async || is_answering()).await;
    get(&cache, "a", "one").await;
    cache.close().await;
    let next = over(tier(&server, &prefix, &known)).await;
    assert_eq!(get(&next, "a", "").await, was("one", true));
    // The same server, by somebody who does not know its certificate.
    let doubting = over(tier(&server, &prefix, &other)).await;
    assert_eq!(get(&doubting, "a", "two").await, was("two", false));
    assert!(!doubting.tier_health().unwrap().is_answering);
}
