//! Documents in, passages out: what this house knows without asking the world.
//!
//! A [`Corpus`] is a folder with a Tantivy index. [`Corpus::import`] reads documents line by line,
//! in the shapes that [`shape`](mod@shape) describes, cuts them into passages and skips what has
//! not changed; [`Corpus::search`] answers with one piece of evidence per citation. This room never
//! judges what it finds, never asks the network, and never shows half an import: a file is one
//! commit, and a reader sees the state before it or after it.
//!
//! An index that serves is finished and has a digest: a [`SnapshotManifest`] lists its files, a
//! [`Shelf`] holds those of this machine, and [`ServingCorpus`] points to the one that answers.

pub mod shape;

mod analyser;
mod corpus;
mod cursor;
mod disk;
mod document;
mod error;
mod import;
mod index;
mod lines;
mod manifest;
mod passage;
mod search;
mod serving;
mod shelf;
mod stats;

pub use corpus::Corpus;
pub use error::CorpusError;
pub use import::{BadLine, ImportProgress, ImportReport};
pub use manifest::{SnapshotFile, SnapshotManifest, SnapshotPiece, Taken};
pub use serving::ServingCorpus;
pub use shelf::Shelf;
pub use stats::{CorpusStats, KindStats};
