//! Reading and embedding.

use std::sync::LazyLock;

use phagen_domain::plugin::World;
use phagen_package::{
    Package, PackageError, check_whole,
    component::{GOLDEN_SECTION, MANIFEST_SECTION},
    embed,
    golden::MAX_GOLDEN_BYTES,
};
use proptest::prelude::*;

use crate::specimen::{component, component_of, manifest, manifest_with, reranker};

const CASES: &str = r#"{ "cases": [ {
    "name": "nothing to rank",
    "rerank": {
        "query": { "molecule": { "name": "metformin", "synonyms": [] }, "as_of": "2026-11-22", "attributes": [] },
        "candidates": []
    },
    "expect": { "scores": [] }
} ] }"#;

#[test]
fn each_world_of_each_contract_is_recognised() {
    for (contract, world, expected, own) in [
        (
            "v0.1.0",
            "source",
            World::Source,
            "phagen:plugin/search@0.1.0",
        ),
        (
            "v0.1.0",
            "mapper",
            World::Mapper,
            "phagen:plugin/mapping@0.1.0",
        ),
        (
            "v0.1.0",
            "reranker",
            World::Reranker,
            "phagen:plugin/reranking@0.1.0",
        ),
        (
            "v0.2.0",
            "reranker",
            World::Reranker,
            "phagen:plugin/reranking@0.2.0",
        ),
    ] {
        let bytes = component(contract, world);
        let package = Package::read(&bytes).unwrap();
        assert_eq!(package.world, expected);
        assert_eq!(
            package.contracts,
            ["phagen:plugin/lifecycle@0.1.0", own],
            "{contract} {world}"
        );
        assert_eq!(package.manifest, None);
        assert_eq!(package.size_bytes, bytes.len() as u64);
        let http = "wasi:http/outgoing-handler@0.2.12".to_owned();
        assert_eq!(package.imports.contains(&http), world == "source");
        check_whole(&bytes).unwrap();
    }
}

#[test]
fn what_is_embedded_is_read_back() {
    let bare = reranker();
    let manifest = manifest_with("reranker", "[limits]\nmemory_bytes = 1048576\n");
    let sbom = br#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}"#;
    let whole = embed(&bare, &manifest, Some(CASES.as_bytes()), Some(sbom)).unwrap();
    let package = Package::read(&whole).unwrap();
    assert_eq!(package.manifest.as_ref(), Some(&manifest));
    assert_eq!(package.golden.unwrap().cases[0].name, "nothing to rank");
    assert_eq!(package.sbom.as_deref(), Some(&sbom[..]));
    check_whole(&whole).unwrap();
    assert_eq!(
        embed(&bare, &manifest, Some(CASES.as_bytes()), Some(sbom)).unwrap(),
        whole,
        "the same input, the same bytes"
    );
}

#[test]
fn embedding_again_replaces_and_keeps_the_rest() {
    let bare = reranker();
    let once = embed(&bare, &manifest("reranker"), Some(CASES.as_bytes()), None).unwrap();
    let other = manifest_with("reranker", "license = \"MIT\"\n");
    let twice = embed(&once, &other, None, None).unwrap();
    assert_eq!(twice, embed(&bare, &other, None, None).unwrap());
    assert!(twice.starts_with(&bare), "everything else stays as it was");
    let package = Package::read(&twice).unwrap();
    assert_eq!(package.manifest, Some(other));
    assert_eq!(
        package.golden, None,
        "old cases do not outlive their plugin"
    );
}

#[test]
fn what_is_no_plugin_is_refused_by_name() {
    let no_plugin = component_of(
        "package a:b@0.1.0; interface c { d: func(); } world e { export c; }",
        "e",
    );
    for (bytes, expected) in [
        (&b""[..], "begins with nothing"),
        (b"hello world", "begins with `hell`"),
        (b"\0as", "ends at byte 3"),
        (b"\0asm\x01\0\0\0", "core module"),
        (b"\0asm\x63\0\0\0", "malformed"),
        (b"\0asm\x0d\0\x01\0", "it exports nothing"),
        (&no_plugin, "it exports `a:b/c@0.1.0`"),
    ] {
        let refusal = Package::read(bytes).unwrap_err().to_string();
        assert!(refusal.contains(expected), "{refusal}\n{expected}");
    }
}

#[test]
fn a_manifest_of_another_world_is_refused() {
    let refusal = embed(&reranker(), &manifest("mapper"), None, None).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "the manifest says world `mapper`, but the component exports that of `reranker`; correct `plugin.world` in `plugin.toml`"
    );
}

#[test]
fn of_two_worlds_the_manifest_names_one() {
    let both = component_of(
        "package phagen:plugin@0.1.0;
        interface search { search: func(); }
        interface mapping { find: func(); }
        world both { export search; export mapping; }",
        "both",
    );
    let refusal = Package::read(&both).unwrap_err().to_string();
    assert!(
        refusal.contains("`source` and `mapper` at once"),
        "{refusal}"
    );
    let whole = embed(&both, &manifest("mapper"), None, None).unwrap();
    assert_eq!(Package::read(&whole).unwrap().world, World::Mapper);
}

