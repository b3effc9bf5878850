//! Finished indexes on a shelf: built from one another, told apart, and served without their folder.

mod common;

use std::{fs, io::Cursor, os::unix::fs::MetadataExt as _, path::Path};

use common::for_text;
use phagen_corpus::{Corpus, Shelf, SnapshotFile, SnapshotManifest, SnapshotPiece, Taken};
use phagen_domain::digest::Digest;
use tempfile::TempDir;

const FIRST: &str = r#"{"id": "PMID:1", "kind": "literature", "title": "Aspirin and gout", "text": "Aspirin relieved gout.", "citation": "A"}"#;
const SECOND: &str = r#"{"id": "PMID:2", "kind": "literature", "title": "Aspirin and acne", "text": "Aspirin relieved acne.", "citation": "B"}"#;

fn shelf() -> (TempDir, Shelf) {
    let dir = tempfile::tempdir().expect("a folder");
    let shelf = Shelf::open(dir.path().join("index")).expect("a shelf");
    (dir, shelf)
}

fn import(corpus: &Corpus, lines: &str) {
    let report = corpus.import(Cursor::new(lines), "lines", &mut |_| {}, &|| false);
    assert_eq!(report.expect("an import").n_added, 1);
}

fn manifest_of(work: &Path) -> SnapshotManifest {
    let corpus = Corpus::open(work).expect("a corpus");
    let files = corpus.files().expect("its files").into_iter().map(|name| {
        let bytes = fs::read(work.join(&name)).expect("a file");
        let piece = SnapshotPiece {
            digest: Digest::of(&bytes),
            size_bytes: bytes.len() as u64,
        };
        SnapshotFile {
            name,
            digest: piece.digest,
            size_bytes: piece.size_bytes,
            pieces: vec![piece],
        }
    });
    let n_documents = corpus.stats().expect("its stats").n_documents;
    SnapshotManifest::new(n_documents, Taken::default(), files.collect())
}

/// An index with these lines beside what `base` has.
fn built(shelf: &Shelf, base: Option<&Digest>, lines: &str) -> Digest {
    let work = shelf.begin_import(base).expect("a folder");
    import(&Corpus::open(&work).expect("a corpus"), lines);
    shelf.put(&work, &manifest_of(&work)).expect("an index")
}

fn n_found(corpus: &Corpus) -> usize {
    corpus
        .search(&for_text("aspirin"))
        .expect("a page")
        .candidates
        .len()
}

#[test]
fn an_index_is_built_from_another_which_stays_as_it_is() {
    let (_dir, shelf) = shelf();
    assert_eq!(shelf.newest(), None);
    let first = built(&shelf, None, FIRST);
    let before = shelf.manifest(&first).unwrap();
    let second = built(&shelf, Some(&first), SECOND);
    assert_ne!(first, second);
    assert_eq!(shelf.manifest(&first).unwrap(), before);
    let open = |digest| Corpus::open_snapshot(&shelf.place_of(&digest), digest).unwrap();
    let (one, other) = (open(first), open(second));
    assert_eq!((n_found(&one), n_found(&other)), (1, 2));
    assert_eq!((one.state(), other.state()), (first, second));
    // What both have is on disk once.
    let common = before.files.iter().find(|file| file.name != "meta.json");
    let name = &common.unwrap().name;
    let inode = |digest: Digest| {
        fs::metadata(shelf.place_of(&digest).join(name))
            .unwrap()
            .ino()
    };
    assert_eq!(inode(first), inode(second));
    // Whoever has it open reads on when it is gone.
    assert_eq!(shelf.keep_only(&[second]).unwrap(), 1);
    assert_eq!(shelf.manifest(&first), None);
    assert_eq!((n_found(&one), n_found(&other)), (1, 2));
    assert_eq!(shelf.newest().unwrap().0, second);
}

