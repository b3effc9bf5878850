//! The project's own chores: build the guests, demo, test, bench. Of the house it uses one room,
//! `phagen-package`, which writes manifests into components.

mod bench;
mod chaos;
mod demo;
mod guests;
mod languages;
mod manifests;
mod python;
mod services;
mod share;
mod shell;
mod test;
mod tools;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::shell::{Workspace, say};

const USAGE: &str = "\
usage: cargo xtask <chore>

  demo       build everything, index the bundled corpus, analyse aspirin, print the report
  test       build everything and run every test
  chaos      kill, stop and starve what works, on SQLite and on Postgres, and tell what held
             (`chaos postgres`, `chaos clock-off`: those alone)
  bench      measure the speed figures of docs/benchmarks.md
  guests     build the plugins and lay out the share folder
  services   start the servers that the tests talk to, then run a command with their addresses
             (`--durable` first: with nothing switched off that keeps data over a power cut)
  languages  build the example plugins in Python and JavaScript
  build      guests, then the `phagen` binary, both optimised";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let Some((chore, rest)) = arguments.split_first() else {
        bail!("no chore named\n\n{USAGE}")
    };
    let workspace = Workspace::find()?;
    match chore.as_str() {
        "demo" => demo::run(&workspace),
        "test" => test::run(&workspace, rest),
        "bench" => bench::run(&workspace, rest),
        "chaos" => chaos::run(&workspace, rest),
        "guests" => guests::build(&workspace).and_then(|()| share::lay_out(&workspace)),
        "languages" => languages::build(&workspace),
        "services" => services::run(&workspace, rest),
        "build" => demo::build(&workspace).map(drop),
        "help" | "--help" | "-h" => {
            say(USAGE);
            Ok(())
        }
        unknown => bail!("unknown chore `{unknown}`\n\n{USAGE}"),
    }
}
