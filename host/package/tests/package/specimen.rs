//! Components of any contract whose functions do nothing: nobody runs them here.

use std::path::Path;

use phagen_domain::plugin::Manifest;
use phagen_package::parse_manifest;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

/// A component of a world of a frozen contract.
pub(crate) fn component(contract: &str, world: &str) -> Vec<u8> {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit.join(contract)).expect("the contract");
    encode(&resolve, package, world)
}

/// A component of a world of some WIT text.
pub(crate) fn component_of(wit: &str, world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("specimen.wit", wit).expect("WIT");
    encode(&resolve, package, world)
}

fn encode(resolve: &Resolve, package: wit_parser::PackageId, world: &str) -> Vec<u8> {
    let world = resolve
        .select_world(&[package], Some(world))
        .expect("the world");
    let abi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    let mut module = dummy_module(resolve, world, abi);
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).expect("metadata");
    ComponentEncoder::default()
        .module(&module)
        .expect("a module")
        .encode()
        .expect("a component")
}

pub(crate) fn reranker() -> Vec<u8> {
    component("v0.2.0", "reranker")
}

pub(crate) fn manifest(world: &str) -> Manifest {
    manifest_with(world, "")
}

/// `more` follows the `[plugin]` table.
pub(crate) fn manifest_with(world: &str, more: &str) -> Manifest {
    let text =
        format!("[plugin]\nname = \"specimen\"\nversion = \"0.1.0\"\nworld = \"{world}\"\n{more}");
    parse_manifest(&text).expect("a manifest")
}
