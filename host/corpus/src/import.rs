//! Takes documents in: what is new is added, what changed replaces what was, the rest is skipped.
//!
//! A file is one commit. Until then nobody sees any of it, and a stop, an error or a crash leaves
//! the corpus as it was.

use std::{collections::HashMap, io::BufRead, time::Instant};

use phagen_domain::{digest::Digest, evidence::Evidence};
use serde::Serialize;
use tantivy::IndexWriter;

use crate::{
    CorpusError,
    index::{CorpusIndex, Snapshot},
    lines::{Line, Lines},
    shape,
};

/// Bad lines that a report names; the rest are counted.
pub(crate) const MAX_NAMED_BAD_LINES: usize = 100;

/// Lines between two looks at the stop sign.
const LINES_PER_LOOK: u64 = 64;

/// Lines between two reports of progress.
const LINES_PER_REPORT: u64 = 256;

/// How far an import has come.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ImportProgress {
    /// Of the file.
    pub name: String,
    pub n_lines: u64,
    /// Documents read, changed or not.
    pub n_documents: u64,
    /// Passages of documents that were added or updated.
    pub n_passages: u64,
    pub n_bad_lines: u64,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ImportReport {
    pub n_lines: u64,
    pub n_added: u64,
    pub n_updated: u64,
    pub n_unchanged: u64,
    /// Passages of documents that were added or updated.
    pub n_passages: u64,
    /// All bad lines; a page with three bad records counts three.
    pub n_bad_lines: u64,
    /// The first of them.
    pub bad_lines: Vec<BadLine>,
    pub seconds: f64,
}

/// A line that holds no document, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadLine {
    /// Counted from 1.
    pub line: u64,
    pub reason: String,
}

pub(crate) fn run(
    index: &CorpusIndex,
    reader: impl BufRead,
    name: &str,
    progress: &mut dyn FnMut(&ImportProgress),
    stop: &dyn Fn() -> bool,
) -> Result<ImportReport, CorpusError> {
    let started = Instant::now();
    // The lock first: what is unchanged is only known while nobody else writes.
    let writer = index.writer()?;
    let mut import = Import {
        index,
        before: index.snapshot()?,
        writer,
        seen: HashMap::new(),
        report: ImportReport::default(),
    };
    if let Err(error) = import.read_all(reader, name, progress, stop) {
        CorpusIndex::discard(import.writer)?;
        return Err(error);
    }
    progress(&import.progress(name));
    let mut report = import.report;
    if report.n_added + report.n_updated > 0 {
        index.publish(import.writer)?;
    }
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

struct Import<'a> {
    index: &'a CorpusIndex,
    before: std::sync::Arc<Snapshot>,
    writer: IndexWriter,
    /// Content by id, both cut to eight bytes, of what this import has written: a document that
    /// comes twice in one file is seen as the change it is.
    seen: HashMap<u64, u64>,
    report: ImportReport,
}

impl Import<'_> {
    fn read_all(
        &mut self,
        reader: impl BufRead,
        name: &str,
        progress: &mut dyn FnMut(&ImportProgress),
        stop: &dyn Fn() -> bool,
    ) -> Result<(), CorpusError> {
        let mut lines = Lines::new(reader);
        loop {
            let line = lines.next().map_err(|source| CorpusError::Read {
                name: name.to_owned(),
                source,
            })?;
            let Some(line) = line else {
                return Ok(());
            };
            self.report.n_lines += 1;
            match line {
                Line::Text("") => {}
                Line::Text(text) => self.take_documents(text)?,
                Line::Bad(reason) => self.name_bad_line(reason),
            }
            if self.report.n_lines % LINES_PER_LOOK == 1 && stop() {
                return Err(CorpusError::Stopped {
                    name: name.to_owned(),
                    n_lines: self.report.n_lines,
                });
            }
            if self.report.n_lines.is_multiple_of(LINES_PER_REPORT) {
                progress(&self.progress(name));
            }
        }
    }

    fn take_documents(&mut self, text: &str) -> Result<(), CorpusError> {
        for document in shape::documents(text) {
            match document {
                Ok(evidence) => self.take(&evidence)?,
                Err(reason) => self.name_bad_line(reason),
            }
        }
        Ok(())
    }

    fn take(&mut self, evidence: &Evidence) -> Result<(), CorpusError> {
        let json = serde_json::to_vec(evidence).map_err(CorpusError::Stored)?;
        let content = short_digest(&json);
        match self.known_content(evidence)? {
            Some(known) if known == content => {
                self.report.n_unchanged += 1;
                return Ok(());
            }
            Some(_) => {
                self.writer
                    .delete_term(self.index.fields.id_term(&evidence.evidence_id));
                self.report.n_updated += 1;
            }
            None => self.report.n_added += 1,
        }
        self.writer
            .add_document(self.index.fields.document(evidence, &json, content))
            .map_err(CorpusError::index("adding a document"))?;
        self.seen.insert(
            short_digest(evidence.evidence_id.as_str().as_bytes()),
            content,
        );
        self.report.n_passages += evidence.passages.len() as u64;
        Ok(())
    }

    /// Content of the document with the same id: as this import wrote it, else as it was before.
    fn known_content(&self, evidence: &Evidence) -> Result<Option<u64>, CorpusError> {
        let id = &evidence.evidence_id;
        if let Some(content) = self.seen.get(&short_digest(id.as_str().as_bytes())) {
            return Ok(Some(*content));
        }
        let Some(address) = self.before.find(&self.index.fields, id)? else {
            return Ok(None);
        };
        let contents = self
            .before
            .searcher
            .segment_reader(address.segment_ord)
            .fast_fields()
            .u64("content")
            .map_err(CorpusError::index("reading what is known of a document"))?;
        Ok(contents.first(address.doc_id))
    }

    fn name_bad_line(&mut self, reason: String) {
        self.report.n_bad_lines += 1;
        if self.report.bad_lines.len() < MAX_NAMED_BAD_LINES {
            self.report.bad_lines.push(BadLine {
                line: self.report.n_lines,
                reason,
            });
        }
    }

    fn progress(&self, name: &str) -> ImportProgress {
        let report = &self.report;
        ImportProgress {
            name: name.to_owned(),
            n_lines: report.n_lines,
            n_documents: report.n_added + report.n_updated + report.n_unchanged,
            n_passages: report.n_passages,
            n_bad_lines: report.n_bad_lines,
        }
    }
}

fn short_digest(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&Digest::of(bytes).as_bytes()[..8]);
    u64::from_le_bytes(first)
}
