//! A component as a file: what it is, what it asks for, and what was embedded into it.
//!
//! Reading walks over sections and skips code; it compiles nothing and costs a millisecond a
//! megabyte at most. What a component *does* is not judged here.

mod embed;
mod walk;

use std::collections::BTreeSet;

use phagen_domain::{
    digest::Digest,
    plugin::{Manifest, World},
};
use serde::{Deserialize, Serialize};

pub use embed::embed;
use walk::Walked;

use crate::{GoldenCases, PackageError, golden, manifest, sbom};

/// Custom section of the manifest, as JSON.
pub const MANIFEST_SECTION: &str = "phagen:manifest";
/// Custom section of the golden cases, as JSON.
pub const GOLDEN_SECTION: &str = "phagen:golden";
/// Custom section of the list of software in the component, as `CycloneDX` JSON.
pub const SBOM_SECTION: &str = "phagen:sbom";

/// What can be known of a component without running it.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    /// Of the bytes as they are, with everything embedded.
    pub digest: Digest,
    pub size_bytes: u64,
    pub world: World,
    pub manifest: Option<Manifest>,
    pub golden: Option<GoldenCases>,
    /// `CycloneDX` JSON; [`crate::sbom::read_sbom`] reads it.
    pub sbom: Option<Vec<u8>>,
    /// Interfaces of `phagen:plugin` that it exports, with their versions, sorted.
    pub contracts: Vec<String>,
    /// Everything it imports, in the component's own order.
    pub imports: Vec<String>,
    /// Everything it exports, in the component's own order.
    pub exports: Vec<String>,
    pub producers: Producers,
}

/// Which languages and tools made it, each as `name version`, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Producers {
    pub languages: Vec<String>,
    /// Compilers and what worked on their output.
    pub processed_by: Vec<String>,
    pub sdks: Vec<String>,
}

impl Package {
    /// Reads a component. Of bytes that were cut off between two sections only the missing parts
    /// tell: whoever has a digest compares it.
    pub fn read(bytes: &[u8]) -> Result<Self, PackageError> {
        let walked = walk::walk(bytes)?;
        let manifest = walked.manifest.map(manifest::from_embedded).transpose()?;
        let world = world_of(&walked, manifest.as_ref())?;
        let golden = walked
            .golden
            .map(|json| golden::parse_cases(json, world))
            .transpose()?;
        if let Some(json) = walked.sbom {
            sbom::read_sbom(json)?;
        }
        Ok(Self {
            digest: Digest::of(bytes),
            size_bytes: bytes.len() as u64,
            world,
            manifest,
            golden,
            sbom: walked.sbom.map(<[u8]>::to_vec),
            contracts: contracts(&walked.exports),
            imports: walked.imports,
            exports: walked.exports,
            producers: walked.producers,
        })
    }
}

/// The manifest alone: what a host needs that has read the whole package before, and at a fraction
/// of the cost, since a list of software may be long.
pub fn read_manifest(bytes: &[u8]) -> Result<Option<Manifest>, PackageError> {
    let manifest = walk::walk(bytes)?.manifest;
    manifest.map(manifest::from_embedded).transpose()
}

/// Validates every byte of a component, code included, by the rules of this build's `wasmparser`.
/// It takes some ten milliseconds a megabyte; nothing is compiled.
pub fn check_whole(bytes: &[u8]) -> Result<(), PackageError> {
    // The walk tells a core module and a cut-off file apart better than the validator does.
    walk::walk(bytes)?;
    wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::default())
        .validate_all(bytes)
        .map(drop)
        .map_err(|error| walk::malformed(&error))
}

/// The interfaces of which any makes a component a plugin of a world, without their versions.
fn own_interfaces(world: World) -> &'static [&'static str] {
    match world {
        World::Source => &["phagen:plugin/search"],
        World::Mapper => &["phagen:plugin/mapping"],
        World::Reranker => &["phagen:plugin/reranking", "phagen:plugin/packed-reranking"],
    }
}

fn interface(name: &str) -> &str {
    name.split_once('@')
        .map_or(name, |(interface, _)| interface)
}

fn world_of(walked: &Walked<'_>, manifest: Option<&Manifest>) -> Result<World, PackageError> {
    let exported: Vec<World> = [World::Source, World::Mapper, World::Reranker]
        .into_iter()
        .filter(|world| {
            let own = own_interfaces(*world);
            walked
                .exports
                .iter()
                .any(|name| own.contains(&interface(name)))
        })
        .collect();
    let named = |worlds: &[World]| {
        let names: Vec<String> = worlds.iter().map(|world| format!("`{world}`")).collect();
        names.join(" and ")
    };
    match (
        manifest.map(|manifest| manifest.plugin.world),
        &exported[..],
    ) {
        (_, []) => Err(PackageError::NoWorld {
            exported: listed(&walked.exports),
        }),
        (Some(world), exported) if exported.contains(&world) => Ok(world),
        (Some(world), exported) => Err(PackageError::OtherWorld {
            manifest: world,
            exported: named(exported),
        }),
        (None, [world]) => Ok(*world),
        (None, exported) => Err(PackageError::SeveralWorlds {
            exported: named(exported),
        }),
    }
}

fn listed(names: &[String]) -> String {
    /// A message stays readable where a component exports thousands of names.
    const MAX_NAMES: usize = 8;
    match names {
        [] => "nothing".to_owned(),
        names if names.len() > MAX_NAMES => format!(
            "`{}` and {} more",
            names[..MAX_NAMES].join("`, `"),
            names.len() - MAX_NAMES
        ),
        names => format!("`{}`", names.join("`, `")),
    }
}

fn contracts(exports: &[String]) -> Vec<String> {
    let ours: BTreeSet<&String> = exports
        .iter()
        .filter(|name| name.starts_with("phagen:plugin/"))
        .collect();
    ours.into_iter().cloned().collect()
}
