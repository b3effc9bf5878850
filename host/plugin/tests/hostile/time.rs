//! Guests that never return, fall, or fall down.

use crate::{
    common::Room,
    forge::Forged,
    trial::{Expected, expect},
};

const LOOP: &str = "(loop $for_ever (br $for_ever)) (unreachable)";

fn timeout(words: &'static str) -> Expected {
    Expected {
        code: "plugin_timeout",
        words,
    }
}

fn trap(words: &'static str) -> Expected {
    Expected {
        code: "plugin_trap",
        words,
    }
}

#[tokio::test]
async fn an_endless_loop_ends_wherever_the_host_comes_by() {
    let looping = |name| Forged::reranker().body(name, LOOP);
    let start = Forged::reranker().field("(start $spin) (func $spin (loop $l (br $l)))");
    let offences = vec![
        (
            "describe",
            looping("describe"),
            timeout("`describe` ran past"),
        ),
        ("start", start, timeout("`describe` ran past")),
        ("init", looping("init"), timeout("`init` ran past")),
        // Called by the host to make room for the configuration.
        (
            "allocator",
            looping("cabi_realloc"),
            timeout("`init` ran past"),
        ),
        (
            "names",
            looping("feature-names"),
            timeout("`feature-names` ran past"),
        ),
        (
            "features",
            looping("features"),
            timeout("`features` ran past"),
        ),
        ("score", looping("score"), timeout("`score` ran past")),
        // Called when the host has read the scores.
        (
            "post-return",
            looping("post-return score"),
            timeout("`score` ran past"),
        ),
    ];
    expect(&Room::hasty(), offences).await;
}

#[tokio::test]
async fn work_without_a_loop_ends_as_well() {
    // A tail call leaves no stack behind.
    let tail_calls = Forged::reranker()
        .field("(func $a (param i32) (result i32) (return_call $b (local.get 0)))")
        .field("(func $b (param i32) (result i32) (return_call $a (local.get 0)))")
        .body("score", "(call $a (i32.const 0))");
    let levels = (1..64)
        .map(|level| {
            let below = level - 1;
            format!("(func $level{level} (call $level{below}) (call $level{below}))")
        })
        .collect::<Vec<_>>()
        .concat();
    let doubling = Forged::reranker()
        .field(&format!("(func $level0 (nop)) {levels}"))
        .body("score", "(call $level63) (unreachable)");
    // The instructions that move much at once are not interrupted, so each has to be short.
    let filling = Forged::reranker()
        .memory("(memory (export \"memory\") 512)")
        .body(
            "score",
            "(loop $l
          (memory.fill (i32.const 1048576) (i32.const 1) (i32.const 32505856))
          (memory.copy (i32.const 1048576) (i32.const 1048577) (i32.const 32505855))
          (br $l)) (unreachable)",
        );
    let asking = Forged::reranker()
        .import("(import \"phagen:plugin/configuration@0.1.0\" \"get\" (func $get (param i32 i32 i32)))")
        .body("cabi_realloc", "(i32.const 1024)")
        .body(
            "score",
            "(loop $l (call $get (i32.const 0) (i32.const 4) (i32.const 512)) (br $l)) (unreachable)",
        );
    let offences = vec![
        ("tail calls", tail_calls, timeout("`score` ran past")),
        ("2^64 calls", doubling, timeout("`score` ran past")),
        ("bulk memory", filling, timeout("`score` ran past")),
        ("host calls", asking, timeout("`score` ran past")),
    ];
    expect(&Room::hasty(), offences).await;
}

#[tokio::test]
async fn endless_recursion_ends_as_a_trap() {
    let dig = |field: &str, body: &'static str| Forged::reranker().field(field).body("score", body);
    let exhausted = || trap("call stack exhausted");
    let locals = "(local v128 v128 v128 v128)".repeat(1_000);
    let wide = format!(
        "(func $dig (param i32) (result i32) {locals}
          (local.set 1 (i32x4.splat (local.get 0)))
          (drop (call $dig (i32.add (local.get 0) (i32.const 1))))
          (i32x4.extract_lane 0 (local.get 1)))"
    );
    let offences = vec![
        (
            "itself",
            dig("(func $dig (call $dig) (nop))", "(call $dig) (unreachable)"),
            exhausted(),
        ),
        (
            "wide frames",
            dig(&wide, "(call $dig (i32.const 0))"),
            exhausted(),
        ),
        (
            "through a table",
            dig(
                "(table 1 funcref) (elem (i32.const 0) $dig) (type $void (func))
                 (func $dig (call_indirect (type $void) (i32.const 0)) (nop))",
                "(call $dig) (unreachable)",
            ),
            exhausted(),
        ),
        (
            "in `describe`",
            Forged::reranker()
                .field("(func $dig (call $dig) (nop))")
                .body("describe", "(call $dig) (unreachable)"),
            trap("`describe` trapped"),
        ),
    ];
    expect(&Room::hasty(), offences).await;
}

#[tokio::test]
async fn a_fall_says_in_which_call_and_why() {
    let body = |name, body: &str| Forged::reranker().body(name, body);
    let score = |instructions: &str| body("score", instructions);
    let start = Forged::reranker().field("(start $fall) (func $fall (unreachable))");
    let allocator = body("cabi_realloc", "(unreachable)");
    let null = score("(call_indirect $t (result i32) (i32.const 0))").field("(table $t 1 funcref)");
    let mistyped = score("(call_indirect $t (result i32) (i32.const 0))")
        .field("(table $t 1 funcref) (elem (i32.const 0) $other) (func $other)");
    let offences = vec![
        (
            "start",
            start,
            trap("`describe` trapped: wasm trap: wasm `unreachable`"),
        ),
        (
            "describe",
            body("describe", "(unreachable)"),
            trap("`describe` trapped"),
        ),
        (
            "init",
            body("init", "(unreachable)"),
            trap("`init` trapped"),
        ),
        ("allocator", allocator, trap("`init` trapped")),
        (
            "post-return",
            body("post-return score", "(unreachable)"),
            trap("`score` trapped"),
        ),
        (
            "divide by zero",
            score("(i32.div_u (i32.const 1) (i32.const 0))"),
            trap("integer divide by zero"),
        ),
        (
            "overflow",
            score("(i32.div_s (i32.const 0x80000000) (i32.const -1))"),
            trap("integer overflow"),
        ),
        (
            "a NaN as an integer",
            score("(i32.trunc_f32_s (f32.const nan))"),
            trap("invalid conversion to integer"),
        ),
        (
            "memory",
            score("(i32.load (i32.const 0x7fffffff))"),
            trap("out of bounds memory access"),
        ),
        (
            "memory by offset",
            score("(i32.load offset=0xffffffff (i32.const 0xffffffff))"),
            trap("out of bounds memory access"),
        ),
        ("no function", null, trap("uninitialized element")),
        (
            "another function",
            mistyped,
            trap("indirect call type mismatch"),
        ),
        (
            "segment past the end",
            Forged::reranker().field("(data (i32.const 0x7fffff00) \"far\")"),
            trap("out of bounds memory access"),
        ),
    ];
    expect(&Room::hasty(), offences).await;
}
