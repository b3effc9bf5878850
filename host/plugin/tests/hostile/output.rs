//! Guests whose answers lie about their length, or are well formed and wrong.

use crate::{
    common::Room,
    contract::Contract,
    forge::{ANSWER, Forged, ZEROS},
    trial::{Expected, expect},
};

const GIB: u32 = 1 << 30;

pub(crate) fn expected(code: &'static str, words: &'static str) -> Expected {
    Expected { code, words }
}

/// Answers with the list of `len` items at `at`, which stands `offset` bytes into the answer.
pub(crate) fn list(offset: u32, at: u32, len: u32) -> String {
    let (field, next) = (ANSWER + offset, ANSWER + offset + 4);
    format!(
        "(i32.store (i32.const {field}) (i32.const {at}))
         (i32.store (i32.const {next}) (i32.const {len}))
         (i32.const {ANSWER})"
    )
}

pub(crate) fn names(at: u32, len: u32) -> Forged {
    Forged::reranker().body("feature-names", list(0, at, len))
}

pub(crate) fn scores(at: u32, len: u32) -> Forged {
    Forged::reranker().body("score", list(8, at, len))
}

#[tokio::test]
async fn a_length_that_was_made_up_is_refused() {
    let out = || expected("plugin_trap", "out of bounds");
    let offences = vec![
        ("1 GiB of names", names(ZEROS, GIB / 8), out()),
        ("1 GiB of scores", scores(ZEROS, GIB / 4), out()),
        (
            "u32::MAX names",
            names(ZEROS, u32::MAX),
            expected("plugin_trap", ""),
        ),
        (
            "u32::MAX scores",
            scores(ZEROS, u32::MAX),
            expected("plugin_trap", ""),
        ),
        (
            "u32::MAX facts",
            Forged::reranker().body("describe", list(0, ZEROS, u32::MAX)),
            expected("plugin_trap", "`describe`"),
        ),
        (
            "a string of u32::MAX bytes",
            names(ZEROS, 1).field(&format!(
                "(data (i32.const {ZEROS}) \"\\00\\10\\00\\00\\ff\\ff\\ff\\ff\")"
            )),
            out(),
        ),
    ];
    expect(&Room::hasty(), offences).await;
}

#[tokio::test]
async fn lists_that_share_their_insides_count_each_time() {
    // 8,000 rows that are all the same 15,000 numbers: 480 MB out of 128 KiB.
    let rows = "(local $i i32)
        (loop $l
          (i32.store (i32.add (i32.const 65536) (i32.mul (local.get $i) (i32.const 8))) (i32.const 4096))
          (i32.store (i32.add (i32.const 65540) (i32.mul (local.get $i) (i32.const 8))) (i32.const 15000))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $l (i32.lt_u (local.get $i) (i32.const 8000))))";
    let shared = |name, offset| {
        Forged::reranker().body(name, format!("{rows} {}", list(offset, 65_536, 8_000)))
    };
    let output = |words| expected("plugin_output", words);
    let offences = vec![
        (
            "rows",
            shared("features", 8),
            output("`features` handed over more"),
        ),
        (
            "names",
            shared("feature-names", 0),
            output("`feature-names` handed over more"),
        ),
    ];
    expect(&Room::hasty(), offences).await;
}

#[tokio::test]
async fn a_gigabyte_that_is_there_is_still_too_much() {
    let room = Room::with(|settings| {
        settings.limits.memory_bytes = 2 << 30;
        settings.caps.memory_bytes = 2 << 30;
    });
    let vast = |guest: Forged| guest.memory("(memory (export \"memory\") 16400)");
    let text = names(ZEROS, 1).field(&format!(
        "(data (i32.const {ZEROS}) \"\\00\\20\\00\\00\\00\\00\\00\\40\")"
    ));
    let output = || expected("plugin_output", "4194304 bytes");
    let offences = vec![
        ("one string", vast(text), output()),
        ("empty strings", vast(names(ZEROS, GIB / 8)), output()),
        ("scores", vast(scores(ZEROS, GIB / 4)), output()),
    ];
    expect(&room, offences).await;
}

#[tokio::test]
async fn answers_that_are_well_formed_and_wrong_are_refused_by_name() {
    let first_score = |bits: u32| {
        Forged::reranker().body(
            "score",
            format!(
                "(i32.store (i32.const {ZEROS}) (i32.const {bits})) {}",
                list(8, ZEROS, 3)
            ),
        )
    };
    let invalid = |words| expected("plugin_invalid_output", words);
    let row_of_one = format!(
        "(i32.store (i32.const {ZEROS}) (i32.const 8192)) (i32.store (i32.const {next}) (i32.const 1)) {}",
        list(8, ZEROS, 3),
        next = ZEROS + 4
    );
    let offences = vec![
        (
            "quiet NaN",
            first_score(0x7fc0_0000),
            invalid("the score of candidate 0 is NaN"),
        ),
        (
            "signalling NaN",
            first_score(0x7f80_0001),
            invalid("is NaN"),
        ),
        ("negative NaN", first_score(0xffff_ffff), invalid("is NaN")),
        ("infinity", first_score(0x7f80_0000), invalid("is inf")),
        (
            "minus infinity",
            first_score(0xff80_0000),
            invalid("is -inf"),
        ),
        (
            "no scores",
            scores(ZEROS, 0),
            invalid("0 scores for 3 candidates"),
        ),
        (
            "one score less",
            scores(ZEROS, 2),
            invalid("2 scores for 3 candidates"),
        ),
        (
            "one score more",
            scores(ZEROS, 4),
            invalid("4 scores for 3 candidates"),
        ),
        (
            "a million scores",
            scores(ZEROS, 30_000),
            invalid("30000 scores for 3 candidates"),
        ),
        ("513 names", names(ZEROS, 513), invalid("513 features")),
        ("a name of nothing", names(ZEROS, 1), invalid("0 bytes")),
        (
            "a row without a name",
            Forged::reranker().body("features", row_of_one),
            invalid("row 0 has 1 values for 0 names"),
        ),
    ];
    expect(&Room::hasty(), offences).await;
}

/// The second version of the contract answers once for all; the same lies end the same way.
#[tokio::test]
async fn the_second_contract_refuses_the_same_lies() {
    let trap = |words| expected("plugin_trap", words);
    let invalid = |words| expected("plugin_invalid_output", words);
    for world in ["reranker", "packed-reranker"] {
        let contract = Contract::new("v0.2.0", world);
        let rerank =
            |offset, at, len| Forged::of(contract.clone()).body("rerank", list(offset, at, len));
        let offences = vec![
            ("u32::MAX names", rerank(8, ZEROS, u32::MAX), trap("")),
            ("u32::MAX features", rerank(16, ZEROS, u32::MAX), trap("")),
            ("u32::MAX scores", rerank(24, ZEROS, u32::MAX), trap("")),
            (
                "between words",
                rerank(24, ZEROS + 1, 3),
                trap("not aligned"),
            ),
            (
                "no scores",
                rerank(24, ZEROS, 0),
                invalid("0 scores for 3 candidates"),
            ),
            ("no names", rerank(16, ZEROS, 3), invalid("features")),
        ];
        expect(&Room::hasty(), offences).await;
    }
}
