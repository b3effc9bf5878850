//! The disk of the index, and that of SQLite, runs full in the middle of the work.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Output,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use reqwest::StatusCode;
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    Size,
    cluster::{Cluster, Submitted},
    figures::Figures,
    jobs::{Jobs, molecule},
    kit::Kit,
    place::Place,
    storm::{begin, told},
};

const MIB: u64 = 1024 * 1024;
/// Room for the bundled corpus and another of its size.
const INDEX_DISK: u64 = 64 * MIB;
/// Left of it: an import begins, and does not fit.
const LEFT: u64 = 4 * MIB;
/// With the index and compiled guests on it, too.
const DATA_DISK: u64 = 64 * MIB;
/// Documents of the import that does not fit.
const N_DOCUMENTS: usize = 6_000;
/// Of the one that does.
const N_FEW: usize = 5;
const WORDS: usize = 150;
/// Requests until one finds the disk full: SQLite writes into room that its log has already.
const MAX_REQUESTS: usize = 20_000;

/// An import finds no room. What served goes on, and once there is room it succeeds.
pub(crate) async fn of_index(kit: &Arc<Kit>, size: Size) -> Result<Figures> {
    let mut place = Place::on_small_disk(kit, "index", INDEX_DISK).await?;
    place.lease_long();
    let (mut cluster, _source) = begin(&place, size).await?;
    let mut jobs = Jobs::default();
    let imported = import_on_full_disk(&place, &cluster, &mut jobs, size).await;
    let mut figures = told(imported, &place)?;
    let n_ended = cluster.n_ended()?;
    figures.must(n_ended == 0, "processes that ended over it", n_ended);
    let judged = jobs.judge(&place, &mut figures).await?;
    let again = judged.n_claimed_again;
    figures.must(again == 0, "claimed again", again);
    Ok(figures)
}

async fn import_on_full_disk(
    place: &Place,
    cluster: &Cluster,
    jobs: &mut Jobs,
    size: Size,
) -> Result<Figures> {
    let mut figures = Figures::default();
    let before = stats(place)?;
    let answer_before = search(place)?;
    place.disk().fill_but(LEFT)?;
    let n_bytes = place.disk().n_bytes()?;
    let large = place.file("large.jsonl");
    write_documents(&large, N_DOCUMENTS)?;
    let refused = import(place, &large)?;
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    figures.must(
        refused.status.code() == Some(1) && is_told(&words),
        "import without room",
        words.split_whitespace().collect::<Vec<_>>().join(" "),
    );
    let left = place.disk().n_bytes()?.saturating_sub(n_bytes);
    figures.tell("left behind by it", format!("{} KiB", left / 1024));
    // All that is left, whatever the import gave back.
    place.disk().fill()?;
    jobs.submit(&cluster.api.caller, size.n_jobs).await?;
    place.until_open(0).await?;
    figures.tell("jobs asked for and ended on the full disk", size.n_jobs);
    figures.must(
        stats(place)? == before && search(place)? == answer_before,
        "the corpus and its answers are as before",
        &before,
    );
    place.disk().free()?;
    let few = place.file("few.jsonl");
    write_documents(&few, N_FEW)?;
    let imported = import(place, &few)?;
    let words = String::from_utf8_lossy(&imported.stdout).into_owned();
    figures.must(
        imported.status.success(),
        "import once there is room",
        words.lines().next().unwrap_or("refused"),
    );
    Ok(figures)
}

/// In whosever words.
fn is_told(words: &str) -> bool {
    ["No space left on device", "disk is full"]
        .iter()
        .any(|cause| words.contains(cause))
}

fn import(place: &Place, file: &Path) -> Result<Output> {
    let mut command = place.phagen();
    Ok(command.args(["corpus", "import"]).arg(file).output()?)
}

/// The line that counts all of the corpus, without its bytes.
fn stats(place: &Place) -> Result<String> {
    let told = place.phagen().args(["corpus", "stats"]).output()?;
    let text = String::from_utf8_lossy(&told.stdout);
    let line = text.lines().find(|line| line.starts_with("all "));
    let line = line.with_context(|| format!("no counts in {told:?}"))?;
    let words = line.split_whitespace().skip(1).take(4);
    Ok(words.collect::<Vec<_>>().join(" "))
}

