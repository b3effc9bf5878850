//! `phagen plugin new` and `build`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::ValueEnum;
use phagen_domain::plugin::{PluginName, World};

use super::{here, kit, next, quoted, workshop};
use crate::{
    author::{Built, Language, Project, Workshop, create, summary_of_grant},
    cli::write,
    config::Settings,
};

#[derive(Clone, Copy, ValueEnum)]
enum WorldName {
    /// Finds evidence.
    Source,
    /// Names diseases in evidence.
    Mapper,
    /// Orders evidence.
    Reranker,
}

#[derive(Clone, Copy, ValueEnum)]
enum LanguageName {
    Rust,
    Python,
    #[value(alias = "javascript")]
    Js,
}

#[derive(clap::Args)]
pub(in crate::cli) struct NewArguments {
    /// Name of the plugin: `a-z`, `0-9` and `-`.
    name: PluginName,
    #[arg(long)]
    world: WorldName,
    #[arg(long = "lang", default_value = "rust")]
    language: LanguageName,
    /// Folder to make; otherwise NAME.
    #[arg(long)]
    dir: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(in crate::cli) struct BuildArguments {
    /// Folder with plugin.toml.
    #[arg(default_value = ".")]
    dir: PathBuf,
}

pub(super) fn new(settings: &Settings, arguments: &NewArguments) -> Result<()> {
    let world = match arguments.world {
        WorldName::Source => World::Source,
        WorldName::Mapper => World::Mapper,
        WorldName::Reranker => World::Reranker,
    };
    let language = match arguments.language {
        LanguageName::Rust => Language::Rust,
        LanguageName::Python => Language::Python,
        LanguageName::Js => Language::Js,
    };
    let dir = arguments
        .dir
        .clone()
        .unwrap_or_else(|| here().join(arguments.name.as_str()));
    let created = create(&kit(settings)?, &arguments.name, world, language, &dir)?;
    write::line(&format!(
        "made the {world} `{}` in {}",
        arguments.name,
        created.dir.display()
    ));
    for file in &created.files {
        write::line(&format!("  {}", file.display()));
    }
    let shown = dir.strip_prefix(".").unwrap_or(&dir);
    next(&[
        format!("cd {}", quoted(shown)),
        "phagen plugin build".to_owned(),
        "phagen plugin test".to_owned(),
    ]);
    Ok(())
}

pub(super) async fn build(settings: &Settings, arguments: BuildArguments) -> Result<()> {
    let project = Project::open(&arguments.dir)?;
    let built = make(workshop(settings)?, project).await?;
    tell(&built);
    let dir = if arguments.dir.as_os_str() == "." {
        String::new()
    } else {
        format!(" {}", quoted(&arguments.dir))
    };
    next(&[
        format!("phagen plugin test{dir}"),
        format!("phagen plugin inspect {}", quoted(&built.path)),
    ]);
    Ok(())
}

/// Builds off the async threads: compilers take minutes.
pub(super) async fn make(workshop: Workshop, project: Project) -> Result<Built> {
    let building =
        tokio::task::spawn_blocking(move || workshop.build(&project, &|line| write::note(line)));
    match building.await {
        Ok(built) => Ok(built?),
        Err(_) => bail!("the build was interrupted; start it again"),
    }
}

fn tell(built: &Built) {
    let package = &built.package;
    write::line(&format!("built {}", built.path.display()));
    for (name, value) in [
        ("took", format!("{:.1?}", built.took)),
        ("size", format!("{} bytes", package.size_bytes)),
        ("digest", package.digest.to_string()),
        (
            "world",
            format!("{} ({})", package.world, package.contracts.join(", ")),
        ),
        ("imports", package.imports.join(", ")),
        ("asks for", summary_of_grant(package).join("; ")),
    ] {
        write::line(&format!("  {name:<10}{value}"));
    }
}
