//! What is refused before it serves, and what is compiled twice.

use std::{fs, path::Path, time::Instant};

use phagen_domain::plugin::World;
use phagen_plugin::PluginError;

use crate::common::{Room, guest, query};

fn refusal(world: World, bytes: &[u8]) -> PluginError {
    Room::new().host.load(world, bytes).expect_err("refused")
}

#[test]
fn what_is_no_component_is_refused() {
    for (bytes, code) in [
        (&b""[..], "plugin_not_a_component"),
        (b"<!doctype html>", "plugin_not_a_component"),
        (b"\0asm\x01\0\0\0", "plugin_not_a_component"),
    ] {
        assert_eq!(refusal(World::Source, bytes).code(), code);
    }
    let core_module = refusal(World::Source, b"\0asm\x01\0\0\0").to_string();
    assert!(
        core_module.contains("--target wasm32-wasip2"),
        "{core_module}"
    );
}

#[test]
fn a_truncated_component_is_refused_wherever_it_ends() {
    let room = Room::new();
    let whole = guest("unruly_guest");
    for part in 1..40 {
        let cut = &whole[..whole.len() * part / 40];
        let error = room.host.load(World::Source, cut).expect_err("refused");
        assert_eq!(error.code(), "plugin_invalid", "{part}/40: {error}");
    }
    let garbled: Vec<u8> = whole
        .iter()
        .enumerate()
        .map(|(at, byte)| if at > 8 && at % 97 == 0 { !byte } else { *byte })
        .collect();
    assert_eq!(refusal(World::Source, &garbled).code(), "plugin_invalid");
}

#[test]
fn a_component_of_another_world_is_told_which() {
    let error = refusal(World::Reranker, &guest("unruly_guest"));
    assert_eq!(error.code(), "plugin_wrong_world");
    let text = error.to_string();
    for part in [
        "world `reranker` needs the export `phagen:plugin/reranking@0.2.0`",
        "`phagen:plugin/search@0.1.0`",
        "it is a `source`, so install it as one",
    ] {
        assert!(text.contains(part), "{text}");
    }
    // A component of nothing: the header alone.
    let error = refusal(World::Mapper, b"\0asm\x0d\0\x01\0").to_string();
    assert!(error.contains("exports nothing"), "{error}");
}

#[test]
fn an_import_from_outside_the_world_is_named() {
    let error = refusal(World::Reranker, &guest("trespasser_guest"));
    assert_eq!(error.code(), "plugin_foreign_import");
    let text = error.to_string();
    assert!(
        text.contains("imports `phagen:plugin/corpus@0.1.0`"),
        "{text}"
    );
    assert!(text.contains("wasi:io/poll"), "{text}");
}

#[test]
fn the_guests_of_the_house_fit_their_worlds() {
    let room = Room::new();
    for (world, name) in [
        (World::Source, "corpus_source"),
        (World::Mapper, "mesh_mapper"),
        (World::Reranker, "evidence_reranker"),
    ] {
        let plugin = room.host.load(world, &guest(name)).expect(name);
        assert_eq!(plugin.world(), world);
        assert_eq!(plugin.name().replace('-', "_"), name);
        assert!(
            plugin.facts().iter().any(|fact| fact.key == "version"),
            "{plugin:?}"
        );
    }
}

fn cwasm_files(folder: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "cwasm")
        })
        .collect()
}

#[tokio::test]
async fn a_guest_is_compiled_once_and_again_only_when_its_machine_code_was_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    let room = || Room::with(|settings| settings.cache_dir = folder.path().to_owned());
    let first = room();
    first.source("ok");
    first.source("ok");
    assert_eq!(first.host.n_compiled(), 1);

    let second = room();
    second.source("ok");
    assert_eq!(second.host.n_compiled(), 0);

    let [path] = &cwasm_files(folder.path())[..] else {
        panic!("one file")
    };
    let mut bytes = fs::read(path).expect("machine code");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("altered");
    let third = room();
    let source = third.source("ok");
    assert_eq!(third.host.n_compiled(), 1);
    assert!(source.search(&query(), 1, None).await.is_ok());

    let fourth = room();
    fourth.source("ok");
    assert_eq!(fourth.host.n_compiled(), 0, "the good code was put back");
}

#[test]
fn what_does_not_fit_leaves_no_machine_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let room = Room::with(|settings| settings.cache_dir = folder.path().to_owned());
    let refused = room.host.load(World::Reranker, &guest("trespasser_guest"));
    assert!(refused.is_err());
    assert!(cwasm_files(folder.path()).is_empty());
}

#[test]
fn a_compiled_guest_is_not_taken_as_an_upload() {
    let folder = tempfile::tempdir().expect("a folder");
    let room = Room::with(|settings| settings.cache_dir = folder.path().to_owned());
    room.source("ok");
    let machine_code = fs::read(&cwasm_files(folder.path())[0]).expect("machine code");
    assert_eq!(
        refusal(World::Source, &machine_code).code(),
        "plugin_precompiled"
    );
}

#[test]
fn a_compiled_guest_loads_without_the_compiler_in_the_way() {
    let room = Room::new();
    let bytes = guest("mesh_mapper");
    room.host.load(World::Mapper, &bytes).expect("compiled");
    let n_compiled = room.host.n_compiled();
    let started = Instant::now();
    room.host.load(World::Mapper, &bytes).expect("found");
    let took = started.elapsed();
    assert_eq!(room.host.n_compiled(), n_compiled);
    // Unoptimised and on a busy machine; a release build takes a few milliseconds.
    assert!(took.as_millis() < 500, "{took:?}");
}
