//! `phagen plugin test` and `bench`: the plugin in the host's own code, on this machine.

use std::{path::PathBuf, time::Duration};

use anyhow::{Result, bail};
use phagen_domain::{clock::Clock, evidence::Attribute};
use phagen_plugin::PluginSettings;

use super::{build::make, next, quoted, workshop};
use crate::{
    author::{
        BenchReport, Checked, Outcome, Outfit, Outside, Part, Project, Rehearsal, Subject, measure,
        read_artifact, unhurried,
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

/// Takes each golden case apart: the plugin's code outside of the sandbox, crossing the border, the
/// same code as a guest, instance and `init`.
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
    let rehearsal = Rehearsal::open(plugin_settings(settings)?, outfit.clone())?;
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

fn plugin_settings(settings: &Settings) -> Result<PluginSettings> {
    let compiled = settings.author.cache_dir().join("compiled");
    house::plugin_settings(settings, compiled)
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
    let limits = unhurried(plugin_settings(settings)?);
    let rehearsal = Rehearsal::open(limits, arguments.setting.outfit()?)?;
    let outside = outside(settings, &subject)?;
    let reports = measure(&rehearsal, &subject, &share.join("bench"), outside).await?;
    for report in &reports {
        write::line(&table(report));
    }
    next(&[format!("phagen plugin test {}", quoted(&subject.path))]);
    Ok(())
}

/// In the place of a figure.
const NONE: &str = "-";

/// Where the plugin's code is, to be asked without its sandbox.
fn outside(settings: &Settings, subject: &Subject) -> Result<Result<Outside, String>> {
    let Some(project) = Project::of_component(&subject.path) else {
        return Ok(Err(format!(
            "`{}` lies without its code; name the folder of the plugin that it was built from",
            subject.path.display()
        )));
    };
    Ok(Ok(Outside {
        workshop: workshop(settings)?,
        project,
        say: write::note,
    }))
}

fn table(report: &BenchReport) -> String {
    let row = |name: &str, cells: [&str; 5]| {
        let cells = cells.map(|cell| format!("{cell:>12}")).concat();
        format!("  {name:<4}{cells}\n")
    };
    let native = report.native.as_ref().ok();
    let native_part = |of: fn(&Part) -> Duration| {
        native.map_or_else(|| NONE.to_owned(), |native| shown(of(&native.part)))
    };
    let quantile = |name: &str, of: fn(&Part) -> Duration, guest: &str| {
        let sandboxed = [report.marshalling, report.instance, report.whole];
        let [marshalling, instance, whole] = sandboxed.map(|part| shown(of(&part)));
        let native = native_part(of);
        row(name, [&native, &marshalling, guest, &instance, &whole])
    };
    let mut text = format!("case `{}`, {} rounds\n", report.case, report.n_rounds);
    text += &row("", ["native", "marshalling", "guest", "instance", "whole"]);
    text += &quantile("p50", |part| part.p50, &shown(report.guest));
    text += &quantile("p99", |part| part.p99, NONE);
    text += &last_line(report);
    text
}

/// The price of the sandbox, or why it is not known.
fn last_line(report: &BenchReport) -> String {
    let native = match &report.native {
        Ok(native) => native,
        Err(why) => return format!("  native was not measured: {why}"),
    };
    let ratio = match report.ratio() {
        Some(ratio) => format!("guest / native {ratio:.2}"),
        None => "guest / native: too short to tell".to_owned(),
    };
    let (runtime, n_rounds) = (&native.runtime, native.n_rounds);
    format!("  {ratio}   (native: {runtime}, {n_rounds} rounds)")
}

/// What is lost in the noise, as the difference of two medians may be, is no figure.
fn shown(time: Duration) -> String {
    if time.is_zero() {
        NONE.to_owned()
    } else {
        format!("{time:.1?}")
    }
}

impl Setting {
    pub(super) fn outfit(&self) -> Result<Outfit> {
        Ok(Outfit {
            config: self.config.clone(),
            artifact: self.artifact.as_deref().map(read_artifact).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::author::Native;

    fn report(native: Result<Native, String>) -> BenchReport {
        let part = |microseconds: u64| Part {
            p50: Duration::from_micros(microseconds),
            p99: Duration::from_micros(microseconds * 2),
        };
        BenchReport {
            case: "one".to_owned(),
            n_rounds: 40,
            whole: part(30),
            instance: part(20),
            marshalling: part(4),
            guest: Duration::from_micros(6),
            native,
        }
    }

    #[test]
    fn the_parts_of_a_call_stand_side_by_side() {
        let native = Native {
            part: Part {
                p50: Duration::from_micros(4),
                p99: Duration::from_micros(5),
            },
            n_rounds: 2_000,
            runtime: "CPython 3.14.0".to_owned(),
        };
        insta::assert_snapshot!(table(&report(Ok(native))), @r"
        case `one`, 40 rounds
                    native marshalling       guest    instance       whole
          p50        4.0µs       4.0µs       6.0µs      20.0µs      30.0µs
          p99        5.0µs       8.0µs           -      40.0µs      60.0µs
          guest / native 1.50   (native: CPython 3.14.0, 2000 rounds)
        ");
    }

    #[test]
    fn a_figure_that_is_not_there_says_why() {
        let why = "`init` failed natively".to_owned();
        insta::assert_snapshot!(table(&report(Err(why))), @r"
        case `one`, 40 rounds
                    native marshalling       guest    instance       whole
          p50            -       4.0µs       6.0µs      20.0µs      30.0µs
          p99            -       8.0µs           -      40.0µs      60.0µs
          native was not measured: `init` failed natively
        ");
    }
}