fn search(place: &Place) -> Result<String> {
    let mut command = place.phagen();
    let told = command.args(["corpus", "search", "aspirin"]).output()?;
    ensure!(
        told.status.success() && !told.stdout.is_empty(),
        "no answer"
    );
    Ok(String::from_utf8(told.stdout)?)
}

/// Every word another, so that nothing of it shrinks.
fn write_documents(to: &PathBuf, n_documents: usize) -> Result<()> {
    let mut lines = String::new();
    for number in 0..n_documents {
        let mut text = String::new();
        for word in 0..WORDS {
            write!(text, "w{:x} ", (number * WORDS + word) * 7_919)?;
        }
        let id = 9_000_000 + number;
        writeln!(
            lines,
            r#"{{"id":"PMID:{id}","kind":"literature","title":"document {number}","text":"{text}","date":"2020-01-01"}}"#
        )?;
    }
    fs::write(to, lines)?;
    Ok(())
}

/// SQLite cannot write. What it has is read, what it cannot take is refused, and once there is room
/// all that was accepted is done.
pub(crate) async fn of_database(kit: &Arc<Kit>, size: Size) -> Result<Figures> {
    let mut place = Place::on_small_disk(kit, "", DATA_DISK).await?;
    let (mut cluster, _source) = begin(&place, size).await?;
    let mut jobs = Jobs::default();
    jobs.submit(&cluster.api.caller, size.n_jobs).await?;
    let filled = work_on_full_disk(&place, &cluster, &mut jobs).await;
    let mut figures = told(filled, &place)?;
    let n_ended = cluster.n_ended()?;
    figures.must(n_ended == 0, "processes that ended over it", n_ended);
    drop(cluster);
    let file = place.fetch_database().await?;
    let judged = jobs.judge(&place, &mut figures).await?;
    figures.tell("claimed again", judged.n_claimed_again);
    let report = integrity(&file).await?;
    figures.must(report == "ok", "integrity check afterwards", report);
    Ok(figures)
}

async fn work_on_full_disk(place: &Place, cluster: &Cluster, jobs: &mut Jobs) -> Result<Figures> {
    let api = &cluster.api.caller;
    place.disk().fill()?;
    let (mut n_accepted, mut refused) = (0, Vec::new());
    while refused.len() < N_REFUSED {
        let molecule = molecule(jobs.asked.len() + refused.len());
        let key = Uuid::new_v4();
        match api.submit(&molecule, key).await {
            Submitted::Accepted(id) if n_accepted < MAX_REQUESTS => {
                n_accepted += 1;
                jobs.add(id, molecule);
            }
            Submitted::Refused => refused.push((molecule, key)),
            other => bail!("the disk is full, and request {n_accepted} is {other}"),
        }
    }
    let mut figures = Figures::default();
    figures.tell("accepted after the disk was full", n_accepted);
    figures.tell("refused with 503", refused.len());
    let mut n_read = 0;
    for asked in jobs.asked.iter().take(N_READ) {
        let (status, _) = api.ask(&format!("/api/jobs/{}", asked.id)).await?;
        n_read += usize::from(status == StatusCode::OK);
    }
    figures.must(
        n_read == N_READ,
        "jobs read meanwhile",
        format!("{n_read} of {N_READ}"),
    );
    sleep(FULL_FOR).await;
    place.disk().free()?;
    // The same requests again, each under its key.
    for (molecule, key) in refused {
        let id = api.submit_surely(&molecule, key).await?;
        jobs.add(id, molecule);
    }
    for asked in &jobs.asked {
        api.until_ended(asked.id).await?;
    }
    Ok(figures)
}

/// Requests that find the disk full.
const N_REFUSED: usize = 20;
/// So that every worker finds it full, too: longer than a job lasts, and than its lease.
const FULL_FOR: Duration = Duration::from_secs(4);
/// Jobs that are read while nothing can be written.
const N_READ: usize = 20;

async fn integrity(file: &Path) -> Result<String> {
    use sqlx::{ConnectOptions as _, Connection as _};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut database = options.connect().await?;
    let report = sqlx::query_scalar("pragma integrity_check")
        .fetch_one(&mut database)
        .await?;
    database.close().await?;
    Ok(report)
}
