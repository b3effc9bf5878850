//! `phagen audit verify`: is the record of changes still what was written?

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use super::write;
use crate::{
    audit::{HeadLog, verify},
    config::Settings,
    house::open_store,
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Hold the record of changes against itself, against the ends noted outside the database, and
    /// against moves, slots and keys; every row that does not fit is named.
    Verify,
}

pub(super) async fn run(settings: Settings, command: Command) -> Result<ExitCode> {
    let Command::Verify = command;
    let log = HeadLog::of(&settings);
    let store = open_store(&settings).await?;
    let report = verify(store.as_ref(), &log).await?;
    for fault in &report.faults {
        write::line(fault);
    }
    let head = report.head;
    write::line(&format!(
        "{} rows up to {}; {} ends noted in `{}`; {}",
        head.seq,
        head.hash,
        report.n_noted,
        log.path().display(),
        match report.faults.len() {
            0 => "all of it fits".to_owned(),
            1 => "1 FAULT".to_owned(),
            n => format!("{n} FAULTS"),
        }
    ));
    if report.n_noted == 0 && head.seq > 0 {
        write::note("no end was noted there: a tail that was cut off would not show");
    }
    Ok(if report.faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
