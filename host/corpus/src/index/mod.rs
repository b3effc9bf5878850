//! The Tantivy index: its fields, how it is opened, and which state of it is searched.

mod fields;
mod files;

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use phagen_domain::{
    digest::Digest,
    evidence::{Evidence, EvidenceId},
};
use tantivy::{
    DocAddress, DocSet, Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument,
    TantivyError,
    directory::{MmapDirectory, error::LockError},
    merge_policy::LogMergePolicy,
    schema::{IndexRecordOption, Schema, Value},
};

pub(crate) use fields::Fields;

use crate::{CorpusError, analyser};

/// Memory of one import, in bytes: what is gathered before it is written out.
const WRITER_MEMORY_BYTES: usize = 50_000_000;

/// Decompressed blocks of stored documents that are kept, each of 16 KiB.
const N_CACHED_BLOCKS: usize = 64;

/// The index in one folder, and the state of it that is searched.
pub(crate) struct CorpusIndex {
    pub(crate) dir: PathBuf,
    index: Index,
    pub(crate) fields: Fields,
    reader: IndexReader,
    current: RwLock<Arc<Snapshot>>,
    /// Of one that is finished: it has one state for good.
    digest: Option<Digest>,
    /// Held while the state changes, so that nobody loads one that is half made.
    changing: Mutex<()>,
}

/// One committed state, as long as somebody needs it.
pub(crate) struct Snapshot {
    pub(crate) searcher: Searcher,
    /// Count of operations up to its commit: grows with every commit.
    pub(crate) generation: u64,
    /// Names the very segments, since a merge moves documents without a new generation.
    pub(crate) state: Digest,
    mark: FileMark,
}

/// Tells one `meta.json` from the next, which Tantivy puts in its place with every commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileMark {
    inode: u64,
    n_bytes: u64,
    modified: (i64, i64),
}

impl CorpusIndex {
    pub(crate) fn open(dir: &Path) -> Result<Self, CorpusError> {
        Self::open_as(dir, None)
    }

    pub(crate) fn open_snapshot(dir: &Path, digest: Digest) -> Result<Self, CorpusError> {
        Self::open_as(dir, Some(digest))
    }

    fn open_as(dir: &Path, digest: Option<Digest>) -> Result<Self, CorpusError> {
        fs::create_dir_all(dir).map_err(|source| CorpusError::CreateFolder {
            dir: dir.to_owned(),
            source,
        })?;
        let failed = |source| match source {
            TantivyError::SchemaError(_) | TantivyError::IncompatibleIndex(_) => {
                CorpusError::Incompatible {
                    dir: dir.to_owned(),
                }
            }
            source => CorpusError::Open {
                dir: dir.to_owned(),
                source,
            },
        };
        let (schema, fields) = fields::schema();
        let directory = MmapDirectory::open(dir).map_err(|error| failed(error.into()))?;
        let index = match digest {
            None => Index::open_or_create(directory, schema),
            Some(_) => Index::open(directory).and_then(|index| fitting(index, &schema)),
        };
        let index = index.map_err(failed)?;
        index
            .tokenizers()
            .register(analyser::NAME, analyser::build());
        // Never by itself: a search looks whether there is something newer, which costs a
        // microsecond, needs no thread, and shows other processes' commits at once.
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .doc_store_cache_num_blocks(N_CACHED_BLOCKS)
            .try_into()
            .map_err(failed)?;
        let mut snapshot = load(dir, &index, &reader)?;
        if let Some(digest) = digest {
            snapshot.state = digest;
        }
        Ok(Self {
            dir: dir.to_owned(),
            index,
            fields,
            reader,
            current: RwLock::new(Arc::new(snapshot)),
            digest,
            changing: Mutex::new(()),
        })
    }

    /// The newest committed state; while this process is committing, the one before.
    pub(crate) fn snapshot(&self) -> Result<Arc<Snapshot>, CorpusError> {
        let held = self.held();
        if self.digest.is_some() {
            return Ok(held);
        }
        if file_mark(&self.dir).is_ok_and(|mark| mark == held.mark) {
            return Ok(held);
        }
        match self.changing.try_lock() {
            Ok(_guard) => self.refresh(),
            Err(_) => Ok(held),
        }
    }

    /// The state last loaded, without a look at the disk.
    pub(crate) fn held(&self) -> Arc<Snapshot> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    fn refresh(&self) -> Result<Arc<Snapshot>, CorpusError> {
        let snapshot = Arc::new(load(&self.dir, &self.index, &self.reader)?);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::clone(&snapshot);
        Ok(snapshot)
    }

