//! Two machines, one database, one place of blobs: real ones of each.

use std::{fs, io::Cursor, path::PathBuf};

use phagen_blob::BlobFolder;
use phagen_domain::query::CorpusRequest;
use phagen_store::{CorpusStore as _, StoreError};
use phagen_store_sqlite::SqliteStore;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;

const FIRST: &str = r#"{"id": "PMID:1", "kind": "literature", "title": "Aspirin and gout", "text": "Aspirin relieved gout.", "citation": "A"}"#;
const SECOND: &str = r#"{"id": "PMID:2", "kind": "literature", "title": "Aspirin and acne", "text": "Aspirin relieved acne.", "citation": "B"}"#;

struct Place {
    dir: TempDir,
    store: Arc<SqliteStore>,
    folder: BlobFolder,
}

impl Place {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("phagen.db")).await;
        Self {
            store: Arc::new(store.unwrap()),
            folder: BlobFolder::open(dir.path().join("blob")).unwrap(),
            dir,
        }
    }

    async fn machine(&self, name: &str) -> Arc<Snapshots> {
        let blobs = Arc::new(Blobs::local(self.folder.clone()));
        let store: Arc<dyn Store> = self.store.clone();
        let opened = Snapshots::open(store, blobs, self.dir.path().join(name)).await;
        opened.unwrap()
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

/// Publishes an index with one document more.
async fn import(snapshots: &Snapshots, begin: Begin, lines: &'static str) -> CorpusSnapshot {
    let built = snapshots
        .build(begin, &CancellationToken::new(), move |importing| {
            let lines = Cursor::new(lines);
            let report = importing
                .corpus
                .import(lines, "lines", &mut |_| {}, &|| false);
            report.unwrap().n_added
        })
        .await
        .unwrap();
    assert_eq!(built.answer, 1);
    built.published.unwrap()
}

fn n_found(snapshots: &Snapshots) -> usize {
    let request = CorpusRequest {
        text: "aspirin".to_owned(),
        limit: 10,
        ..CorpusRequest::default()
    };
    snapshots
        .corpus()
        .search(&request)
        .unwrap()
        .candidates
        .len()
}

#[tokio::test]
async fn what_one_builds_the_others_serve_and_a_job_keeps_what_it_began_with() {
    let place = Place::new().await;
    let (one, other) = (place.machine("one").await, place.machine("other").await);
    assert!(!other.catch_up().await.unwrap());
    let first = import(&one, Begin::Wait, FIRST).await;
    assert_eq!(first.generation, 1);
    assert!(other.catch_up().await.unwrap());
    assert!(!other.catch_up().await.unwrap(), "it is there");
    let began_with = other.corpus().now();
    let second = import(&one, Begin::Now, SECOND).await;
    assert!(other.catch_up().await.unwrap());
    for machine in [&one, &other] {
        assert_eq!(
            (n_found(machine), machine.corpus().state()),
            (2, second.digest)
        );
    }
    assert_eq!(began_with.state(), first.digest);
    assert_eq!(began_with.stats().unwrap().n_documents, 1);
    // From its own disk, before anything else; the one before, where that is all there is.
    let again = place.machine("other").await;
    assert_eq!(again.corpus().state(), second.digest);
    fs::remove_dir_all(again.shelf.place_of(&second.digest)).unwrap();
    let older = place.machine("other").await;
    assert_eq!(older.corpus().state(), first.digest);
    assert!(older.catch_up().await.unwrap());
    assert_eq!(older.corpus().state(), second.digest);
    // A third index lets the first go from the disks, not from whoever has it.
    import(&one, Begin::Anew, FIRST).await;
    assert!(other.catch_up().await.unwrap());
    assert_eq!(n_found(&other), 1);
    assert!(!other.shelf.place_of(&first.digest).exists());
    assert!(other.shelf.place_of(&second.digest).exists());
    assert_eq!(
        began_with
            .find(&"PMID:1".parse().unwrap())
            .unwrap()
            .unwrap()
            .title,
        "Aspirin and gout"
    );
}

#[tokio::test]
async fn nothing_new_is_not_published() {
    let place = Place::new().await;
    let one = place.machine("one").await;
    let nothing = || async {
        let built = one
            .build(Begin::Wait, &CancellationToken::new(), |_| ())
            .await;
        built.unwrap().published
    };
    assert_eq!(nothing().await, None);
    let first = import(&one, Begin::Wait, FIRST).await;
    assert_eq!(nothing().await, None);
    // What is taken in is told, even where no document comes of it.
    let running = CancellationToken::new();
    let built = one.build(Begin::Wait, &running, |importing| {
        importing.taken.bundled.insert(Digest::of(b"a bundle"));
    });
    let published = built.await.unwrap().published.unwrap();
    assert_eq!((published.generation, published.n_documents), (2, 1));
    assert_ne!(published.digest, first.digest);
    assert!(
        one.manifest()
            .await
            .unwrap()
            .unwrap()
            .taken
            .bundled
            .contains(&Digest::of(b"a bundle"))
    );
    // Nor is what whoever imports gives up.
    let built = one.build(Begin::Anew, &running, |importing| {
        let report = importing
            .corpus
            .import(Cursor::new(SECOND), "lines", &mut |_| {}, &|| false);
        importing.is_given_up = true;
        report.unwrap().n_added
    });
    let built = built.await.unwrap();
    assert_eq!((built.answer, built.published), (1, None));
    assert!(
        !place.dir.path().join("one/import").exists(),
        "nothing is left of it"
    );
    assert_eq!(one.corpus().state(), published.digest);
}

#[tokio::test]
async fn an_index_that_cannot_be_fetched_whole_never_serves() {
    let place = Place::new().await;
    let (one, other) = (place.machine("one").await, place.machine("other").await);
    let first = import(&one, Begin::Wait, FIRST).await;
    other.catch_up().await.unwrap();
    let second = import(&one, Begin::Wait, SECOND).await;
    let manifest = one.manifest().await.unwrap().unwrap();
    let before = one.shelf.place_of(&first.digest);
    let lost = manifest
        .files
        .iter()
        .find(|file| !before.join(&file.name).exists());
    let lost = place.folder.path_of(&lost.unwrap().digest);
    let (bytes, aside) = (fs::read(&lost).unwrap(), place.dir.path().join("aside"));
    fs::rename(&lost, &aside).unwrap();
    let error = other.catch_up().await.unwrap_err();
    assert!(error.is_missing(), "{error:?}");
    fs::write(&lost, b"other bytes").unwrap();
    let error = other.catch_up().await.unwrap_err();
    assert!(matches!(error, SnapshotError::Blob { .. }), "{error:?}");
    assert_eq!((n_found(&other), other.corpus().state()), (1, first.digest));
    // Whoever starts now serves nothing rather than half of it.
    let third = place.machine("third").await;
    assert!(third.catch_up().await.is_err());
    assert_eq!(n_found(&third), 0);

    fs::write(&lost, bytes).unwrap();
    for machine in [&other, &third] {
        assert!(machine.catch_up().await.unwrap());
        assert_eq!(
            (n_found(machine), machine.corpus().state()),
            (2, second.digest)
        );
    }
}

/// Other bytes, as many as before; the blob that may share the file's bytes stays.
fn break_index(snapshots: &Snapshots, index: Digest) {
    let path = snapshots.shelf.place_of(&index).join("meta.json");
    let n_bytes = fs::read(&path).unwrap().len();
    fs::remove_file(&path).unwrap();
    fs::write(&path, vec![b'x'; n_bytes]).unwrap();
}

#[tokio::test]
async fn an_index_that_is_broken_on_disk_ends_no_start_and_is_fetched_again() {
    let place = Place::new().await;
    let one = place.machine("one").await;
    let first = import(&one, Begin::Wait, FIRST).await;
    break_index(&one, first.digest);
    let again = place.machine("one").await;
    assert_eq!(n_found(&again), 0);
    assert!(again.catch_up().await.unwrap());
    assert_eq!((n_found(&again), again.corpus().state()), (1, first.digest));
    // With an older one that can be read, that one serves meanwhile.
    let second = import(&again, Begin::Wait, SECOND).await;
    break_index(&again, second.digest);
    let again = place.machine("one").await;
    assert_eq!(again.corpus().state(), first.digest);
    // What is nowhere else is not deleted in vain.
    let list = place.folder.path_of(&second.digest);
    let (bytes, aside) = (fs::read(&list).unwrap(), place.dir.path().join("aside"));
    fs::rename(&list, &aside).unwrap();
    assert!(again.catch_up().await.unwrap_err().is_missing());
    assert!(again.shelf.place_of(&second.digest).exists());
    fs::write(&list, bytes).unwrap();
    assert!(again.catch_up().await.unwrap());
    assert_eq!(
        (n_found(&again), again.corpus().state()),
        (2, second.digest)
    );
}

#[tokio::test]
async fn one_builds_at_a_time_and_a_late_one_is_refused() {
    let place = Place::new().await;
    let (one, other) = (place.machine("one").await, place.machine("other").await);
    import(&one, Begin::Wait, FIRST).await;
    let minute = std::time::Duration::from_mins(1);
    place.store.hold_import(&one.host, minute).await.unwrap();
    let refused = other
        .build(Begin::Now, &CancellationToken::new(), |_| ())
        .await;
    assert!(matches!(refused, Err(SnapshotError::UnderWay(holder)) if holder == one.host));
    let stopped = CancellationToken::new();
    stopped.cancel();
    let refused = other.build(Begin::Wait, &stopped, |_| ()).await;
    assert!(matches!(refused, Err(SnapshotError::Stopped)));
    place.store.drop_import(&one.host).await.unwrap();

    // As if its turn had been lost unseen: what it built on serves no more.
    let (store, runtime) = (place.store.clone(), tokio::runtime::Handle::current());
    let running = CancellationToken::new();
    let late = other.build(Begin::Wait, &running, move |importing| {
        let new = phagen_store::NewSnapshot {
            digest: Digest::of(b"another"),
            n_documents: 1,
            size_bytes: 1,
            published_by: "somebody".to_owned(),
        };
        runtime.block_on(store.publish_snapshot(1, &new)).unwrap();
        importing.taken.bundled.insert(Digest::of(b"a bundle"));
    });
    let refused = late.await.err().unwrap();
    assert!(
        matches!(
            refused,
            SnapshotError::Store(StoreError::SnapshotMoved {
                expected: 1,
                found: 2
            })
        ),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("import again"), "{refused}");
}

#[tokio::test]
async fn retired_indexes_leave_only_what_others_need() {
    let place = Place::new().await;
    let one = place.machine("one").await;
    let first = import(&one, Begin::Wait, FIRST).await;
    let of_first = one.manifest().await.unwrap().unwrap();
    import(&one, Begin::Wait, SECOND).await;
    let of_second = one.manifest().await.unwrap().unwrap();
    assert_eq!(one.retire(std::time::Duration::ZERO).await.unwrap(), 0);
    // The first shares its segment with the second, which is the one before from now on.
    import(&one, Begin::Anew, FIRST).await;
    // While another imports it may find a piece that is about to go.
    let minute = std::time::Duration::from_mins(1);
    place.store.hold_import("another", minute).await.unwrap();
    assert_eq!(one.retire(std::time::Duration::ZERO).await.unwrap(), 0);
    place.store.drop_import("another").await.unwrap();
    assert_eq!(one.retire(std::time::Duration::ZERO).await.unwrap(), 1);
    assert_eq!(one.retire(std::time::Duration::ZERO).await.unwrap(), 0);
    let is_stored = |digest: &Digest| place.folder.contains(digest).unwrap();
    assert!(!is_stored(&first.digest));
    let needed: Vec<Digest> = of_second.files.iter().map(|file| file.digest).collect();
    let (kept, gone): (Vec<Digest>, Vec<Digest>) = of_first
        .files
        .iter()
        .map(|file| file.digest)
        .partition(|digest| needed.contains(digest));
    assert!(!kept.is_empty() && !gone.is_empty());
    assert!(kept.iter().all(is_stored) && needed.iter().all(is_stored));
    assert!(!gone.iter().any(is_stored));
    // Another machine still gets all that serves.
    let other = place.machine("other").await;
    assert!(other.catch_up().await.unwrap());
}

#[tokio::test]
async fn sources_are_imported_when_they_change_and_only_then() {
    let place = Place::new().await;
    let one = place.machine("one").await;
    let running = CancellationToken::new();
    let configured = [place.file("a.jsonl", FIRST), place.file("b.jsonl", SECOND)];
    let refresh = || one.refresh(&configured, &running);
    assert_eq!(refresh().await.unwrap(), 2);
    let before = one.corpus().state();
    assert_eq!(refresh().await.unwrap(), 0);
    assert_eq!(one.corpus().state(), before);
    place.file("b.jsonl", &SECOND.replace("relieved", "did not relieve"));
    assert_eq!(refresh().await.unwrap(), 1);
    assert_eq!(n_found(&one), 2);
    // One that is not there does not hold up the others, and is told.
    fs::remove_file(&configured[0]).unwrap();
    place.file("b.jsonl", SECOND);
    let error = refresh().await.unwrap_err().to_string();
    assert!(error.contains("a.jsonl"), "{error}");
    let taken = one.manifest().await.unwrap().unwrap().taken;
    let name = configured[1].to_string_lossy().into_owned();
    assert_eq!(taken.sources[&name], Digest::of(SECOND.as_bytes()));
    assert_eq!(n_found(&one), 2);
}

#[tokio::test]
async fn a_new_database_takes_over_the_index_that_lies_here() {
    let place = Place::new().await;
    let first = import(&*place.machine("one").await, Begin::Wait, FIRST).await;
    let path = place.dir.path().join("new.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).await.unwrap());
    let blobs = Arc::new(Blobs::local(place.folder.clone()));
    let one = Snapshots::open(Arc::clone(&store), blobs, place.dir.path().join("one"));
    let one = one.await.unwrap();
    let built = one
        .build(Begin::Wait, &CancellationToken::new(), |_| ())
        .await;
    let published = built.unwrap().published.unwrap();
    assert_eq!((published.generation, published.digest), (1, first.digest));
    assert_eq!(n_found(&one), 1);
}
