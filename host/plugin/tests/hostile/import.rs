//! Guests that import what they may not have, or lie about the types of what they may.

use phagen_domain::plugin::World;
use phagen_plugin::PluginError;

use crate::{
    common::Room,
    contract::Contract,
    forge::{Forged, assemble},
    trial::{behaves, rerank},
};

#[tokio::test]
async fn what_the_world_does_not_offer_is_refused_by_name() {
    let room = Room::hasty();
    let filesystem = "package wasi:filesystem@0.2.12;
        interface preopens { get-directories: func() -> list<u32>; }";
    let sockets = "package wasi:sockets@0.2.12;
        interface tcp { connect: func(host: string, port: u16) -> result; }";
    let own = "package evil:plugin@0.1.0; interface shell { run: func(command: string); }";
    let newer = "package wasi:random@0.3.0; interface random { get-random-u64: func() -> u64; }";
    for (package, import, core) in [
        (
            filesystem,
            "wasi:filesystem/preopens@0.2.12",
            "\"get-directories\" (func (param i32))",
        ),
        (
            sockets,
            "wasi:sockets/tcp@0.2.12",
            "\"connect\" (func (param i32 i32 i32) (result i32))",
        ),
        (
            own,
            "evil:plugin/shell@0.1.0",
            "\"run\" (func (param i32 i32))",
        ),
        (
            newer,
            "wasi:random/random@0.3.0",
            "\"get-random-u64\" (func (result i64))",
        ),
    ] {
        let contract = Contract::reranker_with(&[package], &[import]);
        let guest = Forged::of(contract).import(&format!("(import \"{import}\" {core})"));
        let error = rerank(&room, &guest.component()).await.expect_err(import);
        assert_eq!(error.code(), "plugin_foreign_import", "{import}: {error}");
        assert!(
            error.to_string().contains(&format!("imports `{import}`")),
            "{error}"
        );
    }
    // A source may reach out; a reranker may not.
    let http = "wasi:http/types@0.2.12";
    let contract = Contract::reranker_with(&[], &[http]);
    let guest = Forged::of(contract).import(&format!(
        "(import \"{http}\" \"[constructor]fields\" (func (result i32)))"
    ));
    let error = rerank(&room, &guest.component()).await.expect_err(http);
    assert_eq!(error.code(), "plugin_foreign_import", "{error}");
    behaves(&room).await;
}

#[test]
fn what_is_no_interface_is_refused_as_an_import() {
    let room = Room::new();
    let refused = |component: &[u8], named: &str| {
        let error = room.host.load(World::Reranker, component).expect_err(named);
        assert_eq!(error.code(), "plugin_foreign_import", "{named}: {error}");
        let words = format!("imports `{named}`");
        assert!(error.to_string().contains(&words), "{error}");
    };
    // A function that is not of any interface.
    let contract = Contract::reranker_with(&[], &["run: func(command: string)"]);
    let guest = Forged::of(contract)
        .import("(import \"$root\" \"run\" (func $run (param i32 i32)))")
        .body(
            "self-test",
            "(call $run (i32.const 0) (i32.const 0)) (i32.const 64)",
        );
    refused(&guest.component(), "run");
    // What no contract can ask for is added by hand: a component is a list of sections.
    for (import, named) in [
        ("(import \"code\" (core module))", "code"),
        ("(import \"thing\" (type (sub resource)))", "thing"),
    ] {
        let asking = assemble(&format!("(component {import})"));
        let good = Forged::reranker().component();
        refused(&[&good, &asking[8..]].concat(), named);
    }
}

/// The contract's names with types of its own.
#[test]
fn a_contract_that_was_made_up_is_refused() {
    let lying = |lifecycle: &str, score: &str, emit: &str| {
        let text = format!(
            "package phagen:plugin@0.1.0;
            interface lifecycle {{
              describe: func() -> {lifecycle};
              init: func(config: list<tuple<string, string>>) -> result;
              self-test: func() -> result;
            }}
            interface reranking {{ {score} }}
            interface log {{ {emit} }}
            world reranker {{ import log; export lifecycle; export reranking; }}"
        );
        Contract::made_up(&text, "reranker")
    };
    let room = Room::new();
    let load = |guest: Forged| -> PluginError {
        let bytes = guest.component();
        room.host
            .load(World::Reranker, &bytes)
            .expect_err("refused")
    };
    let emit = "emit: func(a: u64, b: u64);";
    for (what, lifecycle, score) in [
        (
            "facts of numbers",
            "list<u64>",
            "score: func(a: list<f64>) -> list<f64>;",
        ),
        (
            "facts of floats",
            "f32",
            "feature-names: func() -> list<string>;",
        ),
        (
            "functions missing",
            "list<tuple<string, string>>",
            "other: func();",
        ),
    ] {
        let error = load(Forged::of(lying(lifecycle, score, emit)));
        assert_eq!(error.code(), "plugin_invalid", "{what}: {error}");
    }
    let imports = "(import \"phagen:plugin/log@0.1.0\" \"emit\" (func (param i64 i64)))";
    let contract = lying("list<u64>", "score: func(a: list<f64>) -> list<f64>;", emit);
    let error = load(Forged::of(contract).import(imports));
    assert_eq!(error.code(), "plugin_invalid", "{error}");
    assert!(
        error.to_string().contains("phagen:plugin/log@0.1.0"),
        "{error}"
    );
}
