//! The settings of the pooler and of Redis, given to the programs that they are for: a real pgBouncer
//! lends connections of a real Postgres, a real Redis asks for the password that the script made.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use phagen_store_postgres::PostgresStore;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    repository::{Copy, read, told, tool},
    secrets,
};

/// Longer than a server takes to listen, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(10);

/// A port is free when it is asked for, and another may take it before the server does.
const PORTS_TRIED: usize = 5;

/// A server on loopback, gone when dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Runs one of the programs that `cargo xtask test` runs the servers of other tests with, on a
    /// port that nothing else has. `configure` writes its settings for a port, and says where.
    fn start(name: &str, folder: &Path, configure: impl Fn(u16) -> PathBuf) -> Self {
        for _ in 0..PORTS_TRIED {
            let port = free_port();
            if let Some(server) = Self::start_on(name, folder, &configure(port), port) {
                return server;
            }
        }
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        panic!("{name} ended on each of {PORTS_TRIED} ports: {log}")
    }

    /// None where it ended before it listened.
    fn start_on(name: &str, folder: &Path, settings: &Path, port: u16) -> Option<Self> {
        let program = PathBuf::from(tool("PHAGEN_TEST_PROGRAMS")).join(name);
        let log = fs::File::create(folder.join("log")).expect("a log");
        let child = Command::new(program)
            .arg(settings)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let mut server = Self { child, port };
        let begun = Instant::now();
        loop {
            let listens = TcpStream::connect(server.address()).is_ok();
            // Asked after the connection: it may be another's that answers.
            let ended = server.child.try_wait().expect("the child can be asked");
            if ended.is_some() {
                return None;
            }
            if listens {
                return Some(server);
            }
            let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(
                begun.elapsed() < PATIENCE,
                "{name} does not listen: {}",
                log()
            );
            thread::sleep(POLL);
        }
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// For the user that the servers run as, whoever that is.
fn open_folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mode = fs::Permissions::from_mode(0o777);
    fs::set_permissions(folder.path(), mode).expect("a folder for all");
    folder
}

/// What the script makes for compose.
fn made() -> Copy {
    let copy = Copy::new();
    let output = secrets::script(&copy, &["compose"]);
    assert!(output.status.success(), "{}", told(&output));
    copy
}

/// `text` with each of `changes` made exactly once.
fn changed(text: &str, changes: &[(&str, String)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {text}");
        text.replace(from, to)
    })
}

#[tokio::test]
async fn the_pooler_takes_its_settings_and_lends_connections() {
    let server = tool("PHAGEN_TEST_POSTGRES");
    let server = server.to_str().expect("an address");
    // A role of its own: other tests may have one called `phagen`.
    let role = format!("phagen_{}", Uuid::new_v4().simple());
    let mut all = PgConnection::connect(&format!("{server}/postgres"))
        .await
        .expect("the server answers");
    for made in [
        format!("create role {role} login"),
        format!("create database {role} owner {role}"),
    ] {
        all.execute(AssertSqlSafe(made)).await.expect("it is made");
    }
    let (_, place) = server.rsplit_once('@').expect("a user at a host");
    // By its number: the unpacked pooler need not know the names that this machine gives itself.
    let (_, port_of_server) = place.split_once(':').expect("a host and a port");
    PostgresStore::migrate(&format!("postgres://{role}@{place}/{role}"))
        .await
        .expect("a schema");

    let (folder, made) = (open_folder(), made());
    let at = |name: &str| folder.path().join(name).display().to_string();
    let userlist = made.read("k8s/secret/userlist.txt");
    let password = userlist.split('"').nth(3).expect("a password");
    let upstream = changed(
        &read("k8s/compose/upstream.ini"),
        &[(
            "phagen = host=postgres port=5432 dbname=phagen",
            format!("phagen = host=127.0.0.1 port={port_of_server} dbname={role}"),
        )],
    );
    for (name, text) in [
        ("upstream.ini", upstream),
        (
            "userlist.txt",
            changed(&userlist, &[("\"phagen\"", format!("\"{role}\""))]),
        ),
    ] {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    let pooler = Server::start("pgbouncer", folder.path(), |port| {
        let settings = changed(
            &read("k8s/components/pgbouncer/pgbouncer.ini"),
            &[
                ("listen_addr = *", "listen_addr = 127.0.0.1".to_owned()),
                ("listen_port = 6432", format!("listen_port = {port}")),
                ("/etc/pgbouncer/secret/userlist.txt", at("userlist.txt")),
                ("/etc/pgbouncer/upstream/upstream.ini", at("upstream.ini")),
            ],
        );
        let ini = folder.path().join("pgbouncer.ini");
        fs::write(&ini, settings).expect("a file");
        ini
    });
    let url = |password: &str| format!("postgres://{role}:{password}@{}/phagen", pooler.address());
    // Refuses a pooler that mixes up prepared statements.
    let store = PostgresStore::open(&url(password), 8).await;
    let log = || fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    let store = store.unwrap_or_else(|error| panic!("{error}: {}", log()));
    store.close().await;
    assert!(PgConnection::connect(&url("another")).await.is_err());
    drop(pooler);
    for gone in [
        format!("drop database {role} with (force)"),
        format!("drop role {role}"),
    ] {
        all.execute(AssertSqlSafe(gone)).await.expect("it goes");
    }
}

/// What Redis answers to one line.
fn asked(stream: &mut BufReader<TcpStream>, line: &str) -> String {
    writeln!(stream.get_mut(), "{line}\r").expect("it is asked");
    let mut answer = String::new();
    stream.read_line(&mut answer).expect("it answers");
    answer.trim().to_owned()
}

#[test]
fn redis_takes_its_settings_and_asks_for_the_password() {
    let (folder, made) = (open_folder(), made());
    let users = folder.path().join("users.acl");
    let acl = made.read("k8s/secret/users.acl");
    fs::write(&users, &acl).expect("a file");
    let settings = changed(
        &read("k8s/components/redis/redis.conf"),
        &[
            ("/etc/redis/secret/users.acl", users.display().to_string()),
            ("dir /data", format!("dir {}", folder.path().display())),
        ],
    );
    let redis = Server::start("redis-server", folder.path(), |port| {
        let file = folder.path().join("redis.conf");
        fs::write(&file, format!("{settings}bind 127.0.0.1\nport {port}\n")).expect("a file");
        file
    });
    let stream = TcpStream::connect(redis.address()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    let mut stream = BufReader::new(stream);
    assert!(asked(&mut stream, "PING").contains("NOAUTH"));
    assert!(asked(&mut stream, "AUTH another").contains("WRONGPASS"));
    let password = acl
        .split('>')
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let password = password.expect("a password");
    assert_eq!(asked(&mut stream, &format!("AUTH {password}")), "+OK");
    assert_eq!(asked(&mut stream, "PING"), "+PONG");
    // An array of two texts: the name, then the value.
    let told = asked(&mut stream, "CONFIG GET maxmemory-policy");
    assert_eq!(told, "*2");
    let mut lines = String::new();
    for _ in 0..4 {
        stream.read_line(&mut lines).expect("the rest");
    }
    assert!(lines.contains("allkeys-lfu"), "{lines}");
}
