//! Files in pieces: split, streamed back to disk, taken up where an earlier try ended.

use std::{fs, path::Path};

use phagen_blob::{BlobError, BlobFolder, Blobs, MAX_PIECE_BYTES, Piece, StoredFile};
use phagen_domain::digest::Digest;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};

use crate::place::{Machine, Place, ROOMY, SECRET, bucket_at};

const PIECE_BYTES: u64 = 1_000;

fn bytes() -> Vec<u8> {
    (0..2_500_u32)
        .map(|n| u8::try_from(n % 251).expect("a byte"))
        .collect()
}

/// A folder with one file of 2,500 bytes in it.
fn a_file() -> (TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("segment.store");
    fs::write(&path, bytes()).expect("a file");
    (dir, path)
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name of text")
        })
        .collect();
    names.sort();
    names
}

fn is_of_three_pieces(stored: &StoredFile) {
    assert_eq!(stored.digest, Digest::of(&bytes()));
    assert_eq!(stored.size_bytes, 2_500);
    let sizes: Vec<u64> = stored.pieces.iter().map(|piece| piece.size_bytes).collect();
    assert_eq!(sizes, [1_000, 1_000, 500]);
}

#[tokio::test]
async fn a_file_comes_back_from_its_pieces_on_another_machine() {
    let place = Place::new().await;
    let (one, other) = (place.machine(), place.machine());
    let (_dir, path) = a_file();
    let stored = one.blobs.put_file(&path, PIECE_BYTES).await.unwrap();
    is_of_three_pieces(&stored);
    for piece in &stored.pieces {
        assert!(other.blobs.has(*piece).await.unwrap());
    }
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("fetched.store");
    other.blobs.fetch_file(&stored, &to).await.unwrap();
    assert_eq!(fs::read(&to).unwrap(), bytes());
    assert_eq!(names(dir.path()), ["fetched.store"], "no piece is left");
    // Whole, it is not asked for again, bucket or not.
    for piece in &stored.pieces {
        other.blobs.delete(&piece.digest).await.unwrap();
        assert!(!other.blobs.has(*piece).await.unwrap());
        assert_eq!(place.object(&piece.digest).await, None);
    }
    other.blobs.fetch_file(&stored, &to).await.unwrap();
    // What is not there is as good as deleted.
    one.blobs.delete(&stored.pieces[0].digest).await.unwrap();
    let again = dir.path().join("again");
    let error = other.blobs.fetch_file(&stored, &again).await.unwrap_err();
    assert!(matches!(error, BlobError::Missing(digest) if digest == stored.pieces[0].digest));
}

#[tokio::test]
async fn pieces_that_are_here_are_not_fetched_again() {
    let place = Place::new().await;
    let machine = place.machine();
    let (_dir, path) = a_file();
    let stored = machine.blobs.put_file(&path, PIECE_BYTES).await.unwrap();
    let [first, second, third] = stored.pieces[..] else {
        panic!("{stored:?}")
    };
    // The third piece is bad where it lies, so the first try ends there.
    place.plant(&third.digest, vec![b'x'; 500]).await;
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("fetched");
    let error = machine.blobs.fetch_file(&stored, &to).await.unwrap_err();
    assert!(matches!(error, BlobError::Corrupt { digest, .. } if digest == third.digest));
    assert_eq!(names(dir.path()), ["fetched.piece-0", "fetched.piece-1"]);
    // The next asks for the third one alone: the others are not there any more.
    for piece in [first, second] {
        machine.blobs.delete(&piece.digest).await.unwrap();
    }
    place.plant(&third.digest, &bytes()[2_000..]).await;
    machine.blobs.fetch_file(&stored, &to).await.unwrap();
    assert_eq!(fs::read(&to).unwrap(), bytes());
}

#[tokio::test]
async fn what_is_cut_off_or_has_another_digest_never_gets_its_name() {
    let place = Place::new().await;
    let machine = place.machine();
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("fetched");
    let whole = bytes();
    let piece = Piece {
        digest: Digest::of(&whole),
        size_bytes: whole.len() as u64,
    };
    let stored = StoredFile {
        digest: piece.digest,
        size_bytes: piece.size_bytes,
        pieces: vec![piece],
    };
    for (bad, told) in [
        (whole[..2_000].to_vec(), "2000 of 2500 bytes"),
        (vec![0; 2_500], "with digest"),
    ] {
        place.plant(&piece.digest, bad).await;
        let error = machine.blobs.fetch_file(&stored, &to).await.unwrap_err();
        assert!(matches!(error, BlobError::Corrupt { .. }), "{error:?}");
        let error = error.to_string();
        assert!(error.contains(told), "{error}");
        assert_eq!(names(dir.path()), [""; 0]);
    }
}

/// Answers every request with the beginning of an object, and hangs up.
async fn cut_off(listener: TcpListener, whole: Vec<u8>) {
    loop {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        let mut request = vec![0; 16 * 1024];
        let _ = connection.read(&mut request).await;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\netag: \"1\"\r\nlast-modified: Mon, 23 Nov 2026 00:00:00 GMT\r\n\r\n",
            whole.len()
        );
        let answer = [head.as_bytes(), &whole[..whole.len() / 2]].concat();
        let _ = connection.write_all(&answer).await;
        let _ = connection.shutdown().await;
    }
}

