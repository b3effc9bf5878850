//! Filling the index with a progress bar, for every command that may have to.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use phagen_corpus::{Corpus, ImportReport};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    stop::{self, StopFlag},
    write,
};
use crate::{bootstrap, house::House};

/// Bad lines shown per file; the rest are counted.
const BAD_LINES_SHOWN: usize = 5;
const STOPPED: &str =
    "import stopped; whole files before the stop are kept, and running it again skips them";

/// Indexes the bundled corpus when the index is still empty.
pub(super) async fn bundled_if_empty(house: &House) -> Result<()> {
    if house.corpus.stats()?.n_documents > 0 {
        return Ok(());
    }
    let files = bootstrap::bundled_files(&house.share_dir)?;
    let reports = files_with_progress(Arc::clone(&house.corpus), files).await?;
    let (n_documents, n_passages) = reports.iter().fold((0, 0), |(d, p), (_, report)| {
        (d + report.n_added + report.n_updated, p + report.n_passages)
    });
    write::note(&format!(
        "indexed the bundled corpus: {n_documents} documents, {n_passages} passages"
    ));
    Ok(())
}

/// Imports `files` off the async threads; Ctrl-C keeps what whole files were done.
pub(super) async fn files_with_progress(
    corpus: Arc<Corpus>,
    files: Vec<PathBuf>,
) -> Result<Vec<(PathBuf, ImportReport)>> {
    let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
    stop::listen(&shutdown)?;
    let flag = StopFlag::of(&tasks, &shutdown);
    let stopped = flag.clone();
    let imported = tokio::task::spawn_blocking(move || import(&corpus, files, &flag)).await?;
    let interrupted = stopped.is_set();
    shutdown.cancel();
    match imported {
        Err(error) if interrupted => Err(error.context(STOPPED)),
        Ok(_) if interrupted => bail!(STOPPED),
        imported => imported,
    }
}

fn import(
    corpus: &Corpus,
    files: Vec<PathBuf>,
    stop: &StopFlag,
) -> Result<Vec<(PathBuf, ImportReport)>> {
    let style = ProgressStyle::with_template("{spinner} {msg:40} {pos:>8} documents  {elapsed}")?;
    let mut reports = Vec::new();
    for file in files {
        let bar = ProgressBar::new_spinner()
            .with_style(style.clone())
            .with_message(shown(&file));
        let report = corpus.import_file(&file, &mut |at| bar.set_position(at.n_lines), &|| {
            stop.is_set()
        });
        bar.finish_and_clear();
        reports.push((file, report?));
        if stop.is_set() {
            break;
        }
    }
    Ok(reports)
}

/// What became of one file, with the lines that could not be read.
pub(super) fn describe(file: &Path, report: &ImportReport) -> String {
    let text = format!(
        "{}: {} lines: {} added, {} updated, {} unchanged, {} passages, {} bad; {:.2} s",
        shown(file),
        report.n_lines,
        report.n_added,
        report.n_updated,
        report.n_unchanged,
        report.n_passages,
        report.n_bad_lines,
        report.seconds
    );
    let bad_lines = report.bad_lines.iter().take(BAD_LINES_SHOWN);
    std::iter::once(text)
        .chain(bad_lines.map(|bad| format!("  line {}: {}", bad.line, bad.reason)))
        .collect::<Vec<_>>()
        .join(
            "
",
        )
}

fn shown(file: &Path) -> String {
    file.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
