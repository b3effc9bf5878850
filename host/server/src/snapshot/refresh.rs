//! Sources that are configured as files: each is imported again once it has changed. Any process with
//! workers may look; the database gives the tick to one of them. Nothing is fetched from anywhere.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use phagen_corpus::Taken;
use phagen_domain::digest::{Digest, Digesting};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{Begin, Importing, SnapshotError, Snapshots, blocking};
use crate::{causes, house::House};

/// The chore, as its tick is called.
const REFRESH: &str = "refresh-corpus";
/// How often a process asks for the tick.
const ASK_EVERY: Duration = Duration::from_mins(1);
/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;
/// What counts in a folder of sources.
const ENDINGS: [&str; 2] = [".jsonl", ".jsonl.gz"];

/// A configured file as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    /// As configured, with its own name where a folder is.
    name: String,
    path: PathBuf,
    digest: Digest,
}

/// Asks until shutdown; returns at once where nothing is configured.
pub async fn run(house: Arc<House>, shutdown: CancellationToken) {
    let settings = &house.settings.corpus;
    if settings.refresh.is_empty() {
        return;
    }
    let mut interval = tokio::time::interval(ASK_EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shutdown
        .run_until_cancelled(interval.tick())
        .await
        .is_some()
    {
        match house
            .store
            .take_tick(REFRESH, settings.refresh_every())
            .await
        {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => {
                tracing::warn!(%error, "the corpus is not refreshed; the next look tries again");
                continue;
            }
        }
        if let Err(error) = house.snapshots.refresh(&settings.refresh, &shutdown).await {
            let error = causes::told(&error);
            tracing::error!(%error, "the corpus is not refreshed until the next tick: {error}");
        }
    }
}

impl Snapshots {
    /// Imports what has changed of `configured` since it was last imported. Returns how many files.
    ///
    /// # Errors
    /// When nothing can be published; and when a file cannot be read, after the others were imported.
    pub async fn refresh(
        &self,
        configured: &[PathBuf],
        shutdown: &CancellationToken,
    ) -> Result<usize, SnapshotError> {
        let configured = configured.to_vec();
        let (sources, unread) = blocking(move || Ok(sources(&configured))).await?;
        let taken = self.manifest().await?.map(|manifest| manifest.taken);
        if changed_sources(&sources, &taken.unwrap_or_default()).is_empty() {
            return unread.map_or(Ok(0), Err);
        }
        let built = self
            .build(Begin::Wait, shutdown, move |importing| {
                import(importing, &sources)
            })
            .await?;
        let (n_files, failed) = built.answer;
        if n_files > 0 {
            tracing::info!(
                n_files,
                "refreshed the corpus from {n_files} files that changed"
            );
        }
        failed.or(unread).map_or(Ok(n_files), Err)
    }
}

/// Those that are not what was imported last.
fn changed_sources(sources: &[Source], taken: &Taken) -> Vec<Source> {
    let is_known = |source: &&Source| taken.sources.get(&source.name) == Some(&source.digest);
    sources
        .iter()
        .filter(|one| !is_known(one))
        .cloned()
        .collect()
}

/// How many files were imported, and what went wrong first. One that fails does not hold up the
/// others, and is tried again at the next tick.
fn import(importing: &mut Importing, sources: &[Source]) -> (usize, Option<SnapshotError>) {
    let (mut n_files, mut failed) = (0, None);
    for source in changed_sources(sources, &importing.taken) {
        let stop = importing.stop.clone();
        let imported = importing
            .corpus
            .import_file(&source.path, &mut |_| {}, &|| stop.is_cancelled());
        match imported {
            Ok(report) => {
                if report.n_bad_lines > 0 {
                    tracing::warn!(
                        source = %source.name, n_bad_lines = report.n_bad_lines,
                        "{} lines of `{}` hold no document", report.n_bad_lines, source.name
                    );
                }
                n_files += 1;
                importing.taken.sources.insert(source.name, source.digest);
            }
            Err(error) => failed = failed.or(Some(error.into())),
        }
        if importing.is_stopped() {
            break;
        }
    }
    (n_files, failed)
}

/// The files of a configuration, in the order of their names, and what could not be read first.
fn sources(configured: &[PathBuf]) -> (Vec<Source>, Option<SnapshotError>) {
    let (mut found, mut failed) = (Vec::new(), None);
    let mut fail = |path: &Path, cause| {
        let path = path.to_owned();
        failed.get_or_insert(SnapshotError::Source { path, cause });
    };
    for path in configured {
        let files = files_of(path).unwrap_or_else(|cause| {
            fail(path, cause);
            Vec::new()
        });
        // One file that cannot be read does not hold up the rest of its folder.
        for file in files {
            match source(&file) {
                Ok(source) => found.push(source),
                Err(cause) => fail(&file, cause),
            }
        }
    }
    (found, failed)
}

fn source(path: &Path) -> io::Result<Source> {
    Ok(Source {
        name: path.to_string_lossy().into_owned(),
        digest: digest_of(path)?,
        path: path.to_owned(),
    })
}

fn files_of(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        let name = path.to_string_lossy();
        if ENDINGS.iter().any(|ending| name.ends_with(ending)) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Of bytes that need not fit into memory.
pub(crate) fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut digesting = Digesting::default();
    let mut bytes = vec![0; READ_BYTES];
    loop {
        let n_bytes = file.read(&mut bytes)?;
        if n_bytes == 0 {
            return Ok(digesting.digest());
        }
        digesting.update(&bytes[..n_bytes]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_its_files_of_documents() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (name, text) in [("b.jsonl", "b"), ("a.jsonl.gz", "a"), ("notes.txt", "c")] {
            fs::write(at(name), text).unwrap();
        }
        fs::create_dir(at("c.jsonl")).unwrap();
        let (listed, failed) = sources(&[dir.path().to_owned(), at("notes.txt")]);
        assert!(failed.is_none(), "{failed:?}");
        let paths: Vec<&Path> = listed.iter().map(|source| &*source.path).collect();
        assert_eq!(paths, [at("a.jsonl.gz"), at("b.jsonl"), at("notes.txt")]);
        assert_eq!(listed[0].digest, Digest::of(b"a"));
        let (listed, failed) = sources(&[at("nowhere"), at("b.jsonl")]);
        assert_eq!(listed.len(), 1, "the others are there");
        let error = failed.unwrap().to_string();
        assert!(error.contains("nowhere"), "{error}");
    }

    #[test]
    fn what_was_imported_as_it_is_now_has_not_changed() {
        let source = |text: &str| Source {
            name: "a.jsonl".to_owned(),
            path: PathBuf::from("a.jsonl"),
            digest: Digest::of(text.as_bytes()),
        };
        let n_changed = |source: &Source, taken: &Taken| {
            changed_sources(std::slice::from_ref(source), taken).len()
        };
        let (before, after) = (source("before"), source("after"));
        let mut taken = Taken::default();
        assert_eq!(n_changed(&before, &taken), 1);
        for now in [&before, &after, &before] {
            taken.sources.insert(now.name.clone(), now.digest);
            assert_eq!(n_changed(now, &taken), 0);
        }
        assert_eq!(n_changed(&after, &taken), 1);
    }
}
