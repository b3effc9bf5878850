//! A Postgres of our own: a fresh cluster in a folder that goes with the run.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    Durability, package,
    process::{Account, Server, free_port},
};
use crate::shell::{run_quietly, say};

/// The superuser of the cluster, and who every test is.
pub(super) const USER: &str = "phagen";

/// The oldest that the store supports.
const OLDEST: u32 = 15;

/// Many tests at once, each with a pool, and two poolers.
const MAX_CONNECTIONS: u32 = 300;

pub(super) struct Postgres {
    _server: Server,
    port: u16,
    ca: PathBuf,
}

impl Postgres {
    pub(super) fn start(folder: &Path, account: Account, durability: Durability) -> Result<Self> {
        let programs = programs()?;
        let data = folder.join("postgres");
        account.folder(&data)?;
        // Sorted as people sort, so that a listing that relies on the order of bytes shows itself.
        let mut initdb = account.command(&programs.join("initdb"));
        initdb.args([
            "--auth=trust",
            "--encoding=UTF8",
            "--no-sync",
            "--username",
            USER,
        ]);
        initdb.args([
            "--locale=C.UTF-8",
            "--locale-provider=icu",
            "--icu-locale=en-US",
        ]);
        run_quietly(initdb.arg("--pgdata").arg(&data).current_dir(folder))?;
        let ca = certify(&data, account)?;
        let port = free_port()?;
        let mut command = account.command(&programs.join("postgres"));
        command.arg("-D").arg(&data).current_dir(folder);
        for setting in settings(port, durability) {
            command.args(["-c", &setting]);
        }
        let mut server = Server::spawn("Postgres", command, folder.join("postgres.log"))?;
        let probe = programs.join("pg_isready");
        server.wait_until(|| {
            Command::new(&probe)
                .args(["--host=127.0.0.1", "--username", USER, "--dbname=postgres"])
                .arg(format!("--port={port}"))
                .stdout(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        })?;
        Ok(Self {
            _server: server,
            port,
            ca,
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Without a database: each test makes its own.
    pub(super) fn url(&self) -> String {
        format!("postgres://{USER}@localhost:{}", self.port)
    }

    /// The authority that signed the server's certificate, for `localhost`.
    pub(super) fn ca(&self) -> &Path {
        &self.ca
    }
}

fn settings(port: u16, durability: Durability) -> Vec<String> {
    let mut settings = vec![
        format!("port={port}"),
        format!("max_connections={MAX_CONNECTIONS}"),
        "listen_addresses=localhost".to_owned(),
        "unix_socket_directories=".to_owned(),
        "ssl=on".to_owned(),
    ];
    if durability == Durability::Off {
        let off = [
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
        ];
        settings.extend(off.map(str::to_owned));
    }
    settings
}

/// A certificate that a client can check, so that the tests see encryption and not only its setting.
fn certify(data: &Path, account: Account) -> Result<PathBuf> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    let certificate = data.join("server.crt");
    fs::write(&certificate, pem("CERTIFICATE", made.cert.der()))?;
    let key = data.join("server.key");
    fs::write(&key, pem("PRIVATE KEY", &made.signing_key.serialize_der()))?;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
    account.own(&key)?;
    // The data folder is closed to others.
    let ca = data.with_file_name("ca.pem");
    fs::copy(&certificate, &ca)?;
    Ok(ca)
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

/// The folder of the server's programs, which Debian keeps off the path.
pub(super) fn programs() -> Result<PathBuf> {
    if let Some(found) = find_programs()? {
        return Ok(found);
    }
    say("installing `postgresql`, which the tests talk to");
    package::install("postgresql")?;
    find_programs()?.with_context(|| {
        format!(
            "the tests need Postgres {OLDEST} or newer\nhelp: install it (Debian and Ubuntu: `apt-get update && apt-get install postgresql`; Fedora: `dnf install postgresql-server`)"
        )
    })
}

/// The newest that is there.
fn find_programs() -> Result<Option<PathBuf>> {
    let mut folders: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        folders.push(String::from_utf8_lossy(&output.stdout).trim().into());
    }
    let newest = folders
        .into_iter()
        .filter_map(|folder| Some((major_version(&folder)?, folder)))
        .max();
    match newest {
        Some((major, folder)) if major < OLDEST => bail!(
            "`{}` holds Postgres {major}, and the tests need {OLDEST} or newer",
            folder.display()
        ),
        newest => Ok(newest.map(|(_, folder)| folder)),
    }
}

/// Of a folder that can make a cluster; `postgres (PostgreSQL) 15.18 (Debian …)`.
fn major_version(folder: &Path) -> Option<u32> {
    if !folder.join("initdb").is_file() {
        return None;
    }
    let output = Command::new(folder.join("postgres"))
        .arg("--version")
        .output();
    parse_major(&String::from_utf8(output.ok()?.stdout).ok()?)
}

fn parse_major(words: &str) -> Option<u32> {
    let version = words.split_whitespace().nth(2)?;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_tells_its_version() {
        for (words, major) in [
            (
                "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
                Some(15),
            ),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres", None),
        ] {
            assert_eq!(parse_major(words), major, "{words}");
        }
    }
}
