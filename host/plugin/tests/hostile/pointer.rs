//! Guests whose answers are no answers: addresses, tags and letters that mean nothing.

use crate::{
    common::Room,
    forge::{Forged, ZEROS},
    output::{expected, names, scores},
    trial::expect,
};

#[tokio::test]
async fn an_address_outside_or_between_is_refused() {
    let answer_at = |name, at: u32| Forged::reranker().body(name, format!("(i32.const {at})"));
    let trap = |words| expected("plugin_trap", words);
    let offences = vec![
        (
            "names past the end",
            names(131_072, 1),
            trap("out of bounds"),
        ),
        (
            "names across the end",
            names(131_068, 1),
            trap("out of bounds"),
        ),
        (
            "names at u32::MAX",
            names(u32::MAX - 3, 1),
            trap("out of bounds"),
        ),
        (
            "names between words",
            names(ZEROS + 2, 1),
            trap("not aligned"),
        ),
        (
            "scores between words",
            scores(ZEROS + 1, 3),
            trap("not aligned"),
        ),
        (
            "answer past the end",
            answer_at("score", 131_072),
            trap("out of bounds"),
        ),
        (
            "answer across the end",
            answer_at("score", 131_064),
            trap("out of bounds"),
        ),
        (
            "answer at u32::MAX",
            answer_at("score", u32::MAX - 7),
            trap("out of bounds"),
        ),
        (
            "answer between words",
            answer_at("score", 66),
            trap("not aligned"),
        ),
        (
            "allocation between words",
            Forged::reranker().body("cabi_realloc", "(i32.const 1025)"),
            trap("not aligned"),
        ),
        (
            "allocation past the end",
            Forged::reranker().body("cabi_realloc", "(i32.const 131072)"),
            trap("beyond end of memory"),
        ),
    ];
    expect(&Room::hasty(), offences).await;
}

#[tokio::test]
async fn a_tag_that_names_no_case_is_refused() {
    let tagged = |name, tag: u32| {
        Forged::reranker().body(
            name,
            format!("(i32.store8 (i32.const 128) (i32.const {tag})) (i32.const 128)"),
        )
    };
    let trap = || expected("plugin_trap", "discriminant");
    // A failure whose wait is neither given nor not given.
    let option = "(i32.store8 (i32.const 128) (i32.const 1))
        (i32.store8 (i32.const 152) (i32.const 9)) (i32.const 128)";
    let offences = vec![
        ("result 2", tagged("init", 2), trap()),
        ("result 255", tagged("score", 255), trap()),
        ("option 9", Forged::reranker().body("init", option), trap()),
        (
            "level 9",
            Forged::reranker()
                .import("(import \"phagen:plugin/log@0.1.0\" \"emit\" (func $emit (param i32 i32 i32 i32 i32)))")
                .body("score", "(call $emit (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (unreachable)"),
            trap(),
        ),
    ];
    expect(&Room::hasty(), offences).await;
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused() {
    // An address and a length at `ZEROS`, the bytes themselves at 8192.
    let text = |bytes: &str, len: u8| {
        names(ZEROS, 1)
            .field(&format!(
                "(data (i32.const {ZEROS}) \"\\00\\20\\00\\00\\{len:02x}\\00\\00\\00\")"
            ))
            .field(&format!("(data (i32.const 8192) \"{bytes}\")"))
    };
    let trap = || expected("plugin_trap", "utf-8");
    let logged = Forged::reranker()
        .import("(import \"phagen:plugin/log@0.1.0\" \"emit\" (func $emit (param i32 i32 i32 i32 i32)))")
        .field("(data (i32.const 8192) \"\\ff\")")
        .body("score", "(call $emit (i32.const 0) (i32.const 8192) (i32.const 1) (i32.const 0) (i32.const 0)) (unreachable)");
    let offences = vec![
        ("0xff", text("\\ff", 1), trap()),
        ("cut short", text("\\e2\\82", 2), trap()),
        ("overlong", text("\\c0\\80", 2), trap()),
        ("half a pair", text("\\ed\\a0\\80", 3), trap()),
        ("past U+10FFFF", text("\\f4\\90\\80\\80", 4), trap()),
        ("in a log line", logged, trap()),
    ];
    expect(&Room::hasty(), offences).await;
}