#[tokio::test]
async fn a_connection_that_breaks_in_between_leaves_nothing_and_may_be_tried_again() {
    let whole = bytes();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    server.spawn(cut_off(listener, whole.clone()));
    let machine = Machine::of(bucket_at(&endpoint, "cut-off", SECRET), ROOMY);
    let piece = Piece {
        digest: Digest::of(&whole),
        size_bytes: whole.len() as u64,
    };
    let stored = StoredFile {
        digest: piece.digest,
        size_bytes: piece.size_bytes,
        pieces: vec![piece],
    };
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("fetched");
    let error = machine.blobs.fetch_file(&stored, &to).await.unwrap_err();
    assert!(error.is_retriable(), "{error:?}");
    assert_eq!(names(dir.path()), [""; 0]);
}

#[tokio::test]
async fn on_one_machine_a_file_and_its_blob_share_their_bytes() {
    use std::os::unix::fs::MetadataExt as _;

    let (dir, path) = a_file();
    let folder = BlobFolder::open(dir.path().join("blob")).unwrap();
    let blobs = Blobs::local(folder.clone());
    let stored = blobs.put_file(&path, MAX_PIECE_BYTES).await.unwrap();
    let blob = folder.path_of(&stored.digest);
    let to = dir.path().join("fetched");
    blobs.fetch_file(&stored, &to).await.unwrap();
    let inodes = [&path, &blob, &to].map(|path| fs::metadata(path).unwrap().ino());
    assert_eq!(inodes, [inodes[0]; 3]);
    // Either name may go.
    blobs.delete(&stored.digest).await.unwrap();
    assert_eq!(fs::read(&to).unwrap(), bytes());

    // In pieces, and empty.
    let stored = blobs.put_file(&path, PIECE_BYTES).await.unwrap();
    is_of_three_pieces(&stored);
    let joined = dir.path().join("joined");
    blobs.fetch_file(&stored, &joined).await.unwrap();
    assert_eq!(fs::read(&joined).unwrap(), bytes());
    let empty = dir.path().join("empty");
    fs::write(&empty, b"").unwrap();
    let stored = blobs.put_file(&empty, PIECE_BYTES).await.unwrap();
    assert_eq!(stored.pieces, []);
    let to = dir.path().join("emptied");
    blobs.fetch_file(&stored, &to).await.unwrap();
    assert_eq!(fs::read(&to).unwrap(), b"");
}

#[tokio::test]
async fn a_blob_that_went_bad_on_the_only_machine_is_named() {
    let (dir, path) = a_file();
    let folder = BlobFolder::open(dir.path().join("blob")).unwrap();
    let blobs = Blobs::local(folder.clone());
    let stored = blobs.put_file(&path, MAX_PIECE_BYTES).await.unwrap();
    let blob = folder.path_of(&stored.digest);
    fs::write(&blob, b"other bytes").unwrap();
    let to = dir.path().join("fetched");
    let error = blobs
        .fetch_file(&stored, &to)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains(&blob.display().to_string()), "{error}");
}

#[tokio::test]
async fn storing_a_file_again_replaces_its_blob_that_went_bad() {
    let (dir, path) = a_file();
    let folder = BlobFolder::open(dir.path().join("blob")).unwrap();
    let blobs = Blobs::local(folder.clone());
    let stored = blobs.put_file(&path, MAX_PIECE_BYTES).await.unwrap();
    let blob = folder.path_of(&stored.digest);
    for bad in [vec![0; 2_500], b"half".to_vec()] {
        // Another file, not the same one by its other name.
        fs::remove_file(&blob).unwrap();
        fs::write(&blob, bad).unwrap();
        let to = dir.path().join("fetched");
        let error = blobs.fetch_file(&stored, &to).await.unwrap_err();
        assert!(matches!(error, BlobError::Corrupt { .. }), "{error:?}");
        assert!(error.to_string().contains("corpus import --anew"));
        let again = blobs.put_file(&path, MAX_PIECE_BYTES).await.unwrap();
        assert_eq!(again, stored);
        blobs.fetch_file(&stored, &to).await.unwrap();
        assert_eq!(fs::read(&to).unwrap(), bytes());
        fs::remove_file(&to).unwrap();
    }
}

#[tokio::test]
async fn a_copy_here_that_cannot_be_used_is_fetched_from_the_bucket() {
    let place = Place::new().await;
    let machine = place.machine();
    let (dir, path) = a_file();
    let stored = machine
        .blobs
        .put_file(&path, MAX_PIECE_BYTES)
        .await
        .unwrap();
    let here = machine.folder.path_of(&stored.digest);
    fs::create_dir_all(here.parent().unwrap()).unwrap();
    let to = dir.path().join("fetched");
    fs::write(&here, vec![0; 2_500]).unwrap();
    machine.blobs.fetch_file(&stored, &to).await.unwrap();
    assert_eq!(fs::read(&to).unwrap(), bytes());
    // One that cannot even be read: a folder has its name.
    fs::remove_file(&to).unwrap();
    fs::remove_file(&here).unwrap();
    fs::create_dir(&here).unwrap();
    machine.blobs.fetch_file(&stored, &to).await.unwrap();
    assert_eq!(fs::read(&to).unwrap(), bytes());
}
