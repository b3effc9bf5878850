//! Guests that ask for what they may have, too often, too much or at the wrong moment.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use phagen_domain::plugin::World;
use phagen_package::embed;
use tracing::{Event, Subscriber, span};

use crate::{
    common::{Room, artifact, manifest, query},
    contract::Contract,
    forge::Forged,
    trial::{Expected, behaves, candidates, expect, rerank, slot},
};

const EMIT: &str = "(import \"phagen:plugin/log@0.1.0\" \"emit\"
    (func $emit (param i32 i32 i32 i32 i32)))";
const OPEN: &str = "(import \"phagen:plugin/artifacts@0.1.0\" \"open\" (func $open (param i32)))";
const SIZE: &str = "(import \"phagen:plugin/artifacts@0.1.0\" \"[method]artifact.size\"
    (func $size (param i32) (result i64)))";
const READ: &str = "(import \"phagen:plugin/artifacts@0.1.0\" \"[method]artifact.read\"
    (func $read (param i32 i64 i32 i32)))";
const DROP: &str = "(import \"phagen:plugin/artifacts@0.1.0\" \"[resource-drop]artifact\"
    (func $drop (param i32)))";
const RANDOM: &str = "package wasi:random@0.2.12;
    interface random { get-random-bytes: func(len: u64) -> list<u8>; }";
const EXIT: &str = "package wasi:cli@0.2.12; interface exit { exit: func(status: result); }";

fn expected(code: &'static str, words: &'static str) -> Expected {
    Expected { code, words }
}

/// Logs one empty line.
const LINE: &str =
    "(call $emit (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))";

/// Counts the lines of guests and nothing else.
#[derive(Clone, Default)]
struct GuestLines(Arc<AtomicU64>);

impl Subscriber for GuestLines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "phagen::guest"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn long_of_ten_million_log_lines_two_hundred_are_kept() {
    let room = Room::with(|settings| {
        settings.limits.scoring_deadline = Duration::from_mins(5);
        settings.caps.deadline = Duration::from_mins(5);
    });
    let body = format!(
        "(local $n i32)
         (loop $l {LINE}
           (local.set $n (i32.add (local.get $n) (i32.const 1)))
           (br_if $l (i32.lt_u (local.get $n) (i32.const 10000000))))
         (i32.const 64)"
    );
    let guest = Forged::reranker().import(EMIT).body("feature-names", body);
    let slot = slot(&room, &guest.component()).expect("a slot");
    let lines = GuestLines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    slot.rerank(&query(), &candidates()).await.expect("scores");
    // And one that says that the rest is dropped.
    assert_eq!(lines.0.load(Ordering::Relaxed), 201);
}

#[tokio::test]
async fn what_crosses_the_border_at_once_has_a_limit() {
    let shout = |bytes: u32| {
        format!(
            "(memory.fill (i32.const 1048576) (i32.const 97) (i32.const {bytes}))
             (call $emit (i32.const 2) (i32.const 1048576) (i32.const {bytes}) (i32.const 0) (i32.const 0))
             (i32.const 64)"
        )
    };
    let guest = |bytes| {
        Forged::reranker()
            .import(EMIT)
            .memory("(memory (export \"memory\") 200)")
            .body("feature-names", shout(bytes))
    };
    let room = Room::hasty();
    assert!(rerank(&room, &guest(3 << 20).component()).await.is_ok());
    // A message of nothing with a billion fields.
    let fields = Forged::reranker().import(EMIT).body(
        "score",
        "(call $emit (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0x10000000))
         (unreachable)",
    );
    let offences = vec![
        (
            "a line of 5 MiB",
            guest(5 << 20),
            expected("plugin_output", "4194304 bytes"),
        ),
        (
            "2^28 fields",
            fields,
            expected("plugin_trap", "out of bounds"),
        ),
    ];
    expect(&room, offences).await;
}

