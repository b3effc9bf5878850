//! Two contracts side by side, type by type, so that a misfit is read and not guessed.
//!
//! The host's side is its WIT text, compiled in; a plugin's side is decoded from the component.
//! Whether a component may run is Wasmtime's to check; this only explains.

mod compare;
mod decode;
mod package;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

pub use compare::diff;
pub use decode::{describe_types, host_types};
pub use package::diff_packages;

/// The interfaces of a world, or of all worlds of the host, with their types.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorldTypes {
    pub side: Side,
    /// By full name, such as `phagen:plugin/types@0.1.0`.
    pub interfaces: BTreeMap<String, InterfaceTypes>,
    /// Names of the interfaces that are imported.
    pub imports: BTreeSet<String>,
    /// Names of the interfaces that are exported.
    pub exports: BTreeSet<String>,
}

/// Whose types they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Side {
    /// All that the host knows: a plugin may use less of it.
    Host,
    #[default]
    Plugin,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InterfaceTypes {
    pub types: BTreeMap<String, TypeShape>,
    /// Signatures as WIT writes them, such as `func(limit: u32) -> result<page, failure>`.
    pub functions: BTreeMap<String, String>,
}

/// A named type. Types in it are as WIT writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeShape {
    /// Fields with their types.
    Record(Vec<(String, String)>),
    /// Cases with what they carry; an empty text where they carry nothing.
    Variant(Vec<(String, String)>),
    Enum(Vec<String>),
    Flags(Vec<String>),
    Resource,
    /// Another name for a type.
    Alias(String),
}

/// One place where two sides differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `record phagen:plugin/types@0.1.0.passage`, or a key of the manifest.
    pub place: String,
    pub message: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl Difference {
    fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }
}
