//! A server that speaks Amazon's S3 on loopback, for the tests of the object store: moto, a Python
//! program, in an environment of its own in the target folder. It keeps everything in memory, and
//! takes any access key: what only a server that checks signatures can show, it does not.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use super::process::{Account, Server, free_port};
use crate::shell::{Workspace, run_quietly, say};

/// What is installed, at the versions that the tests were written for: moto's part that speaks S3,
/// and what its server needs.
const PACKAGES: [&str; 3] = ["moto[s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"];

const HELP: &str = "the tests need Python 3.10 or newer with `venv`, and once its package registry (Debian and Ubuntu: `apt install python3-venv`; Fedora: `dnf install python3`; macOS: `brew install python`)";

const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct S3 {
    _server: Server,
    port: u16,
}

impl S3 {
    pub(super) fn start(workspace: &Workspace, folder: &Path) -> Result<Self> {
        let python = installed(workspace)?;
        let port = free_port()?;
        let mut command = Account::ours().command(&python);
        command
            .args(["-m", "moto.server", "--host", "127.0.0.1"])
            .args(["--port", &port.to_string()])
            .current_dir(folder);
        let mut server = Server::spawn("moto", command, folder.join("s3.log"))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        server.wait_until(|| TcpStream::connect_timeout(&address, PROBE_TIMEOUT).is_ok())?;
        Ok(Self {
            _server: server,
            port,
        })
    }

    /// Without a bucket: each test makes its own.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// The Python that has moto, made once and kept in the target folder.
fn installed(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("services").join("moto");
    let python = folder.join("bin").join("python");
    // Written last: without it, or with other versions in it, the environment is made anew.
    let stamp = folder.join("packages");
    let packages = PACKAGES.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|has| has == packages) {
        return Ok(python);
    }
    require_python()?;
    say("installing moto, an S3 server, from Python's package registry (once)");
    run_quietly(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder),
    )
    .context(HELP)?;
    run_quietly(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet"])
            .arg("--disable-pip-version-check")
            .args(PACKAGES),
    )
    .context(HELP)?;
    fs::write(&stamp, packages).with_context(|| format!("cannot write `{}`", stamp.display()))?;
    Ok(python)
}

fn require_python() -> Result<()> {
    let answers = Command::new("python3")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !answers {
        bail!("`python3` does not run\nhelp: {HELP}");
    }
    Ok(())
}
