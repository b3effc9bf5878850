//! A server that speaks Amazon's S3 on loopback, for the tests of the object store: moto, a Python
//! program, in an environment of its own in the target folder. It keeps everything in memory, and
//! takes any access key: what only a server that checks signatures can show, it does not.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use anyhow::Result;

use super::process::{Account, Server, free_port};
use crate::{python, shell::Workspace};

/// What is installed, at the versions that the tests were written for: moto's part that speaks S3,
/// and what its server needs.
const PACKAGES: [&str; 3] = ["moto[s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"];

const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct S3 {
    _server: Server,
    port: u16,
}

impl S3 {
    pub(super) fn start(workspace: &Workspace, folder: &Path) -> Result<Self> {
        let kept = workspace.target.join("services").join("moto");
        let python = python::environment(&kept, &PACKAGES, "moto, an S3 server,")?;
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
