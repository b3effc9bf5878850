//! Finished indexes on this machine, each in a folder of its digest, and the ones in the making
//! beside them.
//!
//! A folder gets its digest as its name only when all of it is there, so whatever has such a name is
//! whole. Files that two indexes have in common are on disk once: nothing writes to a file of an index
//! again. Any number of processes may share the shelf.

use std::{
    collections::HashSet,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use phagen_domain::digest::Digest;

use crate::{
    CorpusError, SnapshotFile, SnapshotManifest,
    disk::{check_size, entries, failed, link, make, remove},
};

/// The manifest within a finished index.
const MANIFEST: &str = "snapshot.json";
/// Where the next index is built.
const IMPORT: &str = "import";
/// Before the digest of one that is being fetched.
const FETCH: &str = "fetch-";
const LOCK: &str = "lock";
/// What every index has, and an old index had right on the shelf.
const META: &str = "meta.json";

#[derive(Debug, Clone)]
pub struct Shelf {
    dir: PathBuf,
}

impl Shelf {
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, CorpusError> {
        let dir = dir.into();
        make(&dir)?;
        Ok(Self { dir })
    }

    /// Where an index lies, or would.
    pub fn place_of(&self, digest: &Digest) -> PathBuf {
        self.dir.join(digest.to_string())
    }

    /// An empty folder of an index without a document, which serves until there is one.
    pub fn empty(&self) -> PathBuf {
        self.dir.join("empty")
    }

    /// What an index on this shelf is made of; none when it is not there, or not whole any more.
    pub fn manifest(&self, digest: &Digest) -> Option<SnapshotManifest> {
        let place = self.place_of(digest);
        let bytes = fs::read(place.join(MANIFEST)).ok()?;
        let manifest = SnapshotManifest::parse(&bytes).ok()?;
        let is_whole = manifest.files.iter().all(|file| {
            fs::metadata(place.join(&file.name)).is_ok_and(|seen| seen.len() == file.size_bytes)
        });
        (is_whole && Digest::of(&bytes) == *digest).then_some(manifest)
    }

    /// The index that came here last.
    pub fn newest(&self) -> Option<(Digest, SnapshotManifest)> {
        let mut found: Vec<_> = self
            .digests()
            .into_iter()
            .filter_map(|digest| {
                let seen = fs::metadata(self.place_of(&digest).join(MANIFEST)).ok()?;
                Some((seen.modified().ok()?, digest))
            })
            .collect();
        found.sort();
        let mut newest = found.into_iter().rev();
        newest.find_map(|(_, digest)| Some((digest, self.manifest(&digest)?)))
    }

    /// A folder to build the next index in, with all that `base` has; without one, with what an older
    /// version of this program left on the shelf.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn begin_import(&self, base: Option<&Digest>) -> Result<PathBuf, CorpusError> {
        let work = self.begin_anew()?;
        match base.map(|digest| (self.place_of(digest), self.manifest(digest))) {
            Some((place, Some(manifest))) => {
                for file in &manifest.files {
                    link(&place.join(&file.name), &work.join(&file.name))?;
                }
            }
            Some((place, None)) => {
                return Err(failed("read", &place)(io::ErrorKind::NotFound.into()));
            }
            None => self.take_over(&work)?,
        }
        Ok(work)
    }

    /// The same with nothing in it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn begin_anew(&self) -> Result<PathBuf, CorpusError> {
        let work = self.dir.join(IMPORT);
        remove(&work)?;
        make(&work)?;
        Ok(work)
    }

    /// Deletes what an import left that came to nothing: a full disk has room again.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn end_import(&self) -> Result<(), CorpusError> {
        remove(&self.dir.join(IMPORT))
    }

    /// A folder to fetch an index into. What an earlier try brought is in it still.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn begin_fetch(&self, digest: &Digest) -> Result<PathBuf, CorpusError> {
        let staging = self.dir.join(format!("{FETCH}{digest}"));
        make(&staging)?;
        Ok(staging)
    }

    /// Puts a file into `folder` that another index here has, too; false when none has it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn lend(&self, file: &SnapshotFile, folder: &Path) -> Result<bool, CorpusError> {
        let to = folder.join(&file.name);
        // Half of one, as an older version of this program may have left, is as good as none.
        if check_size(&to, file.size_bytes).is_ok() {
            return Ok(true);
        }
        for digest in self.digests() {
            let has_it = self.manifest(&digest).is_some_and(|manifest| {
                manifest.file(&file.name).map(|found| found.digest) == Some(file.digest)
            });
            if has_it {
                link(&self.place_of(&digest).join(&file.name), &to)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Lets the index in `folder` take its place on the shelf. What its manifest does not list goes.
    ///
    /// # Errors
    /// When a file is missing or has another size, or the disk refuses.
    pub fn put(&self, folder: &Path, manifest: &SnapshotManifest) -> Result<Digest, CorpusError> {
        let bytes = manifest.to_bytes()?;
        let digest = Digest::of(&bytes);
        let place = self.place_of(&digest);
        if self.manifest(&digest).is_some() {
            remove(folder)?;
            return Ok(digest);
        }
        let listed: HashSet<&str> = manifest.files.iter().map(|file| &*file.name).collect();
        for entry in entries(folder)? {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            if !listed.contains(&*name) {
                fs::remove_file(&entry).map_err(failed("delete", &entry))?;
            }
        }
        for file in &manifest.files {
            check_size(&folder.join(&file.name), file.size_bytes)?;
        }
        let note = folder.join(MANIFEST);
        fs::write(&note, bytes).map_err(failed("write", &note))?;
        for path in [&note, folder] {
            File::open(path)
                .and_then(|file| file.sync_all())
                .map_err(failed("flush", path))?;
        }
        // One of that name that is not whole has lost its files to somebody.
        remove(&place)?;
        fs::rename(folder, &place).map_err(failed("name", &place))?;
        File::open(&self.dir)
            .and_then(|dir| dir.sync_all())
            .map_err(failed("flush", &self.dir))?;
        Ok(digest)
    }

    /// Drops all finished indexes but these, and what was fetched of others. Whoever has one open
    /// goes on reading it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn keep_only(&self, kept: &[Digest]) -> Result<usize, CorpusError> {
        let mut n_dropped = 0;
        for digest in self.digests() {
            if !kept.contains(&digest) {
                remove(&self.place_of(&digest))?;
                n_dropped += 1;
            }
        }
        for entry in entries(&self.dir)? {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            let fetched = name.strip_prefix(FETCH).and_then(|name| name.parse().ok());
            if fetched.is_some_and(|digest: Digest| !kept.contains(&digest)) {
                remove(&entry)?;
            }
        }
        Ok(n_dropped)
    }

    /// A turn on this shelf, until it is dropped; none while another process has it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn try_turn(&self) -> Result<Option<File>, CorpusError> {
        let path = self.dir.join(LOCK);
        let file = File::create(&path).map_err(failed("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed("lock", &path)(error)),
        }
    }

    /// Deletes the index that lay right on the shelf, once another has all of it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn drop_old(&self) -> Result<(), CorpusError> {
        if !self.dir.join(META).exists() {
            return Ok(());
        }
        for entry in entries(&self.dir)? {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            if entry.is_file() && name != LOCK {
                fs::remove_file(&entry).map_err(failed("delete", &entry))?;
            }
        }
        Ok(())
    }

    fn take_over(&self, work: &Path) -> Result<(), CorpusError> {
        if !self.dir.join(META).exists() {
            return Ok(());
        }
        for entry in entries(&self.dir)? {
            let name = entry.file_name().unwrap_or_default();
            let shown = name.to_string_lossy();
            if entry.is_file() && shown != LOCK && !shown.ends_with(".lock") {
                link(&entry, &work.join(name))?;
            }
        }
        Ok(())
    }

    fn digests(&self) -> Vec<Digest> {
        let entries = entries(&self.dir).unwrap_or_default();
        let name = |path: &PathBuf| path.file_name()?.to_str()?.parse().ok();
        entries.iter().filter_map(name).collect()
    }
}
