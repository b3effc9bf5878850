//! The verbs of whoever writes plugins. All but `dev` and `inspect --against URL` work without a
//! host.

mod build;
mod dev;
mod inspect;
mod keys;
mod registry;
mod trial;

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;

use crate::{
    author::{Kit, Workshop},
    bootstrap,
    cli::write,
    config::Settings,
};

#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// Make a folder with a plugin that builds and passes its tests.
    New(build::NewArguments),
    /// Build a plugin into a component, with its manifest, cases and list of software in it.
    Build(build::BuildArguments),
    /// Say what a component is, needs and asks for.
    Inspect(inspect::InspectArguments),
    /// Run a host's gates and the plugin's golden cases, here.
    Test(trial::TestArguments),
    /// Measure where the time of a call goes.
    Bench(trial::BenchArguments),
    /// Build, test and swap into a running host at every change of the folder.
    Dev(dev::Arguments),
    /// Make a publisher's key: NAME.key, to keep secret, and NAME.pub.
    Keygen(keys::KeygenArguments),
    /// Sign a component; the signature goes beside it.
    Sign(keys::SignArguments),
    /// Hold a signature against a component and a public key.
    Verify(keys::VerifyArguments),
    /// Send a component and its signature to an OCI registry.
    Push(registry::PushArguments),
    /// Fetch a component from an OCI registry; phagen.lock pins it.
    Pull(registry::PullArguments),
    /// Say what differs between two components.
    Diff(inspect::DiffArguments),
    /// Print the list of software in a component, `CycloneDX` JSON.
    Sbom(inspect::SbomArguments),
}

pub(in crate::cli) async fn run(settings: Settings, command: Command) -> Result<()> {
    match command {
        Command::New(arguments) => build::new(&settings, &arguments),
        Command::Build(arguments) => build::build(&settings, arguments).await,
        Command::Inspect(arguments) => inspect::inspect(&settings, arguments).await,
        Command::Test(arguments) => trial::test(&settings, arguments).await,
        Command::Bench(arguments) => trial::bench(&settings, arguments).await,
        Command::Dev(arguments) => dev::run(settings, arguments).await,
        Command::Keygen(arguments) => keys::keygen(&arguments),
        Command::Sign(arguments) => keys::sign(&arguments),
        Command::Verify(arguments) => keys::verify(&arguments),
        Command::Push(arguments) => registry::push(&arguments).await,
        Command::Pull(arguments) => registry::pull(&arguments).await,
        Command::Diff(arguments) => inspect::diff(&arguments),
        Command::Sbom(arguments) => inspect::sbom(&arguments),
    }
}

fn kit(settings: &Settings) -> Result<Kit> {
    let share = bootstrap::find_share_dir(settings.share_dir.as_deref())?;
    Ok(Kit::open(&share)?)
}

fn workshop(settings: &Settings) -> Result<Workshop> {
    Ok(Workshop::new(
        kit(settings)?,
        &settings.author.toolchain_dir(),
    ))
}

/// Where a command works unless it is told.
fn here() -> PathBuf {
    PathBuf::from(".")
}

/// What to type next, the last words of every command.
fn next(commands: &[String]) {
    write::line("next:");
    for command in commands {
        write::line(&format!("  {command}"));
    }
}

/// As a shell takes it.
fn quoted(path: &std::path::Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_path_is_quoted_where_a_shell_would_split_it() {
        assert_eq!(quoted(Path::new("a/b-1.wasm")), "a/b-1.wasm");
        assert_eq!(quoted(Path::new("a b")), "'a b'");
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
    }
}