#[test]
fn cases_must_be_of_the_plugin() {
    let refused = |cases: &str| {
        embed(
            &reranker(),
            &manifest("reranker"),
            Some(cases.as_bytes()),
            None,
        )
        .unwrap_err()
        .to_string()
    };
    let find = r#"{ "cases": [ { "name": "x", "find": { "documents": [] }, "expect": { "findings": [] } } ] }"#;
    let refusal = refused(find);
    assert!(
        refusal.contains("case `x` asks a mapper, but the plugin is a reranker"),
        "{refusal}"
    );
    let refusal = refused(&" ".repeat(MAX_GOLDEN_BYTES + 1));
    assert!(refusal.contains("golden cases` has"), "{refusal}");
}

/// A custom section of the outermost component.
fn section(name: &str, data: &[u8]) -> Vec<u8> {
    let name_length = u8::try_from(name.len()).expect("a short name");
    let length = u8::try_from(1 + name.len() + data.len()).expect("a short section");
    assert!(length < 128, "one byte of LEB128");
    let mut section = vec![0, length, name_length];
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(data);
    section
}

#[test]
fn what_was_embedded_by_hand_is_judged_too() {
    let with = |sections: &[(&str, &[u8])]| {
        let mut bytes = reranker();
        for (name, data) in sections {
            bytes.extend(section(name, data));
        }
        Package::read(&bytes).unwrap_err()
    };
    assert!(matches!(
        with(&[(MANIFEST_SECTION, b"{}")]),
        PackageError::EmbeddedManifest { .. }
    ));
    assert!(matches!(
        with(&[(GOLDEN_SECTION, b"[]")]),
        PackageError::Golden { .. }
    ));
    assert!(matches!(
        with(&[(GOLDEN_SECTION, b"{}"), (GOLDEN_SECTION, b"{}")]),
        PackageError::DoubleSection {
            section: GOLDEN_SECTION
        }
    ));
}

#[test]
fn the_tools_that_made_it_are_named() {
    let producers = Package::read(&reranker()).unwrap().producers;
    let is_named = |tool: &String| tool.starts_with("wit-component ");
    assert!(producers.processed_by.iter().any(is_named), "{producers:?}");
}

/// Cut anywhere, a component is refused or read as what is left of it, and never panics.
#[test]
fn a_cut_off_component_is_refused_at_each_length() {
    let whole = embed(&reranker(), &manifest("reranker"), None, None).unwrap();
    let mut n_cut_off = 0;
    for length in 0..whole.len() {
        match Package::read(&whole[..length]) {
            Ok(package) => assert_eq!(package.manifest, None, "{length}"),
            Err(PackageError::CutOff { at }) => {
                assert_eq!(at, length);
                n_cut_off += 1;
            }
            Err(
                PackageError::NotWasm { .. }
                | PackageError::NoWorld { .. }
                | PackageError::CoreModule,
            ) => {}
            Err(error) => panic!("{length}: {error}"),
        }
    }
    assert!(n_cut_off * 100 > whole.len() * 95, "{n_cut_off}");
}

/// Made once: a test that alters bytes needs no new component for each try.
static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let manifest = manifest("reranker");
    embed(&reranker(), &manifest, Some(CASES.as_bytes()), None).expect("a package")
});
static SOURCE: LazyLock<Vec<u8>> = LazyLock::new(|| component("v0.1.0", "source"));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn altered_bytes_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)
    ) {
        let mut bytes = WHOLE.clone();
        for (place, value) in changes {
            let at = place.index(bytes.len());
            bytes[at] = value;
        }
        // An error or a package: either is an answer.
        if let Ok(package) = Package::read(&bytes) {
            prop_assert_eq!(package.size_bytes, bytes.len() as u64);
        }
        let _ = phagen_package::types_diff::describe_types(&bytes);
    }

    #[test]
    fn any_manifest_survives_the_component_and_the_file(
        name in "[a-z][a-z0-9-]{0,63}",
        version in "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}",
        description in proptest::option::of("[^\\p{C}]{1,80}"),
        memory in proptest::option::of(1_u64..(1 << 32)),
        path in "/[a-z/]{0,20}",
    ) {
        let mut manifest = manifest("source");
        manifest.plugin.name = name.parse().unwrap();
        // A number of a version has no leading zero.
        manifest.plugin.version = version
            .split('.')
            .map(|part| part.parse::<u16>().unwrap().to_string())
            .collect::<Vec<_>>()
            .join(".");
        manifest.plugin.description = description.filter(|text| !text.trim().is_empty());
        manifest.limits.memory_bytes = memory;
        manifest.grant.http = vec![phagen_domain::plugin::HttpGrant {
            origin: "https://example.org".parse().unwrap(),
            methods: vec!["GET".to_owned()],
            path,
            secrets: Vec::new(),
            private_addresses: false,
        }];
        let text = phagen_package::write_manifest(&manifest);
        prop_assert_eq!(&phagen_package::parse_manifest(&text).unwrap(), &manifest);
        let whole = embed(&SOURCE, &manifest, None, None).unwrap();
        prop_assert_eq!(Package::read(&whole).unwrap().manifest, Some(manifest));
    }
}
