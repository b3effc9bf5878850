//! `POST /api/plugins`

use std::time::Duration;

use insta::assert_snapshot;
use phagen_domain::{digest::Digest, plugin::VersionState};
use phagen_package::{embed, parse_manifest};
use phagen_server::http::HttpLimits;
use reqwest::Method;
use tokio::time::timeout;

use super::{guest, pass_gates, reject, state_of, upload_of, uploaded};
use crate::common::{Answer, TestApp, quick_limits};

#[tokio::test]
async fn a_component_becomes_a_version_with_an_address() {
    let app = TestApp::start().await;
    let bytes = guest("unruly_reranker");
    let digest = Digest::of(&bytes);
    let answer = Answer::to(upload_of(&app, "ranker", bytes.clone())).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let location = format!("/api/plugins/ranker/versions/{digest}");
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert_eq!(answer.header("retry-after"), Some("1"));
    let version = answer.json();
    assert_eq!(version["state"], "uploaded");
    assert_eq!(version["world"], "reranker");
    assert_eq!(version["uploaded_by"], "local");
    assert_eq!(version["signature"]["status"], "not_signed");
    assert_eq!(version["size_bytes"], bytes.len());
    assert_eq!(app.blobs.get(&digest).unwrap().unwrap(), bytes);
    let woken = timeout(Duration::from_secs(5), app.uploads.notified()).await;
    assert!(woken.is_ok(), "whoever walks the gates is told");
    assert_eq!(app.get(&location).await.json(), version);
    let abbreviated = format!("/api/plugins/ranker/versions/{}", digest.short());
    assert_eq!(app.get(&abbreviated).await.json(), version);
    let listed = app.get("/api/plugins/ranker").await.json();
    assert_eq!(listed["items"][0], version);
}

#[tokio::test]
async fn the_same_bytes_again_are_the_same_version() {
    let app = TestApp::start().await;
    let bytes = guest("unruly_mapper");
    let stored = uploaded(&app, "names", bytes.clone()).await;
    pass_gates(&app, &stored).await;
    let again = Answer::to(upload_of(&app, "names", bytes)).await;
    assert_eq!(again.status, 200);
    assert_eq!(again.json()["state"], "checked");
    assert_eq!(app.store.list_versions().await.unwrap().len(), 1);
    let events = app.get("/api/activations").await.json();
    let n_uploads = events["items"].as_array().unwrap().iter();
    assert_eq!(
        n_uploads.filter(|event| event["verb"] == "upload").count(),
        1
    );
}

