//! What the corpus holds, in numbers.

use std::{fs, path::Path};

use phagen_domain::evidence::EvidenceKind;
use serde::Serialize;

use crate::{
    CorpusError,
    index::{CorpusIndex, Snapshot},
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CorpusStats {
    pub n_documents: u64,
    /// Without titles.
    pub n_passages: u64,
    /// Kinds that have documents.
    pub by_kind: Vec<KindStats>,
    pub generation: u64,
    /// Size of the index on disk.
    pub index_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KindStats {
    pub kind: EvidenceKind,
    pub n_documents: u64,
    pub n_passages: u64,
}

pub(crate) fn of(index: &CorpusIndex) -> Result<CorpusStats, CorpusError> {
    let snapshot = index.snapshot()?;
    let mut by_kind = EvidenceKind::ALL.map(|kind| KindStats {
        kind,
        n_documents: 0,
        n_passages: 0,
    });
    count(&snapshot, &mut by_kind).map_err(CorpusError::index("counting documents"))?;
    Ok(CorpusStats {
        n_documents: by_kind.iter().map(|kind| kind.n_documents).sum(),
        n_passages: by_kind.iter().map(|kind| kind.n_passages).sum(),
        by_kind: by_kind.into_iter().filter(|k| k.n_documents > 0).collect(),
        generation: snapshot.generation,
        index_bytes: folder_bytes(&index.dir),
    })
}

fn count(snapshot: &Snapshot, by_kind: &mut [KindStats]) -> tantivy::Result<()> {
    for segment in snapshot.searcher.segment_readers() {
        let kinds = segment.fast_fields().u64("kind")?;
        let n_passages = segment.fast_fields().u64("n_passages")?;
        for document in segment.doc_ids_alive() {
            let code = kinds
                .first(document)
                .and_then(|code| usize::try_from(code).ok());
            if let Some(kind) = code.and_then(|code| by_kind.get_mut(code)) {
                kind.n_documents += 1;
                kind.n_passages += n_passages.first(document).unwrap_or_default();
            }
        }
    }
    Ok(())
}

/// What cannot be read counts nothing: another process may just be removing it.
fn folder_bytes(dir: &Path) -> u64 {
    fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.metadata().ok())
        .map(|meta| meta.len())
        .sum()
}
