//! Guests that take room: memories, tables, instances, and all of them before they run.

use std::fmt::Write as _;

use crate::{
    common::Room,
    forge::{Forged, assemble, leb},
    trial::{Expected, behaves, expect, rerank},
};

const MIB: usize = 1 << 20;

fn small() -> Room {
    Room::with(|settings| settings.limits.memory_bytes = 8 * MIB)
}

fn expected(code: &'static str, words: &'static str) -> Expected {
    Expected { code, words }
}

#[tokio::test]
async fn memory_ends_at_its_limit_however_it_is_asked_for() {
    let refused = || expected("plugin_memory", "8388608 are allowed");
    let grow = |pages: &str| {
        format!("(loop $l (drop (memory.grow (i32.const {pages}))) (br $l)) (unreachable)")
    };
    let step = Forged::reranker().body("score", grow("1"));
    let leap = Forged::reranker().body("score", grow("65000"));
    let early = Forged::reranker().body("describe", grow("16"));
    let allocator = Forged::reranker().body("cabi_realloc", grow("16"));
    let started_full = Forged::reranker().memory("(memory (export \"memory\") 128)");
    let offences = vec![
        ("page by page", step, refused()),
        ("at once", leap, refused()),
        (
            "in `describe`",
            early,
            expected("plugin_memory", "`describe` asked for"),
        ),
        (
            "in the allocator",
            allocator,
            expected("plugin_memory", "`init` asked for"),
        ),
    ];
    let room = small();
    expect(&room, offences).await;
    // All of it and no more.
    assert!(rerank(&room, &started_full.component()).await.is_ok());
}

#[tokio::test]
async fn a_table_ends_at_its_limit() {
    let room = small();
    let grow = |n: &str| {
        let body = format!(
            "(loop $l (drop (table.grow $t (ref.null func) (i32.const {n}))) (br $l)) (unreachable)"
        );
        Forged::reranker()
            .field("(table $t 1 funcref)")
            .body("score", body)
    };
    let two = Forged::reranker()
        .field("(table $a 1 funcref) (table $b 1 funcref)")
        .body(
            "score",
            "(loop $l
              (drop (table.grow $a (ref.null func) (i32.const 10)))
              (drop (table.grow $b (ref.null func) (i32.const 10)))
              (br $l)) (unreachable)",
        );
    let refused = || expected("plugin_table", "elements in tables");
    let offences = vec![
        ("one by one", grow("1"), refused()),
        ("at once", grow("0x7fffffff"), refused()),
        ("two tables", two, refused()),
    ];
    expect(&room, offences).await;
}

#[tokio::test]
async fn what_asks_for_too_much_before_it_runs_is_refused() {
    let memory =
        |limits: &str| Forged::reranker().memory(&format!("(memory (export \"memory\") {limits})"));
    let fields = |field: &str, n: usize| Forged::reranker().field(&field.repeat(n));
    let invalid = |words| expected("plugin_invalid", words);
    let offences = vec![
        ("4 GiB at once", memory("65536"), invalid("memory")),
        (
            "a page too many",
            memory("129"),
            expected("plugin_memory", "8388608 are allowed"),
        ),
        (
            "a huge table",
            fields("(table 10000000 funcref)", 1),
            invalid("table"),
        ),
        ("two memories", fields("(memory 1)", 1), invalid("memories")),
        (
            "many memories",
            fields("(memory 1)", 50),
            invalid("memories"),
        ),
        (
            "many tables",
            fields("(table 1 funcref)", 99),
            invalid("tables"),
        ),
        (
            "a memory of 2^48 pages",
            fields("(memory i64 0xffffffffffff)", 1),
            invalid("memory"),
        ),
    ];
    expect(&small(), offences).await;
}

/// A component with `n` instances of a core module besides those that make it a reranker.
fn crowded(n: usize) -> Vec<u8> {
    let mut text = String::from("(component $crowd (core module $m (memory 1))");
    for _ in 0..n {
        text.push_str("(core instance (instantiate $m))");
    }
    text.push(')');
    let mut component = Forged::reranker().component();
    let crowd = assemble(&text);
    // A component ends where its file ends: what follows is one more section of it.
    append_component(&mut component, &crowd, true);
    component
}

/// Appends a component as a section and, where asked, an instance of it.
fn append_component(outer: &mut Vec<u8>, inner: &[u8], instantiate: bool) {
    const COMPONENT: u8 = 4;
    const INSTANCE: u8 = 5;
    let index = n_components(outer);
    outer.push(COMPONENT);
    leb(outer, inner.len());
    outer.extend_from_slice(inner);
    if instantiate {
        let mut section = vec![1, 0];
        leb(&mut section, index);
        section.push(0);
        outer.push(INSTANCE);
        leb(outer, section.len());
        outer.extend_from_slice(&section);
    }
}

fn n_components(bytes: &[u8]) -> usize {
    use wasmparser::{Parser, Payload};
    let mut depth = 0_usize;
    let mut n = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.expect("valid") {
            Payload::ComponentSection { .. } => {
                n += usize::from(depth == 0);
                depth += 1;
            }
            Payload::ModuleSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    n
}

#[tokio::test]
async fn more_instances_than_the_pool_takes_are_refused() {
    let room = small();
    let error = rerank(&room, &crowded(1_000)).await.expect_err("a crowd");
    assert_eq!(error.code(), "plugin_invalid", "{error}");
    let mut few = String::new();
    write!(few, "{:?}", rerank(&room, &crowded(1)).await).expect("a string");
    assert!(few.starts_with("Ok"), "{few}");
    behaves(&room).await;
}
