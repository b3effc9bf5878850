//! `phagen probe`: asks the process of the same settings how it is, on its operations port. For
//! whoever watches a container by running a command in it: the image holds no other program.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::Deserialize;

use super::write;
use crate::config::{OperationsBind, Settings};

/// Longer than the process itself waits for its database.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(clap::Args)]
pub(super) struct Arguments {
    what: Question,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Question {
    /// Whether it lives.
    Health,
    /// Whether it can do its work.
    Ready,
}

#[derive(Deserialize)]
struct Told {
    status: String,
    reasons: Vec<String>,
}

pub(super) async fn run(settings: &Settings, arguments: &Arguments) -> Result<()> {
    let Some(address) = reached(settings.operations.bind) else {
        bail!("there is nothing to ask: `operations.bind` is `off`");
    };
    let path = match arguments.what {
        Question::Health => "/health",
        Question::Ready => "/ready",
    };
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .no_proxy()
        .build()
        .context("cannot make an HTTP client")?;
    let answer = client
        .get(format!("http://{address}{path}"))
        .send()
        .await
        .with_context(|| {
            format!("no process answers at {address}, where `operations.bind` says one is")
        })?;
    let is_well = answer.status().is_success();
    let told: Told = answer
        .json()
        .await
        .with_context(|| format!("what answers at {address} is no phagen"))?;
    let Told { status, reasons } = told;
    if !is_well {
        bail!("{status}: {}", reasons.join("; "));
    }
    write::line(&status);
    Ok(())
}

/// Where a process that listens on `bind` is reached from its own machine.
fn reached(bind: OperationsBind) -> Option<SocketAddr> {
    let mut address = match bind {
        OperationsBind::Off => return None,
        OperationsBind::Usual => OperationsBind::USUAL,
        OperationsBind::At(address) => address,
    };
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_on_every_address_is_asked_on_loopback() {
        let reached = |text: &str| {
            let bind = OperationsBind::try_from(text.to_owned()).unwrap();
            reached(bind).map(|address| address.to_string())
        };
        for (bind, asked) in [
            ("0.0.0.0:9464", "127.0.0.1:9464"),
            ("[::]:1", "[::1]:1"),
            ("10.1.2.3:9464", "10.1.2.3:9464"),
            ("usual", "127.0.0.1:9464"),
        ] {
            assert_eq!(reached(bind).as_deref(), Some(asked));
        }
        assert_eq!(reached("off"), None);
    }
}
