//! A real registry on loopback: Debian's `docker-registry`, one process a test, on a port and in a
//! folder of its own, ended by its id when the test ends.

use std::{
    fmt::Write as _,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use phagen_package::oci::{Access, Credentials};

/// How long the registry may take until it listens.
const START: Duration = Duration::from_secs(20);

pub(crate) const USER: &str = "publisher";
pub(crate) const PASSWORD: &str = "open sesame";
/// bcrypt of [`PASSWORD`].
const PASSWORD_HASH: &str = "$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW";

pub(crate) struct Registry {
    process: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
    roots: Vec<Vec<u8>>,
    is_tls: bool,
}

impl Registry {
    pub(crate) fn start() -> Self {
        Self::start_with("", Vec::new())
    }

    /// Asks for [`USER`] and [`PASSWORD`].
    pub(crate) fn start_with_password() -> Self {
        Self::start_with(
            "auth:\n  htpasswd:\n    realm: test\n    path: FOLDER/users\n",
            Vec::new(),
        )
    }

    /// Speaks TLS by a certificate that only its own root knows.
    pub(crate) fn start_with_tls() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
            .expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        let root = pem("CERTIFICATE", made.cert.der());
        fs::write(folder.path().join("cert.pem"), &root).expect("a file");
        fs::write(
            folder.path().join("key.pem"),
            pem("PRIVATE KEY", &made.signing_key.serialize_der()),
        )
        .expect("a file");
        Self::start_in(
            folder,
            "  tls:\n    certificate: FOLDER/cert.pem\n    key: FOLDER/key.pem\n",
            vec![root.into_bytes()],
        )
    }

    fn start_with(more: &str, roots: Vec<Vec<u8>>) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"), more, roots)
    }

    fn start_in(folder: tempfile::TempDir, more: &str, roots: Vec<Vec<u8>>) -> Self {
        let place = folder.path().display().to_string();
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .expect("a free port");
        fs::write(
            folder.path().join("users"),
            format!("{USER}:{PASSWORD_HASH}\n"),
        )
        .expect("a file");
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {place}/data\nhttp:\n  addr: {address}\n{}",
            more.replace("FOLDER", &place)
        );
        let config_path = folder.path().join("config.yml");
        fs::write(&config_path, config).expect("a file");
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config_path)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "this test needs a real registry and `docker-registry` does not start ({error}); install it: apt-get install docker-registry"
                )
            });
        let mut registry = Self {
            process,
            address,
            folder,
            is_tls: !roots.is_empty(),
            roots,
        };
        registry.wait();
        registry
    }

    fn wait(&mut self) {
        let started = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if let Ok(Some(status)) = self.process.try_wait() {
                panic!("`docker-registry` ended at once: {status}");
            }
            assert!(
                started.elapsed() < START,
                "`docker-registry` does not listen"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// `127.0.0.1:40123/plugins/<name>`, or by name where a certificate needs one.
    pub(crate) fn place(&self, name: &str) -> String {
        format!("{}/plugins/{name}", self.host())
    }

    fn host(&self) -> String {
        if self.is_tls {
            format!("localhost:{}", self.address.port())
        } else {
            self.address.to_string()
        }
    }

    pub(crate) fn access(&self) -> Access {
        Access {
            base: Some(format!("{}/plugins", self.host())),
            plain_http: !self.is_tls,
            extra_roots: self.roots.clone(),
            deadline: Duration::from_mins(1),
            ..Access::default()
        }
    }

    pub(crate) fn access_with_password(&self, password: &str) -> Access {
        Access {
            credentials: Credentials::Basic {
                user: USER.to_owned(),
                password: password.to_owned(),
            },
            ..self.access()
        }
    }

    /// Where the registry keeps these bytes.
    pub(crate) fn blob_path(&self, bytes: &[u8]) -> PathBuf {
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
        let mut hex = String::new();
        for byte in digest.as_ref() {
            write!(hex, "{byte:02x}").expect("a string");
        }
        self.folder
            .path()
            .join("data/docker/registry/v2/blobs/sha256")
            .join(&hex[..2])
            .join(hex)
            .join("data")
    }
}

fn pem(kind: &str, der: &[u8]) -> String {
    let base64 = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = base64
        .as_bytes()
        .chunks(64)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    let body = lines.join("\n");
    format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n")
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may be gone already, and then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