#[tokio::test]
async fn handles_run_out_and_cannot_be_forged() {
    let room = Room::hasty();
    let with_artifact = async |body: &str| {
        let guest = Forged::reranker()
            .import(OPEN)
            .import(SIZE)
            .import(READ)
            .import(DROP);
        let guest = guest.body("score", format!("{body} (unreachable)"));
        let asking = embed(&guest.component(), &manifest(World::Reranker), None, None);
        let mut slot = slot(&room, &asking.expect("a package")).expect("a slot");
        slot.artifact = Some(artifact(&vec![7; 100_000]));
        slot.activation.grant.artifact = true;
        slot.rerank(&query(), &candidates()).await.expect_err(body)
    };
    let open = "(call $open (i32.const 512))";
    // The answer is a result, whose other case may hold 64 bits.
    let handle = "(i32.load (i32.const 520))";
    for (body, words) in [
        (format!("(loop $l {open} (br $l))"), "handle"),
        (
            "(drop (call $size (i32.const 12345)))".to_owned(),
            "unknown handle index",
        ),
        (
            "(call $drop (i32.const 0))".to_owned(),
            "unknown handle index",
        ),
        (
            format!("{open} (call $drop {handle}) (call $drop {handle})"),
            "unknown handle index",
        ),
        (
            format!("{open} (call $drop {handle}) (drop (call $size {handle}))"),
            "unknown handle index",
        ),
        // The allocator stays within memory; where the host is to write the answer does not.
        (
            format!("{open} (call $read {handle} (i64.const 0) (i32.const -1) (i32.const -8))"),
            "out of bounds",
        ),
        (
            format!("{open} (call $read {handle} (i64.const 0) (i32.const -1) (i32.const 513))"),
            "not aligned",
        ),
    ] {
        let error = with_artifact(&body).await;
        assert_eq!(error.code(), "plugin_trap", "{body}: {error}");
        assert!(error.to_string().contains(words), "{body}: {error}");
    }
    behaves(&room).await;
}

#[tokio::test]
async fn chance_is_given_in_small_parts() {
    let contract = Contract::reranker_with(&[RANDOM], &["wasi:random/random@0.2.12"]);
    let guest = |bytes: u64| {
        Forged::of(contract.clone())
            .import(
                "(import \"wasi:random/random@0.2.12\" \"get-random-bytes\"
                  (func $random (param i64 i32)))",
            )
            .body(
                "feature-names",
                format!("(call $random (i64.const {bytes}) (i32.const 512)) (i32.const 64)"),
            )
    };
    let room = Room::new();
    assert!(rerank(&room, &guest(1 << 20).component()).await.is_ok());
    let refused = || expected("plugin_trap", "exceeds limit");
    let offences = vec![
        ("a byte too many", guest((1 << 20) + 1), refused()),
        ("2^63", guest(1 << 63), refused()),
    ];
    expect(&room, offences).await;
}

#[tokio::test]
async fn waiting_for_the_host_ends_at_the_deadline() {
    let imports = ["wasi:clocks/monotonic-clock@0.2.12", "wasi:io/poll@0.2.12"];
    let contract = Contract::reranker_with(&[], &imports);
    let guest = |body: &str| {
        Forged::of(contract.clone())
            .import(
                "(import \"wasi:clocks/monotonic-clock@0.2.12\" \"subscribe-duration\"
                  (func $alarm (param i64) (result i32)))",
            )
            .import(
                "(import \"wasi:io/poll@0.2.12\" \"[method]pollable.block\"
                  (func $block (param i32)))",
            )
            .body("score", format!("{body} (unreachable)"))
    };
    let sleep = guest("(call $block (call $alarm (i64.const 0x7fffffffffffffff)))");
    let alarms = guest("(loop $l (drop (call $alarm (i64.const 1000000000000))) (br $l))");
    let offences = vec![
        (
            "one long sleep",
            sleep,
            expected("plugin_timeout", "`score` ran past"),
        ),
        ("alarms for ever", alarms, expected("plugin_trap", "handle")),
    ];
    expect(&Room::hasty(), offences).await;
}

#[tokio::test]
async fn a_guest_cannot_end_the_process() {
    let contract = Contract::reranker_with(&[EXIT], &["wasi:cli/exit@0.2.12"]);
    let exit = |status: u32| {
        Forged::of(contract.clone())
            .import("(import \"wasi:cli/exit@0.2.12\" \"exit\" (func $exit (param i32)))")
            .body(
                "score",
                format!("(call $exit (i32.const {status})) (unreachable)"),
            )
    };
    let trap = || expected("plugin_trap", "xit");
    let offences = vec![("well", exit(0), trap()), ("badly", exit(1), trap())];
    expect(&Room::hasty(), offences).await;
}

#[tokio::test]
async fn the_host_is_not_called_while_it_calls() {
    let guest = || Forged::reranker().import(EMIT);
    let trap = || expected("plugin_trap", "cannot leave component instance");
    // The good allocator, but one that talks.
    let allocator = format!("{LINE} (i32.const 1024)");
    let offences = vec![
        (
            "the allocator",
            guest().body("cabi_realloc", allocator),
            trap(),
        ),
        (
            "after the answer",
            guest().body("post-return score", LINE),
            trap(),
        ),
    ];
    expect(&Room::hasty(), offences).await;
}
