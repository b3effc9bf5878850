//! `phagen analyze`: the same answer without a server.

use serde_json::Value;

use crate::{data_dir::DataDir, schema::assert_conforms, server::Server};

/// What `arguments` print, as JSON.
fn analyse(dir: &DataDir, arguments: &[&str]) -> Value {
    let arguments = [&["analyze", "--json"], arguments].concat();
    let printed = dir.run(&arguments).expect_success();
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error} in {printed}"))
}

#[tokio::test]
async fn json_has_the_schema_of_the_api_and_its_content() {
    let dir = DataDir::ready();
    let printed = analyse(&dir, &["aspirin"]);
    let document = dir.run(&["openapi"]).expect_success();
    let document: Value = serde_json::from_str(&document).expect("the description is JSON");
    let schema = &document["components"]["schemas"]["JobResult"];
    assert_conforms(&document, schema, &printed, "result");

    let server = Server::start(&dir);
    assert_eq!(server.get("/api/openapi.json").await.json(), document);
    let id = server.submit("aspirin").await;
    let job = server.job_when(id, &["succeeded", "failed"]).await;
    assert_conforms(&document, schema, &job["result"], "job.result");
    for part in [
        "molecule",
        "evidence",
        "reranking",
        "repurposing_suggestions",
        "recommendation",
        "innovation_story",
        "versions",
    ] {
        assert_eq!(job["result"][part], printed[part], "{part}");
    }
}

#[test]
fn the_report_holds_every_section_and_the_structure_is_drawn() {
    let dir = DataDir::ready();
    let svg = dir.path().join("aspirin.svg");
    let svg_name = svg.to_str().expect("a name of text");
    let report = dir
        .run(&["analyze", "aspirin", "--svg", svg_name])
        .expect_success();
    for expected in [
        "BSYNRYMUTXBXSQ-UHFFFAOYSA-N",
        "C9H8O4",
        "Recommendation: go",
        "gate 5",
        "would change it:",
        "Suggested diseases",
        "Colorectal Neoplasms",
        "D015179",
        "Evidence: ",
        "S2:39903312",
        "Story",
        "Sources and plugins",
        "corpus-source",
        "mesh-mapper",
        "evidence-reranker",
        "total ",
    ] {
        assert!(report.contains(expected), "no `{expected}` in {report}");
    }
    let drawing = std::fs::read_to_string(svg).expect("the structure was drawn");
    assert!(
        drawing.contains("<svg") && drawing.trim_end().ends_with("</svg>"),
        "{drawing}"
    );
}

#[test]
fn sources_that_were_not_asked_are_listed_and_weigh_on_the_verdict() {
    let dir = DataDir::ready();
    let result = analyse(&dir, &["aspirin", "--sources", "clinical"]);
    let status = |slot: &str| -> Value {
        let sources = result["sources"].as_array().expect("sources");
        let source = sources.iter().find(|source| source["slot"] == slot);
        source.expect("every source slot is listed")["status"].clone()
    };
    assert_eq!(status("clinical"), "found");
    for slot in ["literature", "regulatory", "patent", "market"] {
        assert_eq!(status(slot), "not_asked", "{slot}");
    }
    let recommendation = &result["recommendation"];
    assert_eq!(recommendation["label"], "insufficient_evidence");
    assert_eq!(recommendation["gate"], 1);
    let reasons = recommendation["reasons"].to_string();
    assert!(
        reasons.contains("no literature source was asked"),
        "{reasons}"
    );
    assert!(
        reasons.contains("no regulatory source was asked"),
        "{reasons}"
    );

    let report = dir
        .run(&["analyze", "aspirin", "--sources", "clinical"])
        .expect_success();
    assert_eq!(report.matches(" not asked ").count(), 4, "{report}");
    assert!(report.contains("gate 1"), "{report}");
}

#[test]
fn a_wrong_argument_is_refused_by_its_field() {
    let dir = DataDir::ready();
    let many: Vec<String> = (0..51).map(|n| format!("--synonym=name {n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long_name = "x".repeat(201);
    for (arguments, field) in [
        (&["aspirin", "--smiles", "CC(=O"][..], "smiles"),
        (&["aspirin", "--sources", "clinical,clinicle"], "sources[1]"),
        (&["aspirin", "--limit", "101"], "limit"),
        (&["  "], "molecule"),
        (&[long_name.as_str()], "molecule"),
        (&["aspirin", "--synonym", "a\u{7}b"], "synonyms[0]"),
        (&[&["aspirin"], many.as_slice()].concat(), "synonyms"),
    ] {
        let error = dir
            .run(&[&["analyze"], arguments].concat())
            .expect_failure();
        assert!(
            error.contains(&format!("{field}: ")),
            "no `{field}` in {error}"
        );
    }
}
