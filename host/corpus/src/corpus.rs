//! The corpus as other rooms see it.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;
use phagen_domain::{
    digest::Digest,
    evidence::{Evidence, EvidenceId, Page},
    query::CorpusRequest,
};

use crate::{
    CorpusError, CorpusStats, ImportProgress, ImportReport, import, index::CorpusIndex, search,
    stats,
};

/// Bytes read from a file at once.
const READ_BYTES: usize = 256 * 1024;

/// Documents in one folder. Any number of processes may read it, and one at a time import.
pub struct Corpus {
    index: CorpusIndex,
}

impl Corpus {
    /// Opens the corpus in `dir`, an empty one when there is none.
    ///
    /// # Errors
    /// When the folder cannot be used, or holds an index of another version.
    pub fn open(dir: &Path) -> Result<Self, CorpusError> {
        Ok(Self {
            index: CorpusIndex::open(dir)?,
        })
    }

    /// Opens a finished index, which is named by `digest` and never changes. It is not looked for on
    /// disk again, so its folder may go while it is open.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_snapshot(dir: &Path, digest: Digest) -> Result<Self, CorpusError> {
        Ok(Self {
            index: CorpusIndex::open_snapshot(dir, digest)?,
        })
    }

    /// Names of the files that its last commit needs, in its folder; nothing else there counts.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn files(&self) -> Result<Vec<String>, CorpusError> {
        self.index.files()
    }

    /// Takes in the documents of `reader`, one JSON object a line, as one commit at its end.
    ///
    /// `name` stands in messages. `stop` is asked every few lines; when it says yes, the corpus
    /// stays as it was.
    ///
    /// # Errors
    /// [`CorpusError::Stopped`], [`CorpusError::Busy`], or what the disk said. Lines that hold no
    /// document are no error: the report names them.
    pub fn import(
        &self,
        reader: impl BufRead,
        name: &str,
        progress: &mut dyn FnMut(&ImportProgress),
        stop: &dyn Fn() -> bool,
    ) -> Result<ImportReport, CorpusError> {
        import::run(&self.index, reader, name, progress, stop)
    }

    /// [`Self::import`] of a file, compressed with gzip or not.
    ///
    /// # Errors
    /// As [`Self::import`], and when the file cannot be opened.
    pub fn import_file(
        &self,
        path: &Path,
        progress: &mut dyn FnMut(&ImportProgress),
        stop: &dyn Fn() -> bool,
    ) -> Result<ImportReport, CorpusError> {
        let name = path.display().to_string();
        let failed = |source| CorpusError::Read {
            name: name.clone(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let mut file = BufReader::with_capacity(READ_BYTES, file);
        let is_gzip = file.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
        let bytes: Box<dyn Read> = if is_gzip {
            Box::new(MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        };
        let reader = BufReader::with_capacity(READ_BYTES, bytes);
        self.import(reader, &name, progress, stop)
    }

    /// Documents that answer `request`, best first.
    ///
    /// Every candidate carries the signals `bm25_title`, `bm25_body` and `source_rank`. A document
    /// without a date is none of any year.
    ///
    /// # Errors
    /// [`CorpusError::InvalidRequest`] and [`CorpusError::InvalidCursor`] are the caller's.
    pub fn search(&self, request: &CorpusRequest) -> Result<Page, CorpusError> {
        search::run(&self.index, request)
    }

    /// The evidence with this id.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn find(&self, id: &EvidenceId) -> Result<Option<Evidence>, CorpusError> {
        let snapshot = self.index.snapshot()?;
        snapshot
            .find(&self.index.fields, id)?
            .map(|address| Ok(snapshot.evidence(&self.index.fields, address)?.0))
            .transpose()
    }

    /// What the corpus holds.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn stats(&self) -> Result<CorpusStats, CorpusError> {
        stats::of(&self.index)
    }

    /// Grows with every commit that changed something. When the disk cannot be asked, that of the
    /// state last seen.
    pub fn generation(&self) -> u64 {
        self.index
            .snapshot()
            .map_or_else(|_| self.index.held().generation, |now| now.generation)
    }

    /// Names what is searched, a finished index by its digest and any other by its segments: two
    /// corpora of one state answer alike, wherever they lie. Otherwise as [`Corpus::generation`].
    pub fn state(&self) -> Digest {
        self.index
            .snapshot()
            .map_or_else(|_| self.index.held().state, |now| now.state)
    }
}
