//! `phagen key new`: an operator's key. It is shown once; a host keeps only its hash.

use anyhow::{Result, bail};
use clap::Subcommand;
use rand::Rng as _;

use super::write;
use crate::config::Operators;

/// Random bytes of a key.
const KEY_BYTES: usize = 32;
/// By which a key is told from other long numbers, as by scanners of leaked secrets.
const PREFIX: &str = "phagen_";

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a key, and print it with the line of settings that lets it in.
    New {
        /// Who shall hold it; the record of moves gets the name.
        name: String,
    },
}

pub(super) fn run(command: Command) -> Result<()> {
    let Command::New { name } = command;
    if !Operators::is_name(&name) {
        bail!(
            "`{name}` cannot be an operator's name: take 1 to 64 of `a-z`, `0-9`, `-`, `_` and `.`, and neither `host` nor `local`"
        );
    }
    let mut bytes = [0; KEY_BYTES];
    rand::rng().fill_bytes(&mut bytes);
    let key = format!("{PREFIX}{}", blake3::Hash::from_bytes(bytes).to_hex());
    write::note("the key, shown this once; give it to `--key`, or set `client.key`:");
    write::line(&key);
    write::note("\nfor the settings of each host:");
    write::line(&format!(
        "[operator]\n\"{name}\" = \"{}\"",
        blake3::hash(key.as_bytes()).to_hex()
    ));
    Ok(())
}