    /// The one writer that there may be, in all processes; it goes when it is dropped.
    pub(crate) fn writer(&self) -> Result<IndexWriter, CorpusError> {
        // One thread: documents keep their order, and a second core is busy reading the file.
        let writer: IndexWriter = self
            .index
            .writer_with_num_threads(1, WRITER_MEMORY_BYTES)
            .map_err(|source| match source {
                TantivyError::LockFailure(LockError::LockBusy, _) => CorpusError::Busy {
                    dir: self.dir.clone(),
                },
                source => CorpusError::Index {
                    doing: "opening the writer",
                    source,
                },
            })?;
        // Few small segments are left lying: every one costs each search a look at every word.
        let mut policy = LogMergePolicy::default();
        policy.set_min_num_segments(4);
        writer.set_merge_policy(Box::new(policy));
        Ok(writer)
    }

    /// Makes all that `writer` was given visible at once, and shows it to this process's readers
    /// when the merges it caused are done.
    pub(crate) fn publish(&self, mut writer: IndexWriter) -> Result<(), CorpusError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        writer
            .commit()
            .map_err(CorpusError::index("committing an import"))?;
        writer
            .wait_merging_threads()
            .map_err(CorpusError::index("merging segments"))?;
        self.refresh()?;
        Ok(())
    }

    /// Forgets all that `writer` was given, its files too.
    pub(crate) fn discard(mut writer: IndexWriter) -> Result<(), CorpusError> {
        writer
            .rollback()
            .and_then(|_| writer.garbage_collect_files().wait())
            .map_err(CorpusError::index("taking back an import"))?;
        Ok(())
    }
}

/// [`Index::open_or_create`] asks this itself.
fn fitting(index: Index, schema: &Schema) -> tantivy::Result<Index> {
    if index.schema() == *schema {
        return Ok(index);
    }
    let other = "the index has other fields".to_owned();
    Err(TantivyError::SchemaError(other))
}

/// Loads the committed state together with its generation: again, when a commit came in between.
fn load(dir: &Path, index: &Index, reader: &IndexReader) -> Result<Snapshot, CorpusError> {
    let looking = |source: io::Error| CorpusError::Index {
        doing: "looking at `meta.json`",
        source: source.into(),
    };
    loop {
        let mark = file_mark(dir).map_err(looking)?;
        let meta = index
            .load_metas()
            .map_err(CorpusError::index("reading `meta.json`"))?;
        reader
            .reload()
            .map_err(CorpusError::index("loading the segments"))?;
        if file_mark(dir).map_err(looking)? == mark {
            let searcher = reader.searcher();
            let segments = format!("{:?}", searcher.generation().segments());
            return Ok(Snapshot {
                searcher,
                generation: meta.opstamp,
                state: Digest::of(segments.as_bytes()),
                mark,
            });
        }
    }
}

fn file_mark(dir: &Path) -> io::Result<FileMark> {
    let meta = fs::metadata(dir.join("meta.json"))?;
    Ok(FileMark {
        inode: meta.ino(),
        n_bytes: meta.len(),
        modified: (meta.mtime(), meta.mtime_nsec()),
    })
}

impl Snapshot {
    pub(crate) fn evidence(
        &self,
        fields: &Fields,
        address: DocAddress,
    ) -> Result<(Evidence, usize), CorpusError> {
        let document: TantivyDocument = self
            .searcher
            .doc(address)
            .map_err(CorpusError::index("reading a document"))?;
        let json = document
            .get_first(fields.evidence)
            .and_then(|value| value.as_bytes())
            .unwrap_or_default();
        let evidence = serde_json::from_slice(json).map_err(CorpusError::Stored)?;
        Ok((evidence, json.len()))
    }

    /// Where the living document with this id stands.
    pub(crate) fn find(
        &self,
        fields: &Fields,
        id: &EvidenceId,
    ) -> Result<Option<DocAddress>, CorpusError> {
        let term = fields.id_term(id);
        for (ord, segment) in (0..).zip(self.searcher.segment_readers()) {
            let postings = segment
                .inverted_index(fields.id)
                .and_then(|index| Ok(index.read_postings(&term, IndexRecordOption::Basic)?))
                .map_err(CorpusError::index("looking up an evidence id"))?;
            let Some(mut postings) = postings else {
                continue;
            };
            while postings.doc() != tantivy::TERMINATED {
                if !segment.is_deleted(postings.doc()) {
                    return Ok(Some(DocAddress::new(ord, postings.doc())));
                }
                postings.advance();
            }
        }
        Ok(None)
    }
}
