//! Components that are valid and made to keep the compiler busy.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use phagen_domain::plugin::World;
use phagen_plugin::PluginError;

use crate::{
    common::Room,
    forge::{Forged, assemble, leb},
};

/// How long compiling what is in this file may take on a busy machine, unoptimised.
const LATEST: Duration = Duration::from_mins(2);

/// What came of loading a component, and in what time.
fn load(what: &str, component: &[u8]) -> &'static str {
    let room = Room::hasty();
    let started = Instant::now();
    let outcome = room.host.load(World::Reranker, component);
    let took = started.elapsed();
    let code = outcome.as_ref().map_or_else(PluginError::code, |_| "ok");
    let words = outcome.map_or_else(|error| error.to_string(), |_| String::new());
    eprintln!(
        "{what}: {} bytes, {code} in {took:?} {:.200}",
        component.len(),
        words
    );
    assert!(took < LATEST, "{what} took {took:?}");
    code
}

#[test]
fn long_a_hundred_thousand_functions_are_compiled_or_refused_in_time() {
    let guest = Forged::reranker().field(
        &"(func (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))".repeat(100_000),
    );
    assert_eq!(load("100,000 functions", &guest.component()), "ok");
}

#[test]
fn long_one_function_made_to_be_slow_is_compiled_or_refused_in_time() {
    let with = |body: String| Forged::reranker().field(&body).component();
    let locals = |n: usize| {
        let sets: String = (0..n).fold(String::new(), |mut text, at| {
            write!(
                text,
                "(local.set {at} (i32.add (local.get {at}) (i32.const 1)))"
            )
            .expect("text");
            text
        });
        let locals = "(local i32)".repeat(n);
        format!("(func {locals} (loop $l {sets} (br_if $l (local.get 0))) )")
    };
    for (what, body) in [
        ("1,000 locals in a loop", locals(1_000)),
        ("10,000 locals in a loop", locals(10_000)),
    ] {
        assert_eq!(load(what, &with(body)), "ok");
    }
}

#[test]
fn a_hundred_thousand_types_and_imports_are_refused_in_time() {
    let more = |section: Vec<u8>| [Forged::reranker().component(), section].concat();
    // A record of a number and a text.
    let types = section(7, 100_000, |_| b"\x72\x02\x01a\x79\x01b\x73".to_vec());
    assert_eq!(load("100,000 types", &more(types)), "ok");
    // A resource each.
    let imports = section(10, 50_000, |at| {
        let name = format!("thing{at}");
        let mut import = vec![0];
        leb(&mut import, name.len());
        import.extend_from_slice(name.as_bytes());
        import.extend_from_slice(b"\x03\x01");
        import
    });
    let code = load("50,000 imports", &more(imports));
    assert_eq!(code, "plugin_foreign_import");
}

/// A section of `n` items of a component.
fn section(id: u8, n: usize, item: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    let mut items = Vec::new();
    leb(&mut items, n);
    items.extend((0..n).flat_map(item));
    let mut section = vec![id];
    leb(&mut section, items.len());
    section.extend_from_slice(&items);
    section
}

/// Each level holds two of the level below: a few lines ask for 2^n instances.
#[test]
fn instances_that_double_at_every_level_are_refused_in_time() {
    for depth in [4, 16, 24, 60, 95] {
        let mut text = String::from(
            "(component (component $c0 (core module $m) (core instance (instantiate $m)))",
        );
        for level in 1..=depth {
            let below = level - 1;
            write!(
                text,
                "(component $c{level} (alias outer 1 $c{below} (component $b))
                  (instance (instantiate $b)) (instance (instantiate $b)))"
            )
            .expect("text");
        }
        write!(text, "(instance (instantiate $c{depth})))").expect("text");
        let code = load(&format!("2^{depth} instances"), &assemble(&text));
        // The pool takes a few; they are no reranker, and that is all that is wrong with them.
        let expected = if depth == 4 {
            "plugin_wrong_world"
        } else {
            "plugin_invalid"
        };
        assert_eq!(code, expected);
    }
}

/// The same, where each level is handed the one below and nobody can count ahead.
#[test]
fn instances_that_double_by_being_handed_on_are_refused_in_time() {
    let mut text = String::from("(component (component $c0)");
    for level in 1..=40 {
        let below = level - 1;
        write!(
            text,
            "(component $d{level} (import \"c\" (component $c))
              (instance (instantiate $c)) (instance (instantiate $c)))
             (component $c{level} (alias outer 1 $d{level} (component $d))
              (alias outer 1 $c{below} (component $c))
              (instance (instantiate $d (with \"c\" (component $c)))))"
        )
        .expect("text");
    }
    text.push_str("(instance (instantiate $c40)))");
    assert_eq!(load("handed on", &assemble(&text)), "plugin_invalid");
}
