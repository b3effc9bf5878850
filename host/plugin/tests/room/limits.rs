//! What a manifest asks for, and what an operator leaves of it.

use std::time::{Duration, Instant};

use phagen_domain::plugin::{LimitRequest, Manifest, World};
use phagen_plugin::PluginError;

use crate::common::{Room, SLACK, manifest, packaged, query};

fn asking(world: World, limits: LimitRequest) -> Manifest {
    Manifest {
        limits,
        ..manifest(world)
    }
}

#[tokio::test]
async fn memory_is_as_much_as_the_manifest_asks_for() {
    let room = Room::new();
    for mebibytes in [2, 5] {
        let limits = LimitRequest {
            memory_bytes: Some(mebibytes << 20),
            ..LimitRequest::default()
        };
        let slot = room.slot_of(&asking(World::Source, limits), "unruly_guest", "memory");
        let error = slot.search(&query(), 3, None).await.expect_err("too much");
        let PluginError::MemoryLimit { max_bytes, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(max_bytes as u64, mebibytes << 20);
    }
}

#[tokio::test]
async fn a_plugin_may_ask_for_more_than_the_default() {
    // Two pages of 64 KiB are too little for any guest of Rust.
    let small = |settings: &mut phagen_plugin::PluginSettings| {
        settings.limits.memory_bytes = 128 << 10;
    };
    let room = Room::with(small);
    let bytes = packaged("unruly_guest", &manifest(World::Source));
    let error = room
        .host
        .load(World::Source, &bytes)
        .expect_err("too little");
    assert_eq!(error.code(), "plugin_memory");
    let limits = LimitRequest {
        memory_bytes: Some(4 << 20),
        ..LimitRequest::default()
    };
    let slot = room.slot_of(&asking(World::Source, limits), "unruly_guest", "ok");
    assert!(slot.search(&query(), 3, None).await.is_ok());
}

#[tokio::test]
async fn deadlines_are_as_long_as_the_manifest_asks_for() {
    let room = Room::new();
    let limits = LimitRequest {
        deadline_milliseconds: Some(50),
        init_deadline_milliseconds: Some(400),
        ..LimitRequest::default()
    };
    let wanted = asking(World::Source, limits);
    for (mode, milliseconds) in [("loop", 50), ("init-loop", 400)] {
        let slot = room.slot_of(&wanted, "unruly_guest", mode);
        let began = Instant::now();
        let error = slot.search(&query(), 3, None).await.expect_err("loops");
        let PluginError::Timeout { deadline, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(deadline, Duration::from_millis(milliseconds));
        assert!(began.elapsed() < deadline + SLACK);
    }
}

#[tokio::test]
async fn output_is_as_much_as_the_manifest_asks_for() {
    let room = Room::new();
    let giant = |output_bytes| {
        let limits = LimitRequest {
            output_bytes: Some(output_bytes),
            ..LimitRequest::default()
        };
        let wanted = asking(World::Source, limits);
        let mut slot = room.slot_of(&wanted, "unruly_guest", "giant");
        let bytes = crate::common::attribute("bytes", "100000");
        slot.activation.config.push(bytes);
        slot
    };
    let error = giant(64 << 10)
        .search(&query(), 3, None)
        .await
        .expect_err("too much");
    assert_eq!(error.code(), "plugin_output");
    assert!(error.to_string().contains("65536 bytes"), "{error}");
    assert!(giant(1 << 20).search(&query(), 3, None).await.is_ok());
}

#[test]
fn who_asks_for_more_than_the_caps_is_refused_when_it_is_loaded() {
    let room = Room::with(|settings| settings.caps.memory_bytes = 64 << 20);
    let limits = LimitRequest {
        memory_bytes: Some(65 << 20),
        ..LimitRequest::default()
    };
    let bytes = packaged("unruly_guest", &asking(World::Source, limits));
    for error in [
        room.host.load(World::Source, &bytes).expect_err("refused"),
        room.host.verify(&bytes).expect_err("refused"),
    ] {
        assert_eq!(error.code(), "plugin_limit");
        let text = error.to_string();
        for part in ["68157440 bytes", "67108864 bytes", "`caps.memory_bytes`"] {
            assert!(text.contains(part), "{text}");
        }
    }
    // The default is above this cap too, and gives way to it.
    let plugin = room.source("ok").plugin;
    assert_eq!(plugin.limits().memory_bytes, 64 << 20);
}

#[tokio::test]
async fn what_has_no_manifest_asks_for_nothing() {
    let room = Room::new();
    let bytes = crate::common::guest("unruly_guest");
    let plugin = room.host.load(World::Source, &bytes).expect("a plugin");
    assert!(plugin.manifest().is_none());
    let mut slot = room.source("corpus");
    slot.plugin = plugin;
    slot.activation.grant.corpus = true;
    let error = slot.search(&query(), 3, None).await.expect_err("denied");
    assert_eq!(error.code(), "plugin_denied");
}
