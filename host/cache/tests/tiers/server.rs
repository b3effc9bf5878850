//! Redis servers: the one that all tests share, and those that a test kills and starts again.

use std::{
    ffi::OsString,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use redis::{Client, Cmd, Connection, FromRedisValue};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Where all tests may keep something below a prefix of their own.
pub(crate) fn shared_url() -> String {
    variable("PHAGEN_TEST_REDIS")
        .into_string()
        .expect("an address")
}

/// What `cargo xtask test` passes on. A test never passes for want of its server.
fn variable(name: &str) -> OsString {
    std::env::var_os(name).unwrap_or_else(|| {
        panic!("`{name}` is not set: run the tests by `cargo xtask test`, or by `cargo xtask services cargo nextest run -p phagen-cache`")
    })
}

/// Killed when dropped.
pub(crate) struct RedisServer {
    child: Child,
    port: u16,
    arguments: Vec<String>,
    folder: TempDir,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        let port = free_port();
        Self::with(port, vec!["--port".to_owned(), port.to_string()])
    }

    /// With TLS alone, by the certificate and the key in these files.
    pub(crate) fn start_tls(certificate: &Path, key: &Path) -> Self {
        let port = free_port();
        let path = |path: &Path| path.display().to_string();
        let words = [
            ("--port", "0".to_owned()),
            ("--tls-port", port.to_string()),
            ("--tls-cert-file", path(certificate)),
            ("--tls-key-file", path(key)),
            ("--tls-ca-cert-file", path(certificate)),
            ("--tls-auth-clients", "no".to_owned()),
        ];
        let words = words
            .into_iter()
            .flat_map(|(name, value)| [name.to_owned(), value]);
        Self::with(port, words.collect())
    }

    fn with(port: u16, arguments: Vec<String>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            child: spawn(&arguments, folder.path()),
            port,
            arguments,
            folder,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// As by a power cut.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it ends");
    }

    /// At the same address, with nothing in it.
    pub(crate) fn start_again(&mut self) {
        self.child = spawn(&self.arguments, self.folder.path());
    }

    /// It takes connections and answers nothing, until [`RedisServer::go_on`].
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("it has an id");
        kill_process(pid, signal).expect("it is ours");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(arguments: &[String], folder: &Path) -> Child {
    Command::new(variable("PHAGEN_TEST_REDIS_SERVER"))
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a server")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Asks the server behind the cache's back.
pub(crate) fn raw<T: FromRedisValue>(url: &str, words: &[&str]) -> T {
    let mut command = Cmd::new();
    for word in words {
        command.arg(*word);
    }
    command.query(&mut connection(url)).expect("an answer")
}

fn connection(url: &str) -> Connection {
    let client = Client::open(url).expect("an address");
    client
        .get_connection_with_timeout(Duration::from_secs(5))
        .expect("a connection")
}
