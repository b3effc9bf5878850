//! `phagen analyze`: the whole walk in one process, through the same queue as the API.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use phagen_domain::{
    job::{Job, JobId, JobRequest, JobState, Priority, Progress, Stage},
    result::JobResult,
};
use phagen_store::{Enqueued, NewJob};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{import, stop, write};
use crate::{config::Settings, house::House, report, request::RequestDraft, worker};

/// How often the row is looked at.
const POLL: Duration = Duration::from_millis(20);

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Name of the molecule.
    name: String,
    /// Its structure, when the drug list does not know it or you mean another form.
    #[arg(long)]
    smiles: Option<String>,
    /// Another name to look for; may be repeated.
    #[arg(long = "synonym", value_name = "NAME")]
    synonyms: Vec<String>,
    /// Slots to ask, with commas between; none for all.
    #[arg(long, value_delimiter = ',', value_name = "SLOT,…")]
    sources: Option<Vec<String>>,
    /// Pieces of evidence kept per kind.
    #[arg(long)]
    limit: Option<u32>,
    /// 1 (urgent) to 4 (bulk): which job goes first where several wait.
    #[arg(long, default_value = "2", value_parser = parse_priority)]
    priority: Priority,
    /// Keep every call of a plugin with its inputs, for `phagen replay`.
    #[arg(long)]
    record: bool,
    /// Print the result as the API gives it.
    #[arg(long)]
    json: bool,
    /// Write the structure there, as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(super) async fn run(mut settings: Settings, arguments: Arguments) -> Result<ExitCode> {
    settings.worker.count = 1;
    let house = Arc::new(House::open(settings).await?);
    let shutdown = CancellationToken::new();
    stop::listen(&shutdown)?;
    import::bundled_once(&house, &shutdown).await?;
    let request = check(&house, &arguments).await?;
    let mut result = analyse(&house, request, arguments.priority, &shutdown).await?;
    phagen_analysis::strike_broken_quotes(&mut result);
    if let Some(file) = &arguments.svg {
        write_svg(&result, file)?;
    }
    if arguments.json {
        write::line(
            &serde_json::to_string_pretty(&result).context("cannot write the result as JSON")?,
        );
    } else {
        write::line(&report::render(&result));
    }
    Ok(ExitCode::SUCCESS)
}

fn parse_priority(text: &str) -> Result<Priority, String> {
    let number: u32 = text.parse().map_err(|_| "expected 1 to 4".to_owned())?;
    Priority::try_from(number).map_err(|error| error.to_string())
}

async fn check(house: &House, arguments: &Arguments) -> Result<JobRequest> {
    let draft = RequestDraft {
        molecule: arguments.name.clone(),
        smiles: arguments.smiles.clone(),
        synonyms: arguments.synonyms.clone(),
        sources: arguments.sources.clone(),
        limit: arguments.limit,
        record: arguments.record,
    };
    let slots = house.store.list_slots().await?;
    draft.check(&slots).map_err(|errors| {
        let lines: Vec<String> = errors
            .iter()
            .map(|error| format!("{}: {}", error.field, error.message))
            .collect();
        anyhow::anyhow!(lines.join("\n  "))
    })
}

/// Stores the job, runs a worker until it ends, and hands back what it found.
async fn analyse(
    house: &Arc<House>,
    request: JobRequest,
    priority: Priority,
    shutdown: &CancellationToken,
) -> Result<JobResult> {
    let tasks = TaskTracker::new();
    let job = NewJob {
        priority,
        // Whoever waits for the answer is told at once what there is.
        ..NewJob::new(request, 1)
    };
    let Enqueued::New(id) = house.store.enqueue(&job, None).await? else {
        bail!("a job without an idempotency key cannot be a replay")
    };
    worker::start(house, || {}, &tasks, shutdown).await?;
    house.wake.notify_one();
    let ended = follow(house, id, shutdown).await;
    if ended.is_err() {
        // Ctrl-C or a broken database: what was asked here is not left to run later.
        let _ = house.store.cancel(id).await;
    }
    shutdown.cancel();
    tasks.close();
    tasks.wait().await;
    house.answers.close().await;
    match ended?.state {
        JobState::Succeeded { result, .. } => Ok(*result),
        JobState::Failed { failure, .. } => bail!("analysis failed: {}", failure.message),
        JobState::Cancelled { .. } => bail!("analysis was cancelled"),
        JobState::Queued { .. } | JobState::Running { .. } => bail!("analysis did not end"),
    }
}

/// Shows progress until the job is finished.
async fn follow(house: &House, id: JobId, shutdown: &CancellationToken) -> Result<Job> {
    let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}")?;
    let bar = ProgressBar::new_spinner()
        .with_style(style)
        .with_message("queued");
    loop {
        let job = house
            .store
            .find_job(id)
            .await?
            .with_context(|| format!("job `{id}` has gone"))?;
        if job.state.status().is_finished() {
            bar.finish_and_clear();
            return Ok(job);
        }
        if let Some(progress) = &job.progress {
            bar.set_message(step(progress));
        }
        bar.tick();
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            () = shutdown.cancelled() => bail!("analysis interrupted"),
        }
    }
}

fn step(progress: &Progress) -> String {
    let number = Stage::ALL
        .iter()
        .position(|stage| *stage == progress.stage)
        .unwrap_or_default()
        + 1;
    format!(
        "[{number}/{}] {}: {}",
        Stage::ALL.len(),
        progress.stage.as_str(),
        progress.detail
    )
}

fn write_svg(result: &JobResult, file: &Path) -> Result<()> {
    let smiles = result.molecule.smiles.as_deref().with_context(|| {
        format!(
            "no structure is known for `{}`: give one by --smiles",
            result.molecule.name
        )
    })?;
    let svg = phagen_analysis::structure_svg(smiles).context("cannot draw the structure")?;
    std::fs::write(file, svg).with_context(|| format!("cannot write `{}`", file.display()))
}
