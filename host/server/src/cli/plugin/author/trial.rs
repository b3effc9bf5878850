//! `phagen plugin test` and `bench`: the plugin in the host's own code, on this machine.

use std::path::PathBuf;

use anyhow::{Result, bail};
use phagen_domain::{clock::Clock, evidence::Attribute};

use super::{build::make, next, quoted, workshop};
use crate::{
    author::{
        BenchReport, Checked, Outcome, Outfit, Part, Project, Rehearsal, Subject, measure,
        read_artifact,
    },
    bootstrap,
    cli::{plugin::moves::parse_config, write},
    clock::SystemClock,
    config::Settings,
    house,
};

#[derive(clap::Args)]
pub(super) struct Setting {
    /// Configuration of the pretended slot, for cases that bring none of their own.
    #[arg(id = "with", long, value_name = "KEY=VALUE", value_parser = parse_config)]
    config: Vec<Attribute>,
    /// Artifact of the pretended slot.
    #[arg(long, value_name = "FILE")]
    artifact: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(in crate::cli) struct TestArguments {
    /// The folder of a plugin, which is built first, or a component.
    #[arg(default_value = ".")]
    subject: PathBuf,
    #[command(flatten)]
    setting: Setting,
}

/// Takes each golden case apart: instance and `init`, crossing the border, the guest's own work.
/// What the same code takes outside the sandbox is not measured.
#[derive(clap::Args)]
pub(in crate::cli) struct BenchArguments {
    /// A component, or the folder of a plugin that was built.
    #[arg(default_value = ".")]
    subject: PathBuf,
    #[command(flatten)]
    setting: Setting,
}

pub(super) async fn test(settings: &Settings, arguments: TestArguments) -> Result<()> {
    let subject = if arguments.subject.is_dir() {
        let project = Project::open(&arguments.subject)?;
        let built = make(workshop(settings)?, project).await?;
        Subject::open(&built.path)?
    } else {
        Subject::open(&arguments.subject)?
    };
    rehearse(settings, &subject, &arguments.setting.outfit()?).await?;
    let file = quoted(&subject.path);
    next(&[
        "phagen serve   (in another terminal)".to_owned(),
        format!("phagen plugin deploy {file} --slot {}", subject.name()),
        format!("phagen plugin bench {file}"),
    ]);
    Ok(())
}

/// All gates, each printed; a failure is an error.
pub(super) async fn rehearse(
    settings: &Settings,
    subject: &Subject,
    outfit: &Outfit,
) -> Result<()> {
    let rehearsal = open(settings, outfit)?;
    let today = SystemClock.now().date_naive();
    if rehearsal.check(subject, today, &tell).await? {
        write::line(&format!(
            "`{}` {} passed",
            subject.name(),
            subject.package.digest.short()
        ));
        return Ok(());
    }
    bail!(
        "`{}` did not pass; see above for what to change",
        subject.name()
    )
}

fn open(settings: &Settings, outfit: &Outfit) -> Result<Rehearsal> {
    let compiled = settings.author.cache_dir().join("compiled");
    let settings = house::plugin_settings(settings, compiled)?;
    Ok(Rehearsal::open(settings, outfit.clone())?)
}

fn tell(checked: &Checked) {
    let milliseconds = checked.took.as_secs_f64() * 1e3;
    match &checked.outcome {
        Outcome::Passed(notes) => {
            write::line(&format!("ok      {} ({milliseconds:.0} ms)", checked.what));
            for note in notes {
                write::line(&format!("          {note}"));
            }
        }
        Outcome::Failed { why, help } => {
            write::line(&format!("FAILED  {} ({milliseconds:.0} ms)", checked.what));
            write::line(&format!("          {why}"));
            write::line(&format!("          help: {help}"));
        }
    }
}

pub(super) async fn bench(settings: &Settings, arguments: BenchArguments) -> Result<()> {
    let subject = Subject::open(&arguments.subject)?;
    let share = bootstrap::find_share_dir(settings.share_dir.as_deref())?;
    let rehearsal = open(settings, &arguments.setting.outfit()?)?;
    let reports = measure(&rehearsal, &subject, &share.join("bench")).await?;
    for report in &reports {
        tell_times(report);
    }
    next(&[format!("phagen plugin test {}", quoted(&subject.path))]);
    Ok(())
}

fn tell_times(report: &BenchReport) {
    write::line(&format!(
        "case `{}`, {} rounds",
        report.case, report.n_rounds
    ));
    let line = |name: &str, part: Part| {
        write::line(&format!(
            "  {name:<26}p50 {:>9} · p99 {:>9}",
            shown(part.p50),
            shown(part.p99)
        ));
    };
    line("whole call", report.whole);
    line("  instance and `init`", report.instance);
    line("  crossing the border", report.marshalling);
    write::line(&format!(
        "  {:<26}p50 {:>9}   (what is left)",
        "  the guest's own work",
        shown(report.guest)
    ));
}

fn shown(time: std::time::Duration) -> String {
    format!("{time:.1?}")
}

impl Setting {
    pub(super) fn outfit(&self) -> Result<Outfit> {
        Ok(Outfit {
            config: self.config.clone(),
            artifact: self.artifact.as_deref().map(read_artifact).transpose()?,
        })
    }
}