#[test]
fn an_index_that_is_not_whole_is_none() {
    let (_dir, shelf) = shelf();
    let digest = built(&shelf, None, FIRST);
    let manifest = shelf.manifest(&digest).unwrap();
    let store = manifest
        .files
        .iter()
        .find(|file| file.name.contains(".store"));
    let store = shelf.place_of(&digest).join(&store.unwrap().name);
    let bytes = fs::read(&store).unwrap();
    fs::write(&store, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(shelf.manifest(&digest), None);
    assert_eq!(shelf.newest(), None);
    let error = shelf.begin_import(Some(&digest)).unwrap_err().to_string();
    assert!(error.contains(&digest.to_string()), "{error}");
    fs::remove_file(&store).unwrap();
    assert_eq!(shelf.manifest(&digest), None);
}

#[test]
fn what_is_fetched_takes_from_the_indexes_that_are_here() {
    let (_dir, shelf) = shelf();
    let first = built(&shelf, None, FIRST);
    let second = built(&shelf, Some(&first), SECOND);
    let manifest = shelf.manifest(&second).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    for file in &manifest.files {
        let from = shelf.place_of(&second).join(&file.name);
        fs::copy(from, elsewhere.path().join(&file.name)).unwrap();
    }
    shelf.keep_only(&[first]).unwrap();

    let staging = shelf.begin_fetch(&second).unwrap();
    let mut n_lent = 0;
    for file in &manifest.files {
        if shelf.lend(file, &staging).unwrap() {
            n_lent += 1;
        } else {
            let from = elsewhere.path().join(&file.name);
            fs::copy(from, staging.join(&file.name)).unwrap();
        }
    }
    assert!(0 < n_lent && n_lent < manifest.files.len(), "{n_lent}");
    // Half of a piece that a dead process left.
    fs::write(staging.join(".tmpAbC123"), b"half").unwrap();
    assert_eq!(shelf.put(&staging, &manifest).unwrap(), second);
    assert!(!staging.exists());
    assert!(!shelf.place_of(&second).join(".tmpAbC123").exists());
    let corpus = Corpus::open_snapshot(&shelf.place_of(&second), second).unwrap();
    assert_eq!(n_found(&corpus), 2);
}

#[test]
fn half_a_file_of_an_index_is_as_good_as_none() {
    let (_dir, shelf) = shelf();
    let first = built(&shelf, None, FIRST);
    let second = built(&shelf, Some(&first), SECOND);
    let manifest = shelf.manifest(&second).unwrap();
    let inherited = shelf.manifest(&first).unwrap();
    let is_common = |file: &&SnapshotFile| inherited.file(&file.name) == Some(*file);
    let common = manifest.files.iter().find(is_common).unwrap();
    let own = manifest.files.iter().find(|file| !is_common(file)).unwrap();
    let whole = fs::read(shelf.place_of(&first).join(&common.name)).unwrap();
    shelf.keep_only(&[first]).unwrap();

    let staging = shelf.begin_fetch(&second).unwrap();
    for file in [common, own] {
        fs::write(staging.join(&file.name), b"half").unwrap();
    }
    assert!(shelf.lend(common, &staging).unwrap());
    assert_eq!(fs::read(staging.join(&common.name)).unwrap(), whole);
    assert!(!shelf.lend(own, &staging).unwrap());
    // Nor does an index with such a file take its place.
    let mut short = manifest.clone();
    short.files.retain(|file| file == common || file == own);
    let error = shelf.put(&staging, &short).unwrap_err().to_string();
    assert!(error.starts_with("could not find all of"), "{error}");
    assert!(error.contains(&own.name), "{error}");
}

#[test]
fn half_an_index_never_takes_its_place() {
    let (_dir, shelf) = shelf();
    let first = built(&shelf, None, FIRST);
    let manifest = shelf.manifest(&first).unwrap();
    shelf.keep_only(&[]).unwrap();
    let staging = shelf.begin_fetch(&first).unwrap();
    fs::write(staging.join("meta.json"), b"{}").unwrap();
    let error = shelf.put(&staging, &manifest).unwrap_err().to_string();
    assert!(error.starts_with("could not find"), "{error}");
    assert_eq!(shelf.manifest(&first), None);
    // What was fetched of one that nobody wants any more goes, too.
    shelf.keep_only(&[first]).unwrap();
    assert!(staging.exists());
    shelf.keep_only(&[]).unwrap();
    assert!(!staging.exists());
}

#[test]
fn the_index_of_an_older_version_is_taken_over() {
    let (dir, shelf) = shelf();
    let old = dir.path().join("index");
    import(&Corpus::open(&old).unwrap(), FIRST);
    let digest = built(&shelf, None, SECOND);
    shelf.drop_old().unwrap();
    assert!(!old.join("meta.json").exists());
    let corpus = Corpus::open_snapshot(&shelf.place_of(&digest), digest).unwrap();
    assert_eq!(n_found(&corpus), 2);
}

#[test]
fn one_process_at_a_time_has_its_turn() {
    let (_dir, shelf) = shelf();
    let turn = shelf.try_turn().unwrap();
    assert!(turn.is_some());
    assert!(shelf.try_turn().unwrap().is_none());
    drop(turn);
    assert!(shelf.try_turn().unwrap().is_some());
}
