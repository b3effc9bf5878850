//! A corpus in a temporary folder, from the files that the repository brings along.

#![expect(dead_code, reason = "every test binary uses its own part of this")]

use std::{
    io::{BufRead, BufReader, Cursor},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use phagen_corpus::{Corpus, CorpusError, ImportReport};
use phagen_domain::{evidence::Page, query::CorpusRequest};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct TestCorpus {
    pub(crate) corpus: Corpus,
    pub(crate) folder: TempDir,
}

impl TestCorpus {
    pub(crate) fn empty() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let corpus = Corpus::open(folder.path()).expect("an empty corpus");
        Self { corpus, folder }
    }

    /// Of files in `data/corpus`.
    pub(crate) fn of_bundled(files: &[&str]) -> Self {
        let corpus = Self::empty();
        for file in files {
            let report = corpus
                .corpus
                .import_file(
                    &bundled(&format!("corpus/{file}.jsonl.gz")),
                    &mut |_| {},
                    &|| false,
                )
                .expect("a bundled file");
            assert_eq!(report.n_bad_lines, 0, "{file}: {:?}", report.bad_lines);
        }
        corpus
    }

    pub(crate) fn of_lines(lines: &str) -> Self {
        let corpus = Self::empty();
        let report = corpus.import(lines).expect("an import");
        assert_eq!(report.n_bad_lines, 0, "{:?}", report.bad_lines);
        corpus
    }

    pub(crate) fn import(&self, lines: &str) -> Result<ImportReport, CorpusError> {
        self.corpus
            .import(Cursor::new(lines), "lines", &mut |_| {}, &|| false)
    }

    pub(crate) fn search(&self, request: &CorpusRequest) -> Page {
        self.corpus.search(request).expect("a search")
    }

    /// Ids of every document that `request` finds, page by page.
    pub(crate) fn all(&self, request: &CorpusRequest) -> Vec<String> {
        let mut request = request.clone();
        let mut found = Vec::new();
        loop {
            let page = self.search(&request);
            found.extend(ids(&page));
            request.cursor = page.cursor;
            if request.cursor.is_none() {
                return found;
            }
        }
    }
}

pub(crate) fn bundled(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../data")
        .join(file)
}

pub(crate) fn ids(page: &Page) -> Vec<String> {
    page.candidates
        .iter()
        .map(|c| c.evidence.evidence_id.to_string())
        .collect()
}

pub(crate) fn for_names(names: &[&str]) -> CorpusRequest {
    CorpusRequest {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        limit: 200,
        ..CorpusRequest::default()
    }
}

pub(crate) fn for_text(text: &str) -> CorpusRequest {
    CorpusRequest {
        text: text.to_owned(),
        limit: 200,
        ..CorpusRequest::default()
    }
}

/// Name and synonyms of a drug in the bundled list.
pub(crate) fn names_of_drug(name: &str) -> Vec<String> {
    let file = std::fs::File::open(bundled("vocabulary/drugs.jsonl.gz")).expect("the drug list");
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let drug: Value = serde_json::from_str(&line.expect("a line")).expect("a drug");
        let texts = |value: &Value| -> Vec<String> {
            let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
            list.iter()
                .filter_map(|v| v.as_str())
                .map(str::to_owned)
                .collect()
        };
        let mut names = texts(&drug["synonyms"]);
        names.extend(drug["name"].as_str().map(str::to_owned));
        if names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return names;
        }
    }
    panic!("no drug `{name}` in the list");
}
