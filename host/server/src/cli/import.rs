//! Filling the index with a progress bar, for every command that may have to.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use phagen_corpus::{Corpus, ImportReport};
use tokio_util::sync::CancellationToken;

use super::write;
use crate::{bootstrap, house::House};

/// Bad lines shown per file; the rest are counted.
const BAD_LINES_SHOWN: usize = 5;
const STOPPED: &str =
    "import stopped; whole files before the stop are kept, and running it again skips them";

/// Indexes the bundled corpus, unless this very bundle was indexed before.
pub(super) async fn bundled_once(house: &House, shutdown: &CancellationToken) -> Result<()> {
    let bundle = Bundle::find(&house.share_dir, &house.settings.data_dir)?;
    if bundle.is_indexed() && house.corpus.stats()?.n_documents > 0 {
        return Ok(());
    }
    let corpus = Arc::clone(&house.corpus);
    let reports = files_with_progress(corpus, bundle.files.clone(), shutdown).await?;
    bundle.mark_indexed()?;
    let (n_documents, n_passages) = reports.iter().fold((0, 0), |(d, p), (_, report)| {
        (d + report.n_added + report.n_updated, p + report.n_passages)
    });
    if n_documents > 0 {
        write::note(&format!(
            "indexed the bundled corpus: {n_documents} documents, {n_passages} passages"
        ));
    }
    Ok(())
}

/// The bundled files, and the note in the data folder that says which of them were indexed: an
/// import that was stopped is taken up again, and a newer bundle is noticed.
pub(super) struct Bundle {
    pub(super) files: Vec<PathBuf>,
    contents: String,
    note: PathBuf,
}

impl Bundle {
    pub(super) fn find(share_dir: &Path, data_dir: &Path) -> Result<Self> {
        let files = bootstrap::bundled_files(share_dir)?;
        let mut contents = String::new();
        for file in &files {
            let n_bytes = std::fs::metadata(file)?.len();
            contents += &shown(file);
            contents += " ";
            contents += &n_bytes.to_string();
            contents += "\n";
        }
        Ok(Self {
            files,
            contents,
            note: data_dir.join("bundle"),
        })
    }

    fn is_indexed(&self) -> bool {
        std::fs::read_to_string(&self.note).is_ok_and(|noted| noted == self.contents)
    }

    pub(super) fn mark_indexed(&self) -> Result<()> {
        std::fs::write(&self.note, &self.contents)
            .with_context(|| format!("cannot write `{}`", self.note.display()))
    }
}

/// Imports `files` off the async threads; `shutdown` keeps what whole files were done.
pub(super) async fn files_with_progress(
    corpus: Arc<Corpus>,
    files: Vec<PathBuf>,
    shutdown: &CancellationToken,
) -> Result<Vec<(PathBuf, ImportReport)>> {
    let stop = shutdown.clone();
    let imported = tokio::task::spawn_blocking(move || import(&corpus, files, &stop)).await?;
    match imported {
        Err(error) if shutdown.is_cancelled() => Err(error.context(STOPPED)),
        Ok(_) if shutdown.is_cancelled() => bail!(STOPPED),
        imported => imported,
    }
}

fn import(
    corpus: &Corpus,
    files: Vec<PathBuf>,
    stop: &CancellationToken,
) -> Result<Vec<(PathBuf, ImportReport)>> {
    let style = ProgressStyle::with_template("{spinner} {msg:40} {pos:>8} documents  {elapsed}")?;
    let mut reports = Vec::new();
    for file in files {
        let bar = ProgressBar::new_spinner()
            .with_style(style.clone())
            .with_message(shown(&file));
        let report = corpus.import_file(&file, &mut |at| bar.set_position(at.n_lines), &|| {
            stop.is_cancelled()
        });
        bar.finish_and_clear();
        reports.push((file, report?));
        if stop.is_cancelled() {
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
