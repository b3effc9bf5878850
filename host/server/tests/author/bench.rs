//! Where the time of a call goes, beside the same code outside of the sandbox.

use std::fs;

use crate::desk::{Desk, require_toolchain};

const COLUMNS: [&str; 5] = ["native", "marshalling", "guest", "instance", "whole"];

/// The row `name` of each case that was told.
fn rows<'a>(told: &'a str, name: &str) -> Vec<Vec<&'a str>> {
    let rows = told.lines().map(|line| line.split_whitespace());
    rows.filter_map(|mut cells| (cells.next() == Some(name)).then(|| cells.collect()))
        .collect()
}

/// `4.0µs` is a time, and more than none.
fn is_positive(cell: &str) -> bool {
    let number = cell.trim_end_matches(|c: char| !c.is_ascii_digit());
    number.parse::<f64>().is_ok_and(|number| number > 0.0)
}

/// A plugin from its template, and what `bench` tells of it.
fn bench(desk: &Desk, language: &str, world: &str, name: &str) -> String {
    let new = ["plugin", "new", name, "--world", world, "--lang", language];
    desk.run(&new).expect_success();
    desk.run_in(name, &["plugin", "build"]).expect_success();
    desk.run_in(name, &["plugin", "bench"]).expect_success()
}

/// Every case has every figure: those of the templates can be asked natively.
fn assert_measured(told: &str, n_cases: usize, runtime: &str) {
    let header = told.lines().nth(1).expect("a header");
    assert_eq!(header.split_whitespace().collect::<Vec<_>>(), COLUMNS);
    let (medians, tails) = (rows(told, "p50"), rows(told, "p99"));
    assert_eq!((medians.len(), tails.len()), (n_cases, n_cases), "{told}");
    for median in &medians {
        let [native, .., instance, whole] = median[..] else {
            panic!("{told}");
        };
        for cell in [native, instance, whole] {
            assert!(is_positive(cell), "{cell}: {told}");
        }
    }
    for tail in &tails {
        assert!(is_positive(tail[0]), "{told}");
    }
    assert_eq!(told.matches("guest / native").count(), n_cases, "{told}");
    assert_eq!(told.matches(runtime).count(), n_cases, "{told}");
}

#[test]
fn long_a_rust_plugin_is_timed_beside_its_native_self() {
    let desk = Desk::new();
    let told = bench(&desk, "rust", "source", "timed-source");
    assert_measured(&told, 2, "machine code");
    // A component alone has no code to ask natively, and says so.
    let component = desk.path("timed-source/timed-source.wasm");
    desk.write("alone.wasm", fs::read(component).expect("it is built"));
    let alone = desk
        .run(&["plugin", "bench", "alone.wasm"])
        .expect_success();
    assert_eq!(
        alone
            .matches("native was not measured: `alone.wasm` lies without its code")
            .count(),
        2,
        "{alone}"
    );
    assert!(
        rows(&alone, "p50").iter().all(|row| row[0] == "-"),
        "{alone}"
    );
    // So does a crate that was made before there was a way in.
    fs::remove_dir_all(desk.path("timed-source/examples")).expect("examples");
    let manifest = desk.read("timed-source/Cargo.toml");
    let (before, rest) = manifest.split_once("[[example]]").expect("an example");
    let (_, after) = rest.split_once("[dependencies]").expect("dependencies");
    desk.write(
        "timed-source/Cargo.toml",
        format!("{before}[dependencies]{after}"),
    );
    let older = desk
        .run_in("timed-source", &["plugin", "bench"])
        .expect_success();
    assert!(older.contains("no `examples/native.rs`"), "{older}");
}

#[test]
fn long_a_rust_reranker_is_timed_and_another_answer_has_no_figure() {
    let desk = Desk::new();
    let told = bench(&desk, "rust", "reranker", "timed-reranker");
    let n_cases = told.matches("case `").count();
    assert_measured(&told, n_cases, "machine code");
    // The code moved on from what was built: the two do other work, and no ratio is told.
    let code = desk.read("timed-reranker/src/lib.rs");
    let changed = code.replace("0.1 * row[1]", "0.1 * row[1] + 7.0");
    assert_ne!(code, changed);
    desk.write("timed-reranker/src/lib.rs", changed);
    let told = desk
        .run_in("timed-reranker", &["plugin", "bench"])
        .expect_success();
    assert!(told.contains("too, but not the same"), "{told}");
    assert!(!told.contains("guest / native"), "{told}");
}

#[test]
fn long_a_python_plugin_is_timed_beside_its_native_self() {
    require_toolchain("python");
    let told = bench(&Desk::new(), "python", "source", "timed");
    assert_measured(&told, 2, "CPython 3.");
}

#[test]
fn long_a_js_plugin_is_timed_beside_its_native_self() {
    require_toolchain("js");
    let told = bench(&Desk::new(), "js", "source", "timed");
    assert_measured(&told, 2, "Node.js v");
}

#[test]
fn long_a_plugin_without_golden_cases_has_no_calls_to_time() {
    let desk = Desk::new();
    desk.shipped("corpus-source");
    let refused = desk
        .run(&["plugin", "bench", "corpus-source.wasm"])
        .expect_failure();
    assert!(refused.contains("no golden cases"), "{refused}");
}
