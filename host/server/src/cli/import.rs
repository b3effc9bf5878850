//! Filling the index with a progress bar, for every command that may have to.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use phagen_corpus::{ImportReport, Taken};
use phagen_domain::digest::Digest;
use tokio_util::sync::CancellationToken;

use super::write;
use crate::{
    bootstrap, causes,
    house::House,
    snapshot::{self, Begin, Importing, SnapshotError, Snapshots},
};

/// Bad lines shown per file; the rest are counted.
const BAD_LINES_SHOWN: usize = 5;
const STOPPED: &str =
    "import stopped; whole files before the stop are kept, and running it again skips them";

/// Lets this process serve what all serve, with the bundled corpus in it: fetched where another has
/// built it, else built here.
pub(super) async fn bundled_once(house: &House, shutdown: &CancellationToken) -> Result<()> {
    let bundle = Bundle::find(&house.share_dir)?;
    // What it fetches may be gigabytes.
    let caught_up = shutdown.run_until_cancelled(house.snapshots.catch_up());
    let Some(caught_up) = caught_up.await else {
        bail!(STOPPED);
    };
    let begin = match caught_up {
        Ok(_) if house.corpus.generation() > 0 => Begin::Now,
        Ok(_) => Begin::Wait,
        // Alone on its database, a process can only lose its own index: it is built again.
        Err(error) if error.is_missing() && house.settings.database.url.is_none() => {
            tracing::error!(%error, "the corpus index is lost; the bundled corpus is indexed again, your own imports must be repeated: {error}");
            Begin::Anew
        }
        // There is an older one to serve with, and the rest is caught up with once it can be.
        Err(error) if error.is_retriable() && house.corpus.generation() > 0 => {
            tracing::error!(%error, "the corpus index that serves elsewhere cannot be fetched; the one before goes on: {error}");
            return Ok(());
        }
        Err(error) => return Err(error).context("cannot get the corpus index that serves"),
    };
    let taken = house.snapshots.manifest().await?.map(|m| m.taken);
    if begin != Begin::Anew && taken.is_some_and(|taken| bundle.is_in(&taken)) {
        return Ok(());
    }
    let imported = import(&house.snapshots, begin, bundle.files, shutdown).await;
    let reports = match imported {
        // There is an index to serve with; the next start brings what is new.
        Err(error) if begin == Begin::Now && is_for_later(&error) => {
            let error = causes::told(&*error);
            tracing::warn!("what is new in the bundled corpus is left to the next start: {error}");
            return Ok(());
        }
        imported => imported?,
    };
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

/// Whether another imports, or what stores or names the index does not answer now.
fn is_for_later(error: &anyhow::Error) -> bool {
    match error.downcast_ref() {
        Some(SnapshotError::UnderWay(_) | SnapshotError::TurnLost) => true,
        Some(error) => error.is_retriable(),
        None => false,
    }
}

/// A file to import, and its digest where it is one of the bundle.
pub(super) type Given = (PathBuf, Option<Digest>);

/// The bundled files with their digests: an import that was stopped is taken up again, a newer bundle
/// is noticed, and an older one changes nothing that a newer one brought.
pub(super) struct Bundle {
    pub(super) files: Vec<Given>,
}

impl Bundle {
    pub(super) fn find(share_dir: &Path) -> Result<Self> {
        let mut files = Vec::new();
        for file in bootstrap::bundled_files(share_dir)? {
            let digest = snapshot::digest_of(&file)
                .with_context(|| format!("cannot read `{}`", file.display()))?;
            files.push((file, Some(digest)));
        }
        Ok(Self { files })
    }

    fn is_in(&self, taken: &Taken) -> bool {
        let mut digests = self.files.iter().filter_map(|(_, digest)| *digest);
        digests.all(|digest| taken.bundled.contains(&digest))
    }
}

/// Imports `files` into the next index and lets it serve; `shutdown` keeps what whole files were done.
pub(super) async fn import(
    snapshots: &Snapshots,
    begin: Begin,
    files: Vec<Given>,
    shutdown: &CancellationToken,
) -> Result<Vec<(PathBuf, ImportReport)>> {
    let built = snapshots
        .build(begin, shutdown, move |importing| {
            let reports = files_with_progress(importing, files);
            // Half of an index that begins anew would take the place of a whole one.
            let is_whole = reports.is_ok() && !importing.is_stopped();
            importing.is_given_up = begin == Begin::Anew && !is_whole;
            reports
        })
        .await;
    match built {
        Err(SnapshotError::Stopped) => bail!(STOPPED),
        Ok(built) if shutdown.is_cancelled() => match built.answer {
            Err(error) => Err(error.context(STOPPED)),
            Ok(_) => bail!(STOPPED),
        },
        built => built?.answer,
    }
}

fn files_with_progress(
    importing: &mut Importing,
    files: Vec<Given>,
) -> Result<Vec<(PathBuf, ImportReport)>> {
    let style = ProgressStyle::with_template("{spinner} {msg:40} {pos:>8} documents  {elapsed}")?;
    let stop = importing.stop.clone();
    let mut reports = Vec::new();
    for (file, bundled) in files {
        if bundled.is_some_and(|digest| importing.taken.bundled.contains(&digest)) {
            continue;
        }
        let bar = ProgressBar::new_spinner()
            .with_style(style.clone())
            .with_message(shown(&file));
        let report =
            importing
                .corpus
                .import_file(&file, &mut |at| bar.set_position(at.n_lines), &|| {
                    stop.is_cancelled()
                });
        bar.finish_and_clear();
        reports.push((file, report?));
        importing.taken.bundled.extend(bundled);
        if importing.is_stopped() {
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
