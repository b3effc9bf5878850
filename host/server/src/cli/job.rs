//! `phagen job`: the queue of a running host, for operators.

use anyhow::Result;
use chrono::{DateTime, Utc};
use phagen_domain::job::{JobId, JobStatus};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    plugin::remote::{Remote, RemoteArguments},
    write,
};
use crate::config::Settings;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Jobs, newest first; `--status failed` shows what was discarded.
    List(ListArguments),
    /// One job with its progress, and its result or its failure, as JSON.
    Show(JobArguments),
    /// Call a job off.
    Cancel(JobArguments),
    /// Queue a job again that failed or was cancelled, with all of its attempts.
    Retry(JobArguments),
}

#[derive(clap::Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    remote: RemoteArguments,
    /// queued, running, succeeded, failed or cancelled.
    #[arg(long, value_parser = parse_status)]
    status: Option<JobStatus>,
    /// At most so many, 1 to 100.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
}

#[derive(clap::Args)]
pub(super) struct JobArguments {
    #[command(flatten)]
    remote: RemoteArguments,
    id: JobId,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Line>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    job_id: JobId,
    molecule: String,
    status: JobStatus,
    attempt: u32,
    priority: u8,
    created_at: DateTime<Utc>,
}

pub(super) async fn run(settings: &Settings, command: Command) -> Result<()> {
    match command {
        Command::List(arguments) => list(settings, &arguments).await,
        Command::Show(arguments) => {
            let remote = Remote::open(settings, &arguments.remote)?;
            let job: Value = remote.get(&path(arguments.id)).await?;
            write::line(&format!("{job:#}"));
            Ok(())
        }
        Command::Cancel(arguments) => {
            let remote = Remote::open(settings, &arguments.remote)?;
            let request = remote.request(Method::DELETE, &path(arguments.id))?;
            let told = match remote.answer(request).await?.0.as_u16() {
                204 => "is cancelled",
                _ => "has been asked to stop",
            };
            write::line(&format!("job `{}` {told}", arguments.id));
            Ok(())
        }
        Command::Retry(arguments) => {
            let remote = Remote::open(settings, &arguments.remote)?;
            let path = format!("{}/retry", path(arguments.id));
            let _: Value = remote.post(&path, &json!({})).await?;
            write::line(&format!("job `{}` is queued again", arguments.id));
            Ok(())
        }
    }
}

async fn list(settings: &Settings, arguments: &ListArguments) -> Result<()> {
    let remote = Remote::open(settings, &arguments.remote)?;
    let status = arguments
        .status
        .map_or_else(String::new, |status| format!("&status={}", status.as_str()));
    let page: Page = remote
        .get(&format!("/api/jobs?limit={}{status}", arguments.limit))
        .await?;
    for job in &page.items {
        write::line(&format!(
            "{} {} {:<9} priority {} attempt {} {}",
            job.job_id,
            job.created_at.format("%Y-%m-%d %H:%M:%S"),
            job.status.as_str(),
            job.priority,
            job.attempt,
            job.molecule
        ));
    }
    if page.next_cursor.is_some() {
        write::note("there are more; raise `--limit`, or page through `GET /api/jobs`");
    }
    Ok(())
}

fn path(id: JobId) -> String {
    format!("/api/jobs/{id}")
}

fn parse_status(text: &str) -> Result<JobStatus, String> {
    JobStatus::from_name(text)
        .ok_or_else(|| "expected one of queued, running, succeeded, failed, cancelled".to_owned())
}
