//! What this process runs with, told to the record of changes when it is not what one like it ran with
//! before: settings are files and variables of an operator, so nobody else would tell.

use anyhow::{Context, Result};
use phagen_store::{RunningSettings, Store};

use crate::config::Settings;

/// Where Linux tells what the machine is called.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";
/// Of a machine that does not tell.
const UNNAMED: &str = "localhost";

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Serve,
    Worker,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Worker => "worker",
        }
    }
}

/// Once, at start, with the settings as they are after the command line.
pub async fn note_settings(store: &dyn Store, role: Role, settings: &Settings) -> Result<()> {
    let running = RunningSettings {
        role: role.as_str().to_owned(),
        host: host_name(),
        values: settings.told()?,
    };
    let row = store
        .record_settings(&running)
        .await
        .context("cannot write down the settings")?;
    if let Some(row) = row {
        let subject = running.subject();
        tracing::info!(
            audit.seq = row.seq,
            "`{subject}`: settings are new, or changed: see row {} of the record of changes",
            row.seq
        );
    }
    Ok(())
}

fn host_name() -> String {
    let told = std::fs::read_to_string(HOST_NAME).unwrap_or_default();
    match told.trim() {
        "" => UNNAMED.to_owned(),
        name => name.to_owned(),
    }
}