#[tokio::test]
async fn a_rejected_version_starts_over() {
    let app = TestApp::start().await;
    let bytes = guest("unruly_mapper");
    let stored = uploaded(&app, "names", bytes.clone()).await;
    reject(&app, &stored, "no key of it was known").await;
    let again = Answer::to(upload_of(&app, "names", bytes)).await;
    assert_eq!(again.status, 202, "{}", again.text);
    assert_eq!(state_of(&app, &stored).await, VersionState::Uploaded);
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_and_leaves_nothing() {
    let app = TestApp::start().await;
    let core = b"\0asm\x01\0\0\0".to_vec();
    let whole = guest("unruly_mapper");
    let cut = whole[..whole.len() / 2].to_vec();
    let empty_component = b"\0asm\x0d\0\x01\0".to_vec();
    let refused = async |bytes: Vec<u8>| {
        let digest = Digest::of(&bytes);
        let answer = Answer::to(upload_of(&app, "names", bytes)).await;
        assert!(!app.blobs.contains(&digest).unwrap());
        answer.problem()
    };
    for (bytes, words) in [
        (b"#!/bin/sh".to_vec(), "not WebAssembly"),
        (Vec::new(), "not WebAssembly"),
        (core, "core module"),
        (cut, "cut off"),
        (empty_component, "no plugin"),
    ] {
        let problem = refused(bytes).await;
        assert!(
            problem.starts_with("422 /problems/not-a-plugin"),
            "{problem}"
        );
        assert!(problem.contains(words), "{problem}");
    }
    assert!(app.store.list_versions().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_component_without_a_manifest_needs_a_name() {
    let app = TestApp::start().await;
    let nameless = app
        .request(Method::POST, "/api/plugins")
        .header("content-type", "application/wasm")
        .body(guest("unruly_mapper"));
    assert_snapshot!(Answer::to(nameless).await.problem(), @"422 /problems/not-a-plugin the component has no manifest: build it with `phagen plugin build`, or name the plugin with `?name=`");
    let misnamed = Answer::to(upload_of(&app, "Names", guest("unruly_mapper"))).await;
    assert_snapshot!(misnamed.problem(), @"400 /problems/invalid-parameter name: `Names` is not a plugin name: expected 1 to 64 of `a-z`, `0-9` and `-`, a letter first");
}

#[tokio::test]
async fn a_manifest_names_its_plugin() {
    let app = TestApp::start().await;
    let manifest =
        parse_manifest("[plugin]\nname = \"names\"\nversion = \"1.2.3\"\nworld = \"mapper\"\n");
    let bytes = embed(&guest("unruly_mapper"), &manifest.unwrap(), None, None).unwrap();
    let misnamed = Answer::to(upload_of(&app, "other", bytes.clone())).await;
    assert_snapshot!(misnamed.problem(), @"400 /problems/invalid-parameter name: its manifest names the plugin `names`: leave `name` out");
    let own = app
        .request(Method::POST, "/api/plugins")
        .header("content-type", "application/wasm")
        .body(bytes);
    let version = Answer::to(own).await.json();
    assert_eq!(version["name"], "names");
    assert_eq!(version["version"], "1.2.3");
    assert_eq!(version["manifest"]["plugin"]["world"], "mapper");
}

#[tokio::test]
async fn only_webassembly_is_taken() {
    let app = TestApp::start().await;
    for (content_type, found) in [
        (
            Some("application/octet-stream"),
            "`Content-Type: application/octet-stream`",
        ),
        (None, "no `Content-Type`"),
    ] {
        let mut request = app
            .request(Method::POST, "/api/plugins?name=names")
            .body(guest("unruly_mapper"));
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        assert_eq!(
            Answer::to(request).await.problem(),
            format!(
                "415 /problems/unsupported-media-type expected `Content-Type: application/wasm`, found {found}"
            )
        );
    }
}

#[tokio::test]
async fn a_component_over_the_limit_is_refused() {
    let whole = guest("unruly_mapper");
    let with_limit = |component_bytes| HttpLimits {
        component_bytes,
        ..quick_limits()
    };
    let app = TestApp::with_limits(with_limit(whole.len())).await;
    uploaded(&app, "names", whole.clone()).await;
    let app = TestApp::with_limits(with_limit(whole.len() - 1)).await;
    let answer = Answer::to(upload_of(&app, "names", whole.clone())).await;
    assert_eq!(
        answer.problem(),
        format!(
            "413 /problems/body-too-large the body is larger than {} bytes",
            whole.len() - 1
        )
    );
    assert!(!app.blobs.contains(&Digest::of(&whole)).unwrap());
}

#[tokio::test]
async fn an_upload_that_is_cut_off_leaves_nothing() {
    let app = TestApp::start().await;
    let whole = guest("unruly_mapper");
    let head = format!(
        "POST /api/plugins?name=names HTTP/1.1\r\nhost: {}\r\ncontent-type: application/wasm\r\ncontent-length: {}\r\n\r\n",
        app.address,
        whole.len()
    );
    let mut bytes = head.into_bytes();
    bytes.extend(&whole[..whole.len() / 2]);
    let answer = app.raw(&bytes).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("broke off"), "{answer}");
    assert!(app.store.list_versions().await.unwrap().is_empty());
    assert!(!app.blobs.contains(&Digest::of(&whole)).unwrap());
}

#[tokio::test]
async fn so_many_uploads_at_once_and_no_more() {
    let limits = HttpLimits {
        n_uploads: 0,
        ..quick_limits()
    };
    let app = TestApp::with_limits(limits).await;
    let answer = Answer::to(upload_of(&app, "names", guest("unruly_mapper"))).await;
    assert_snapshot!(answer.problem(), @"503 /problems/too-many-uploads 0 components are being uploaded; try again soon");
    assert_eq!(answer.header("retry-after"), Some("2"));
}

#[tokio::test]
async fn a_version_is_named_by_at_least_eight_digits() {
    let app = TestApp::start().await;
    let stored = uploaded(&app, "names", guest("unruly_mapper")).await;
    let digits = &stored.digest.to_string()[..7];
    let short = app
        .get(&format!("/api/plugins/names/versions/{digits}"))
        .await;
    assert!(
        short
            .problem()
            .starts_with("400 /problems/invalid-parameter digest:")
    );
    let other = app
        .get(&format!("/api/plugins/other/versions/{}", stored.digest))
        .await;
    assert!(
        other
            .problem()
            .starts_with("404 /problems/version-not-found")
    );
    let unknown = app
        .get(&format!("/api/plugins/names/versions/{}", Digest::of(b"x")))
        .await;
    assert!(
        unknown
            .problem()
            .starts_with("404 /problems/version-not-found")
    );
    let nobody = app.get("/api/plugins/nobody").await;
    assert_snapshot!(nobody.problem(), @"404 /problems/plugin-not-found no version of a plugin `nobody` is stored");
}
