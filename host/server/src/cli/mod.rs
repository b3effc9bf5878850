//! The command line: nouns in the singular, one file each. Errors end here, in words for people.

mod analyze;
mod audit;
mod cache;
mod compile_guest;
mod corpus;
mod db;
mod import;
mod job;
mod key;
mod migrate;
mod model;
mod plugin;
mod probe;
mod replay;
mod running;
mod serve;
mod stop;
mod train;
mod worker;
mod write;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::{
    config::{self, Settings, TraceSettings},
    telemetry::Telemetry,
};

/// Evidence for drug repurposing: a molecule in, ranked and traceable evidence out.
#[derive(Parser)]
#[command(name = "phagen", version, about)]
struct Arguments {
    /// Settings file; otherwise ./phagen.toml when there is one.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Analyse one molecule here and now, and print the report.
    Analyze(analyze::Arguments),
    /// Start the API with embedded workers.
    Serve(serve::Arguments),
    /// Run jobs without the API, beside other processes on the same database.
    Worker(worker::Arguments),
    /// Bring the schema of Postgres up to date, past any pooler.
    Migrate,
    /// Move between databases.
    #[command(subcommand)]
    Db(db::Command),
    /// List, show, call off and try again the jobs of a running host.
    #[command(subcommand)]
    Job(job::Command),
    /// Import, count and search the documents that sources draw on.
    #[command(subcommand)]
    Corpus(corpus::Command),
    /// Fit models to the stored votes.
    #[command(subcommand)]
    Train(train::Command),
    /// List, promote and explain trained artifacts.
    #[command(subcommand)]
    Model(model::Command),
    /// Store, activate, try, take back and watch plugins.
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Keys of those who call the API.
    #[command(subcommand)]
    Key(key::Command),
    /// The record of changes.
    #[command(subcommand)]
    Audit(audit::Command),
    /// What a running host keeps of answers.
    #[command(subcommand)]
    Cache(cache::Command),
    /// Ask the process beside this one, of the same settings, whether it lives or can work.
    Probe(probe::Arguments),
    /// Run the recorded calls of a job again and prove that the same bits come out.
    Replay(replay::Arguments),
    /// Compile the component on the standard input; for the host's own use.
    #[command(hide = true)]
    CompileGuest(compile_guest::Arguments),
    /// Print the API's description, `OpenAPI` 3.1.
    Openapi,
}

/// The whole program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Nothing else may run in that process, not even threads that wait.
    if let Command::CompileGuest(arguments) = arguments.command {
        return compile_guest::run(&arguments);
    }
    // Registries are reached by TLS, and every HTTP client asks for what does it.
    phagen_package::oci::install_tls();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return write::failure(
                &anyhow::Error::new(error).context("cannot start the async runtime"),
            );
        }
    };
    match runtime.block_on(run(arguments)) {
        Ok(code) => code,
        Err(error) => write::failure(&error),
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let settings = config::load(arguments.config.as_deref())?;
    let is_server = matches!(arguments.command, Command::Serve(_) | Command::Worker(_));
    let filter = if is_server {
        "warn,phagen_server=info"
    } else {
        "warn"
    };
    let traces = if is_server {
        settings.traces
    } else {
        TraceSettings::default()
    };
    let telemetry = Telemetry::begin(&settings.log, traces, filter)?;
    let ended = Box::pin(dispatch(arguments.command, settings)).await;
    telemetry.end().await;
    ended
}

async fn dispatch(command: Command, settings: Settings) -> Result<ExitCode> {
    match command {
        Command::Analyze(arguments) => analyze::run(settings, arguments).await,
        Command::Serve(arguments) => Box::pin(serve::run(settings, arguments))
            .await
            .map(|()| ExitCode::SUCCESS),
        Command::Worker(arguments) => worker::run(settings, &arguments)
            .await
            .map(|()| ExitCode::SUCCESS),
        Command::Db(command) => db::run(&settings, command)
            .await
            .map(|()| ExitCode::SUCCESS),
        Command::Migrate => migrate::run(&settings).await.map(|()| ExitCode::SUCCESS),
        Command::Job(command) => job::run(&settings, command)
            .await
            .map(|()| ExitCode::SUCCESS),
        Command::Corpus(command) => corpus::run(settings, command).await,
        Command::Train(command) => train::run(settings, command).await,
        Command::Model(command) => model::run(settings, command)
            .await
            .map(|()| ExitCode::SUCCESS),
        Command::Plugin(command) => plugin::run(settings, command)
            .await
            .map(|()| ExitCode::SUCCESS),
        Command::Key(command) => key::run(settings, command)
            .await
            .map(|()| ExitCode::SUCCESS),
        Command::Audit(command) => audit::run(settings, command).await,
        Command::Cache(command) => cache::run(&settings, command)
            .await
            .map(|()| ExitCode::SUCCESS),
        Command::Probe(arguments) => probe::run(&settings, &arguments)
            .await
            .map(|()| ExitCode::SUCCESS),
        Command::Replay(arguments) => replay::run(settings, arguments).await,
        Command::CompileGuest(arguments) => Ok(compile_guest::run(&arguments)),
        Command::Openapi => {
            let document = crate::http::openapi()
                .to_pretty_json()
                .context("cannot write the API's description")?;
            write::line(&document);
            Ok(ExitCode::SUCCESS)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_argument_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
