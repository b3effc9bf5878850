//! The contract as a core module sees it: which functions to export, under which names, and how a
//! component is made of a module that does. Worlds come from `wit/` or are made up by a test.

use std::{fmt::Write as _, path::Path};

use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{
    LiftLowerAbi, ManglingAndAbi, Resolve, WasmExport, WasmExportKind, WorldId, WorldItem,
    abi::{AbiVariant, WasmType},
};

use crate::forge::leb;

const ABI: ManglingAndAbi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);

/// A function that a guest exports.
pub(crate) struct Export {
    /// `score` of `phagen:plugin/reranking@0.1.0#score`.
    pub(crate) short: String,
    pub(crate) name: String,
    pub(crate) post_return: String,
    pub(crate) params: Vec<&'static str>,
    pub(crate) results: Vec<&'static str>,
}

impl Export {
    /// `(func (export "…") (param …) (result …)`, left open.
    pub(crate) fn head(&self) -> String {
        let Self { name, .. } = self;
        format!("(func (export \"{name}\") {}", self.signature())
    }

    pub(crate) fn signature(&self) -> String {
        let typed = |what: &str, types: &[&str]| match types {
            [] => String::new(),
            types => format!("({what} {})", types.join(" ")),
        };
        format!(
            "{} {}",
            typed("param", &self.params),
            typed("result", &self.results)
        )
    }
}

/// A world in `wit/`, or one like it that we made up.
#[derive(Clone)]
pub(crate) struct Contract {
    resolve: Resolve,
    world: WorldId,
}

impl Contract {
    pub(crate) fn new(version: &str, world: &str) -> Self {
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(wit.join(version)).expect("the contract");
        let world = resolve.select_world(&[package], Some(world));
        Self {
            world: world.expect("a world"),
            resolve,
        }
    }

    /// The reranker's world with imports that it does not offer or that a test calls by hand:
    /// `packages` are WIT packages, `imports` what is imported of them.
    pub(crate) fn reranker_with(packages: &[&str], imports: &[&str]) -> Self {
        let imports: String = imports.iter().fold(String::new(), |mut text, import| {
            writeln!(text, "import {import};").expect("a string");
            text
        });
        let world = format!(
            "package test:hostile;
            world everything {{ include phagen:plugin/reranker@0.1.0; {imports} }}"
        );
        Self::new("v0.1.0", "reranker").and(packages, &world, "everything")
    }

    /// The world `name` of a package that stands alone.
    pub(crate) fn made_up(package: &str, name: &str) -> Self {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("given.wit", package).expect(package);
        let world = resolve.select_world(&[package], Some(name));
        Self {
            world: world.expect("a world"),
            resolve,
        }
    }

    /// The world `name` of the package `last`, which may use the `packages` and this contract's.
    pub(crate) fn and(mut self, packages: &[&str], last: &str, name: &str) -> Self {
        for package in packages {
            self.resolve.push_str("given.wit", package).expect(package);
        }
        let package = self.resolve.push_str("last.wit", last).expect(last);
        let world = self.resolve.select_world(&[package], Some(name));
        Self {
            world: world.expect("a world"),
            resolve: self.resolve,
        }
    }

    /// Every function of the world's exports, as a core module has to export it.
    pub(crate) fn exports(&self) -> Vec<Export> {
        let resolve = &self.resolve;
        let mut exports = Vec::new();
        for (key, item) in &resolve.worlds[self.world].exports {
            let WorldItem::Interface { id, .. } = item else {
                continue;
            };
            for func in resolve.interfaces[*id].functions.values() {
                let named = |kind| {
                    let interface = Some(key);
                    let export = WasmExport::Func {
                        interface,
                        func,
                        kind,
                    };
                    resolve.wasm_export_name(ABI, export)
                };
                let signature = resolve.wasm_signature(AbiVariant::GuestExport, func);
                exports.push(Export {
                    short: func.name.clone(),
                    name: named(WasmExportKind::Normal),
                    post_return: named(WasmExportKind::PostReturn),
                    params: signature.params.into_iter().map(core_type).collect(),
                    results: signature.results.into_iter().map(core_type).collect(),
                });
            }
        }
        exports
    }

    /// Makes a component of a core module that exports all this world asks for.
    pub(crate) fn wrap(&self, mut module: Vec<u8>) -> Vec<u8> {
        embed_component_metadata(&mut module, &self.resolve, self.world, StringEncoding::UTF8)
            .expect("a world that can be written down");
        ComponentEncoder::default()
            .validate(false)
            .module(&module)
            .and_then(|mut encoder| encoder.encode())
            .unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Makes a component of a core module without imports, into which others of the same exports
    /// can be put: a hundred times faster than to make each anew.
    pub(crate) fn template(&self, module: Vec<u8>) -> Template {
        let component = self.wrap(module);
        let modules = Parser::new(0).parse_all(&component);
        let mut ranges = modules.filter_map(|payload| match payload.expect("valid") {
            Payload::ModuleSection {
                unchecked_range, ..
            } => Some(unchecked_range),
            _ => None,
        });
        let module = ranges.next().expect("a module");
        assert_eq!(ranges.next(), None, "one module");
        let mut length = Vec::new();
        leb(&mut length, module.len());
        // A section is its number, the length of what follows, and that.
        let section = module.start - length.len() - 1;
        Template {
            before: component[..section].to_vec(),
            after: component[module.end..].to_vec(),
        }
    }
}

/// A component around a hole where its core module goes.
pub(crate) struct Template {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Template {
    pub(crate) fn holding(&self, module: &[u8]) -> Vec<u8> {
        const CORE_MODULE: u8 = 1;
        let mut component = self.before.clone();
        component.push(CORE_MODULE);
        leb(&mut component, module.len());
        component.extend_from_slice(module);
        component.extend_from_slice(&self.after);
        component
    }
}

fn core_type(ty: WasmType) -> &'static str {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    }
}
