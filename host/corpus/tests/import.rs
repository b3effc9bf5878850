//! What an import adds, replaces, skips and refuses, and what is left when it is stopped.

mod common;

use std::{
    cell::Cell,
    fs::{self, File},
    io::{self, BufReader, Cursor, Read, Write},
};

use common::{TestCorpus, bundled, for_names};
use flate2::{Compression, write::GzEncoder};
use phagen_corpus::{Corpus, CorpusError};

fn own(id: &str, title: &str) -> String {
    let line = serde_json::json!({"id": id, "kind": "literature", "title": title, "text": "Body."});
    format!("{line}\n")
}

#[test]
fn the_unchanged_is_skipped_and_the_generation_stays() {
    let corpus = TestCorpus::empty();
    let file = bundled("corpus/trials.jsonl.gz");
    let import = || {
        corpus
            .corpus
            .import_file(&file, &mut |_| {}, &|| false)
            .unwrap()
    };
    assert_eq!(corpus.corpus.generation(), 0);
    let first = import();
    assert_eq!(
        (first.n_lines, first.n_added, first.n_unchanged),
        (233, 233, 0)
    );
    assert!(first.n_passages > 233 && first.seconds > 0.0);
    let generation = corpus.corpus.generation();
    assert!(generation > 0);
    let second = import();
    assert_eq!(
        (second.n_added, second.n_updated, second.n_unchanged),
        (0, 0, 233)
    );
    assert_eq!(second.n_passages, 0);
    assert_eq!(corpus.corpus.generation(), generation);
    assert_eq!(corpus.corpus.stats().unwrap().n_documents, 233);
}

#[test]
fn a_changed_document_replaces_the_old_and_the_last_of_two_wins() {
    let corpus = TestCorpus::of_lines(&(own("a", "Aspirin") + &own("b", "Heparin")));
    let generation = corpus.corpus.generation();
    let report = corpus
        .import(
            &(own("a", "Warfarin")
                + &own("c", "Aspirin")
                + &own("c", "Insulin")
                + &own("c", "Insulin")),
        )
        .unwrap();
    assert_eq!(
        (report.n_added, report.n_updated, report.n_unchanged),
        (1, 2, 1)
    );
    assert!(corpus.corpus.generation() > generation);
    assert!(corpus.all(&for_names(&["aspirin"])).is_empty());
    assert_eq!(corpus.all(&for_names(&["warfarin"])), ["a"]);
    assert_eq!(corpus.all(&for_names(&["insulin"])), ["c"]);
    assert_eq!(corpus.corpus.stats().unwrap().n_documents, 3);
}

#[test]
fn bad_lines_are_named_and_the_good_ones_kept() {
    let corpus = TestCorpus::empty();
    let mut bytes = own("a", "Aspirin").into_bytes();
    bytes.extend(b"\n{\"id\":\"b\",\"kind\n\xff\xfe{}\n{\"unknown\":1}\n");
    bytes.extend(vec![b'x'; 4 * 1024 * 1024 + 1]);
    bytes.push(b'\n');
    bytes.extend(own("c", "Heparin").trim_end().as_bytes());
    let report = corpus
        .corpus
        .import(Cursor::new(bytes), "lines", &mut |_| {}, &|| false)
        .unwrap();
    assert_eq!(
        (report.n_lines, report.n_added, report.n_bad_lines),
        (7, 2, 4)
    );
    let seen: Vec<_> = report
        .bad_lines
        .iter()
        .map(|b| (b.line, b.reason.as_str()))
        .collect();
    for ((line, reason), (expected_line, expected)) in seen.into_iter().zip([
        (3, "is not JSON"),
        (4, "is not UTF-8 from byte 0 on"),
        (5, "has no known shape"),
        (6, "has 4194305 bytes; a line may have 4194304"),
    ]) {
        assert_eq!(line, expected_line);
        assert!(reason.starts_with(expected), "{reason}");
    }
    assert_eq!(corpus.all(&for_names(&["heparin"])), ["c"]);
}

#[test]
fn a_hundred_bad_lines_are_named_and_all_are_counted() {
    let report = TestCorpus::empty().import(&"no\n".repeat(250)).unwrap();
    assert_eq!((report.n_bad_lines, report.bad_lines.len()), (250, 100));
}

#[test]
fn a_compressed_file_that_was_cut_off_keeps_what_can_be_read() {
    let corpus = TestCorpus::empty();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    for n in 0..200 {
        gzip.write_all(own(&format!("d{n}"), "Aspirin").as_bytes())
            .unwrap();
    }
    let whole = gzip.finish().unwrap();
    let path = corpus.folder.path().join("cut.jsonl.gz");
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let report = corpus
        .corpus
        .import_file(&path, &mut |_| {}, &|| false)
        .unwrap();
    assert_eq!(report.n_bad_lines, 1);
    assert_eq!(report.bad_lines[0].line, report.n_lines);
    assert!(report.bad_lines[0].reason.contains("corrupt or cut off"));
    assert!((50..150).contains(&report.n_added), "{}", report.n_added);
    assert_eq!(report.n_added + 1, report.n_lines);
    assert_eq!(corpus.corpus.stats().unwrap().n_documents, report.n_added);
}

