//! What a component says of itself, and how it differs from a host and from another.

use std::fs;

use phagen_package::{Package, embed};

use crate::desk::Desk;

#[test]
fn a_component_is_told_and_held_against_a_running_host() {
    let desk = Desk::new();
    desk.shipped("evidence-reranker");
    let host = desk.serve();
    let arguments = [
        "plugin",
        "inspect",
        "evidence-reranker.wasm",
        "--against",
        &host.address,
    ];
    let told = desk.run(&arguments).expect_success();
    for part in [
        "world         reranker",
        "digest",
        "imports",
        "exports",
        "asks for",
        "nothing differs",
        "next:",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let nowhere = [
        "plugin",
        "inspect",
        "evidence-reranker.wasm",
        "--against",
        "http://127.0.0.1:9",
    ];
    let refused = desk.run(&nowhere).expect_failure();
    assert!(refused.contains("phagen serve"), "{refused}");
}

#[test]
fn two_components_are_told_apart() {
    let desk = Desk::new();
    let path = desk.shipped("evidence-reranker");
    desk.shipped("mesh-mapper");
    let bytes = fs::read(path).expect("a component");
    let package = Package::read(&bytes).expect("a package");
    let mut manifest = package.manifest.expect("a manifest");
    manifest.limits.memory_bytes = Some(64 << 20);
    manifest.plugin.version = "9.0.0".to_owned();
    desk.write(
        "newer.wasm",
        embed(&bytes, &manifest, None, None).expect("a package"),
    );

    let diff = ["plugin", "diff", "evidence-reranker.wasm", "newer.wasm"];
    let told = desk.run(&diff).expect_success();
    for part in ["plugin.version: `", "→ `9.0.0`", "limits.memory_bytes: "] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let same = ["plugin", "diff", "newer.wasm", "newer.wasm"];
    assert!(desk.run(&same).expect_success().contains("nothing differs"));
    let other_world = [
        "plugin",
        "inspect",
        "mesh-mapper.wasm",
        "--against",
        "newer.wasm",
    ];
    let told = desk.run(&other_world).expect_success();
    assert!(told.contains("world: `reranker` → `mapper`"), "{told}");

    let no_list = desk.run(&["plugin", "sbom", "newer.wasm"]).expect_failure();
    assert!(no_list.contains("phagen plugin build"), "{no_list}");
    desk.write("cut.wasm", &bytes[..bytes.len() / 2]);
    let refused = desk
        .run(&["plugin", "inspect", "cut.wasm"])
        .expect_failure();
    assert!(
        refused.contains("cut.wasm") && refused.contains("cut off"),
        "{refused}"
    );
}
