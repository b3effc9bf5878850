//! Makes components out of hand-written core modules.
//!
//! A [`Forged`] guest begins as one that behaves: every function of its world answers with nothing,
//! or with zeros. A test then replaces the one function, memory or allocator that it is about.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::contract::{Contract, Export};

/// Where a forged guest keeps what it answers: everything below is zero unless written to.
pub(crate) const ANSWER: u32 = 64;
/// Zeros that a list may point at, up to the end of the first page.
pub(crate) const ZEROS: u32 = 4_096;

/// An allocator that takes what it is asked for and frees nothing.
const REALLOC: &str = "(local $at i32)
    (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
    (global.set $top (i32.add (local.get $at) (local.get 3)))
    (block $fits
      (br_if $fits (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
      (drop (memory.grow (i32.add (i32.div_u (local.get 3) (i32.const 65536)) (i32.const 1)))))
    (local.get $at)";

#[derive(Clone)]
pub(crate) struct Forged {
    contract: Contract,
    bodies: BTreeMap<&'static str, String>,
    imports: String,
    fields: String,
    memory: String,
}

impl Forged {
    /// A reranker of the first frozen contract, which scores every candidate 0.
    pub(crate) fn reranker() -> Self {
        Self::of(Contract::new("v0.1.0", "reranker"))
    }

    pub(crate) fn of(contract: Contract) -> Self {
        Self {
            contract,
            bodies: BTreeMap::new(),
            imports: String::new(),
            fields: String::new(),
            memory: "(memory (export \"memory\") 2)".to_owned(),
        }
    }

    /// Instructions in place of those of the function `name`; `post-return score` is what the host
    /// calls when it has read the scores.
    pub(crate) fn body(mut self, name: &'static str, instructions: impl Into<String>) -> Self {
        self.bodies.insert(name, instructions.into());
        self
    }

    /// A core import, which the contract has to hold.
    pub(crate) fn import(mut self, import: &str) -> Self {
        self.imports.push_str(import);
        self
    }

    /// Further fields of the core module: tables, globals, functions, data.
    pub(crate) fn field(mut self, field: &str) -> Self {
        self.fields.push_str(field);
        self
    }

    pub(crate) fn memory(mut self, memory: &str) -> Self {
        memory.clone_into(&mut self.memory);
        self
    }

    /// The core module alone.
    pub(crate) fn core_module(&self) -> Vec<u8> {
        let mut text = format!("(module {} {}\n", self.imports, self.memory);
        text.push_str("(global $top (mut i32) (i32.const 65536))\n");
        let realloc = self.bodies.get("cabi_realloc").map_or(REALLOC, |it| it);
        let params = "(param i32 i32 i32 i32) (result i32)";
        writeln!(
            text,
            "(func (export \"cabi_realloc\") {params} {realloc})\n{}",
            self.fields
        )
        .expect("a string");
        for export in self.contract.exports() {
            let body = self.bodies.get(export.short.as_str());
            let body = body.map_or_else(|| harmless(&export), Clone::clone);
            writeln!(text, "{} {body})", export.head()).expect("a string");
            let post_return = format!("post-return {}", export.short);
            if let Some(body) = self.bodies.get(post_return.as_str()) {
                let name = &export.post_return;
                writeln!(text, "(func (export \"{name}\") (param i32) {body})").expect("a string");
            }
        }
        text.push(')');
        assemble(&text)
    }

    pub(crate) fn component(&self) -> Vec<u8> {
        self.contract.wrap(self.core_module())
    }
}

/// Reads the text format, of a core module or of a component.
pub(crate) fn assemble(text: &str) -> Vec<u8> {
    // The error's own words repeat the whole text, which may be megabytes.
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error:.2000}"))
}

/// Appends a length as the binary format writes it.
pub(crate) fn leb(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).expect("seven bits"));
}

/// What does no harm in place of a function.
pub(crate) fn harmless(export: &Export) -> String {
    // The number of candidates is the last of the parameters.
    let n = export.params.len().saturating_sub(1);
    let list = |at: u32| {
        let (len, value) = (at + 4, ZEROS);
        format!(
            "(i32.store (i32.const {at}) (i32.const {value})) (i32.store (i32.const {len}) (local.get {n}))"
        )
    };
    let written = match export.short.as_str() {
        // A failure may hold 64 bits, so what stands in its place begins at 8.
        "features" | "score" => list(ANSWER + 8),
        "rerank" => list(ANSWER + 24),
        _ => String::new(),
    };
    format!("{written} (i32.const {ANSWER})")
}