#[test]
fn a_stop_in_the_middle_leaves_the_corpus_as_it_was() {
    let corpus = TestCorpus::of_lines(&own("a", "Aspirin"));
    let (generation, stats) = (corpus.corpus.generation(), corpus.corpus.stats().unwrap());
    let n_looks = Cell::new(0);
    let error = corpus
        .corpus
        .import_file(
            &bundled("corpus/ncbi_disease.jsonl.gz"),
            &mut |_| {},
            &|| {
                n_looks.set(n_looks.get() + 1);
                n_looks.get() > 5
            },
        )
        .unwrap_err();
    assert!(
        matches!(error, CorpusError::Stopped { n_lines: 321, .. }),
        "{error}"
    );
    assert_eq!(corpus.corpus.generation(), generation);
    assert_eq!(corpus.corpus.stats().unwrap(), stats);
    let reopened = Corpus::open(corpus.folder.path()).unwrap();
    assert_eq!(reopened.stats().unwrap(), stats);
    // And nothing stands in the way of the next one.
    assert_eq!(corpus.import(&own("b", "Heparin")).unwrap().n_added, 1);
}

/// A disk that fails after some good lines.
struct FailingDisk(Cursor<String>);

impl Read for FailingDisk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the disk fell over")),
            n => Ok(n),
        }
    }
}

#[test]
fn an_error_of_the_disk_leaves_the_corpus_as_it_was() {
    let corpus = TestCorpus::empty();
    let reader = BufReader::new(FailingDisk(Cursor::new(own("a", "Aspirin"))));
    let error = corpus
        .corpus
        .import(reader, "disk", &mut |_| {}, &|| false)
        .unwrap_err();
    assert!(matches!(error, CorpusError::Read { .. }), "{error}");
    assert_eq!(corpus.corpus.stats().unwrap().n_documents, 0);
}

/// Asks its corpus for another import while it is being read.
struct Meanwhile<'a> {
    corpus: &'a TestCorpus,
    lines: Cursor<String>,
}

impl Read for Meanwhile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let other = Corpus::open(self.corpus.folder.path()).map_err(io::Error::other)?;
        let error = other
            .import(
                Cursor::new(own("z", "Other")),
                "other",
                &mut |_| {},
                &|| false,
            )
            .expect_err("one import at a time");
        assert!(
            matches!(error, CorpusError::Busy { .. }) && error.is_retryable(),
            "{error}"
        );
        assert_eq!(other.stats().map_err(io::Error::other)?.n_documents, 1);
        self.lines.read(buffer)
    }
}

#[test]
fn a_second_import_at_the_same_time_is_told_so_while_readers_go_on() {
    let corpus = TestCorpus::of_lines(&own("a", "Aspirin"));
    let reader = BufReader::new(Meanwhile {
        corpus: &corpus,
        lines: Cursor::new(own("b", "Heparin")),
    });
    let report = corpus
        .corpus
        .import(reader, "meanwhile", &mut |_| {}, &|| false)
        .unwrap();
    assert_eq!(report.n_added, 1);
}

#[test]
fn progress_tells_how_far_it_came() {
    let corpus = TestCorpus::empty();
    let mut seen = Vec::new();
    let file = bundled("corpus/ncbi_disease.jsonl.gz");
    corpus
        .corpus
        .import_file(&file, &mut |progress| seen.push(progress.clone()), &|| {
            false
        })
        .unwrap();
    let lines: Vec<_> = seen.iter().map(|progress| progress.n_lines).collect();
    assert_eq!(lines, [256, 512, 692]);
    assert_eq!(seen[2].n_documents, 692);
    assert!(seen[2].name.ends_with("ncbi_disease.jsonl.gz"));
}

#[test]
fn a_folder_that_holds_no_such_index_is_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    File::create(&file).unwrap();
    assert!(matches!(
        Corpus::open(&file).err(),
        Some(CorpusError::CreateFolder { .. })
    ));
    let corpus = Corpus::open(folder.path()).unwrap();
    drop(corpus);
    let meta = folder.path().join("meta.json");
    let other = fs::read_to_string(&meta)
        .unwrap()
        .replace("biomedical-1", "biomedical-0");
    fs::write(&meta, other).unwrap();
    let error = Corpus::open(folder.path()).err().unwrap();
    assert!(matches!(error, CorpusError::Incompatible { .. }), "{error}");
}
