//! `phagen plugin inspect`, `diff` and `sbom`: looking at components without running them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{next, quoted};
use crate::{
    author::{Against, HostWorlds, Subject, difference, summary},
    cli::{
        plugin::remote::{Remote, RemoteArguments},
        write,
    },
    config::Settings,
};

#[derive(clap::Args)]
pub(in crate::cli) struct InspectArguments {
    /// A component, or the folder of a plugin that was built.
    #[arg(default_value = ".")]
    file: PathBuf,
    /// Say where it would not fit: a host (`http://…`), or an older component.
    #[arg(long, value_name = "URL|FILE")]
    against: Option<String>,
}

#[derive(clap::Args)]
pub(in crate::cli) struct DiffArguments {
    /// The older component.
    old: PathBuf,
    /// The newer component.
    new: PathBuf,
}

#[derive(clap::Args)]
pub(in crate::cli) struct SbomArguments {
    /// A component, or the folder of a plugin that was built.
    #[arg(default_value = ".")]
    file: PathBuf,
}

pub(super) async fn inspect(settings: &Settings, arguments: InspectArguments) -> Result<()> {
    let subject = Subject::open(&arguments.file)?;
    for line in summary(&subject)? {
        write::line(&line);
    }
    let file = quoted(&subject.path);
    if let Some(against) = &arguments.against {
        tell(
            against,
            &difference(&subject, &open(settings, against).await?)?,
        );
        next(&[format!("phagen plugin test {file}")]);
    } else {
        next(&[
            format!("phagen plugin inspect {file} --against http://127.0.0.1:8000"),
            format!("phagen plugin test {file}"),
        ]);
    }
    Ok(())
}

async fn open(settings: &Settings, against: &str) -> Result<Against> {
    if !against.contains("://") {
        let older = Subject::open(Path::new(against))?;
        return Ok(Against::Component(Box::new(older)));
    }
    let remote = Remote::open(settings, &RemoteArguments::to(against))?;
    let worlds: HostWorlds = remote
        .get("/api/host/worlds")
        .await
        .context("cannot ask the host for its worlds")?;
    Ok(Against::Host(worlds))
}

fn tell(against: &str, differences: &[String]) {
    if differences.is_empty() {
        write::line(&format!("fits {against}: nothing differs"));
        return;
    }
    write::line(&format!(
        "against {against}: {} differences",
        differences.len()
    ));
    for difference in differences {
        write::line(&format!("  {difference}"));
    }
}

pub(super) fn diff(arguments: &DiffArguments) -> Result<()> {
    let new = Subject::open(&arguments.new)?;
    let old = Subject::open(&arguments.old)?;
    let shown = arguments.old.display().to_string();
    tell(
        &shown,
        &difference(&new, &Against::Component(Box::new(old)))?,
    );
    next(&[format!("phagen plugin test {}", quoted(&new.path))]);
    Ok(())
}

/// JSON alone on the standard output, so that it can be piped.
pub(super) fn sbom(arguments: &SbomArguments) -> Result<()> {
    let subject = Subject::open(&arguments.file)?;
    let json = subject.package.sbom.as_deref().with_context(|| {
        format!(
            "`{}` has no list of software; build it with `phagen plugin build`",
            subject.path.display()
        )
    })?;
    let list: serde_json::Value =
        serde_json::from_slice(json).context("the list of software is not JSON")?;
    write::line(&serde_json::to_string_pretty(&list)?);
    write::note("next: feed the list to what watches your dependencies, such as `grype sbom:FILE`");
    Ok(())
}
