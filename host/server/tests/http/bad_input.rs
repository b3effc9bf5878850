//! What is refused, how, and that it leaves no trace.

use insta::assert_snapshot;
use phagen_domain::job::JobRequest;
use phagen_server::http::HttpLimits;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Answer, TestApp, quick_limits};

const NO_ID: &str = "0193a1b2-7c00-7000-8000-000000000000";

async fn refused(app: &TestApp, body: Value) -> String {
    app.post("/api/jobs", &body).await.problem()
}

#[tokio::test]
async fn a_molecule_has_1_to_200_characters_and_is_not_blank() {
    let app = TestApp::start().await;
    assert_snapshot!(refused(&app, json!({ "molecule": "" })).await, @"422 /problems/invalid-field molecule: is blank");
    assert_snapshot!(refused(&app, json!({ "molecule": " \u{a0}\t" })).await, @"422 /problems/invalid-field molecule: is blank");
    assert_snapshot!(refused(&app, json!({ "molecule": "é".repeat(201) })).await, @"422 /problems/invalid-field molecule: has 201 characters: at most 200 are allowed");
    let longest = json!({ "molecule": "é".repeat(200) });
    assert_eq!(app.post("/api/jobs", &longest).await.status, 202);
}

#[tokio::test]
async fn a_name_holds_no_control_characters() {
    let app = TestApp::start().await;
    for control in [
        "asp\u{0}irin",
        "asp\nirin",
        "asp\u{1b}[31mirin",
        "asp\u{7f}irin",
        "asp\u{85}irin",
    ] {
        assert_eq!(
            refused(&app, json!({ "molecule": control })).await,
            "422 /problems/invalid-field molecule: holds a control character at position 4"
        );
    }
}

#[tokio::test]
async fn malformed_smiles_are_refused_with_the_position() {
    let app = TestApp::start().await;
    assert_snapshot!(refused(&app, json!({ "molecule": "x", "smiles": "CC(=O)Qc1" })).await, @"422 /problems/invalid-field smiles: smiles is malformed at character 7: unexpected character");
    assert_snapshot!(refused(&app, json!({ "molecule": "x", "smiles": "C1CC" })).await, @"422 /problems/invalid-field smiles: smiles is malformed at character 5: unmatched ring closure 1");
    assert_snapshot!(refused(&app, json!({ "molecule": "x", "smiles": "CC(C" })).await, @"422 /problems/invalid-field smiles: smiles is malformed at character 5: mismatched parenthesis");
    assert_snapshot!(refused(&app, json!({ "molecule": "x", "smiles": "" })).await, @"422 /problems/invalid-field smiles: smiles is malformed at character 1: SMILES input is empty");
    assert_snapshot!(refused(&app, json!({ "molecule": "x", "smiles": "C C" })).await, @"422 /problems/invalid-field smiles: smiles is malformed at character 2: only printable ASCII without spaces is SMILES");
}

#[tokio::test]
async fn smiles_have_at_most_2000_characters_and_1000_atoms() {
    let app = TestApp::start().await;
    let smiles = |text: String| json!({ "molecule": "x", "smiles": text });
    assert_eq!(
        app.post(
            "/api/jobs",
            &smiles("C".repeat(JobRequest::MAX_SMILES_ATOMS))
        )
        .await
        .status,
        202
    );
    assert_snapshot!(refused(&app, smiles("C".repeat(JobRequest::MAX_SMILES_ATOMS + 1))).await, @"422 /problems/invalid-field smiles: smiles is malformed at character 1001: SMILES atoms exceeds limit 1000 (got 1001)");
    assert_snapshot!(refused(&app, smiles("[CH2]".repeat(401))).await, @"422 /problems/invalid-field smiles: smiles is malformed at character 2001: longer than 2000 characters");
    assert_eq!(
        app.post("/api/jobs", &smiles("[CH2]".repeat(400)))
            .await
            .status,
        202
    );
}

#[tokio::test]
async fn synonyms_are_at_most_50_names() {
    let app = TestApp::start().await;
    let synonyms = |names: Vec<&str>| json!({ "molecule": "x", "synonyms": names });
    assert_eq!(
        app.post("/api/jobs", &synonyms(vec!["y"; 50])).await.status,
        202
    );
    assert_snapshot!(refused(&app, synonyms(vec!["y"; 51])).await, @"422 /problems/invalid-field synonyms: has 51 entries: at most 50 are allowed");
    assert_snapshot!(refused(&app, synonyms(vec!["y", " ", "a\u{7}b"])).await, @"422 /problems/invalid-field synonyms[1]: is blank; synonyms[2]: holds a control character at position 2");
    assert_snapshot!(refused(&app, synonyms(vec![&"y".repeat(201)])).await, @"422 /problems/invalid-field synonyms[0]: has 201 characters: at most 200 are allowed");
}

#[tokio::test]
async fn sources_are_names_of_source_slots() {
    let app = TestApp::start().await;
    let sources = |names: Value| json!({ "molecule": "x", "sources": names });
    assert_snapshot!(refused(&app, sources(json!(["clinical", "pubmed"]))).await, @"422 /problems/invalid-field sources[1]: `pubmed` is not a source slot: expected one of clinical, literature, market, patent, regulatory");
    // A slot, but not of a source.
    assert_snapshot!(refused(&app, sources(json!(["mapper"]))).await, @"422 /problems/invalid-field sources[0]: `mapper` is not a source slot: expected one of clinical, literature, market, patent, regulatory");
    assert_snapshot!(refused(&app, sources(json!([]))).await, @"422 /problems/invalid-field sources: is empty: leave it out to ask every source");
}

#[tokio::test]
async fn limit_is_1_to_100() {
    let app = TestApp::start().await;
    let limit = |limit: Value| json!({ "molecule": "x", "limit": limit });
    for right in [1, 100] {
        assert_eq!(
            app.post("/api/jobs", &limit(json!(right))).await.status,
            202
        );
    }
    assert_snapshot!(refused(&app, limit(json!(0))).await, @"422 /problems/invalid-field limit: is 0: expected 1 to 100");
    assert_snapshot!(refused(&app, limit(json!(101))).await, @"422 /problems/invalid-field limit: is 101: expected 1 to 100");
    assert_snapshot!(refused(&app, limit(json!(-1))).await, @"422 /problems/invalid-field limit: invalid value: integer `-1`, expected a whole number such as 20");
    assert_snapshot!(refused(&app, limit(json!(2.5))).await, @"422 /problems/invalid-field limit: invalid type: floating point `2.5`, expected a whole number such as 20");
    assert_snapshot!(refused(&app, limit(json!(99_999_999_999_u64))).await, @"422 /problems/invalid-field limit: invalid value: integer `99999999999`, expected a whole number such as 20");
}

#[tokio::test]
async fn every_fault_is_told_at_once() {
    let app = TestApp::start().await;
    let body =
        json!({ "molecule": " ", "smiles": "C(", "synonyms": [""], "sources": ["x"], "limit": 0 });
    let answer = app.post("/api/jobs", &body).await;
    let fields: Vec<Value> = answer.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].clone())
        .collect();
    assert_eq!(
        fields,
        ["molecule", "synonyms[0]", "smiles", "sources[0]", "limit"]
    );
}

#[tokio::test]
async fn unknown_missing_and_repeated_fields_are_named() {
    let app = TestApp::start().await;
    assert_snapshot!(refused(&app, json!({ "molecule": "x", "colour": 3 })).await, @"422 /problems/invalid-field colour: unknown field `colour`, expected one of `molecule`, `smiles`, `synonyms`, `sources`, `limit`, `priority`, `record`");
    assert_snapshot!(refused(&app, json!({ "smiles": "C" })).await, @"422 /problems/invalid-field molecule: missing field `molecule`");
    let repeated = app
        .post_bytes("/api/jobs", r#"{"molecule":"x","molecule":"y"}"#)
        .await;
    assert_snapshot!(repeated.problem(), @"422 /problems/invalid-field molecule: duplicate field `molecule`");
}

#[tokio::test]
async fn wrong_types_are_named() {
    let app = TestApp::start().await;
    assert_snapshot!(refused(&app, json!({ "molecule": 5 })).await, @"422 /problems/invalid-field molecule: invalid type: integer `5`, expected a string");
    assert_snapshot!(refused(&app, json!({ "molecule": null })).await, @"422 /problems/invalid-field molecule: invalid type: null, expected a string");
    assert_snapshot!(refused(&app, json!({ "molecule": "x", "synonyms": ["a", {}] })).await, @"422 /problems/invalid-field synonyms[1]: invalid type: object, expected a string");
    assert_snapshot!(refused(&app, json!({ "molecule": "x", "synonyms": "a" })).await, @r#"422 /problems/invalid-field synonyms: invalid type: string "a", expected an array"#);
    assert_snapshot!(refused(&app, json!({ "molecule": "x", "limit": "20" })).await, @r#"422 /problems/invalid-field limit: invalid type: string "20", expected a whole number such as 20"#);
}

#[tokio::test]
async fn a_body_that_is_not_a_json_object_is_refused() {
    let app = TestApp::start().await;
    let refused = async |body: &[u8]| app.post_bytes("/api/jobs", body).await.problem();
    assert_snapshot!(refused(b"").await, @"400 /problems/malformed-body expected a JSON object, found nothing");
    assert_snapshot!(refused(br#"{"molecule":"aspi"#).await, @"400 /problems/malformed-body the body is not JSON: EOF while parsing a string at line 1 column 17");
    assert_snapshot!(refused(br#"{"molecule":"x",}"#).await, @"400 /problems/malformed-body the body is not JSON: trailing comma at line 1 column 17");
    assert_snapshot!(refused(br#"{"molecule":"x"} trailing"#).await, @"400 /problems/malformed-body the body is not JSON: trailing characters at line 1 column 18");
    assert_snapshot!(refused(br#"["aspirin"]"#).await, @"400 /problems/malformed-body expected a JSON object, found something else");
    assert_snapshot!(refused(b"{\"molecule\":\"asp\xffirin\"}").await, @"400 /problems/malformed-body the body is not UTF-8: the first wrong byte is at offset 16");
    assert_snapshot!(refused(&b"\x1f\x8b\x08\x00"[..]).await, @"400 /problems/malformed-body the body is not UTF-8: the first wrong byte is at offset 1");
    let deep = format!("{{\"molecule\":{}", "[".repeat(10_000));
    assert!(
        refused(deep.as_bytes())
            .await
            .starts_with("422 /problems/invalid-field molecule")
    );
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(
        refused(deep.as_bytes())
            .await
            .starts_with("422 /problems/invalid-field x: unknown field")
    );
}

#[tokio::test]
async fn a_body_must_say_that_it_is_json() {
    let app = TestApp::start().await;
    let post = |media_type: Option<&str>| {
        let request = app
            .request(Method::POST, "/api/jobs")
            .body(r#"{"molecule":"x"}"#);
        match media_type {
            Some(media_type) => request.header("content-type", media_type),
            None => request,
        }
    };
    for right in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/ld+json",
    ] {
        assert_eq!(Answer::to(post(Some(right))).await.status, 202, "{right}");
    }
    assert_snapshot!(Answer::to(post(None)).await.problem(), @"415 /problems/unsupported-media-type expected `Content-Type: application/json`, found no `Content-Type`");
    assert_snapshot!(Answer::to(post(Some("text/plain"))).await.problem(), @"415 /problems/unsupported-media-type expected `Content-Type: application/json`, found `Content-Type: text/plain`");
    assert_snapshot!(Answer::to(post(Some("application/x-www-form-urlencoded"))).await.problem(), @"415 /problems/unsupported-media-type expected `Content-Type: application/json`, found `Content-Type: application/x-www-form-urlencoded`");
}

#[tokio::test]
async fn a_body_of_the_limit_is_read_and_a_byte_more_is_not() {
    let limits = HttpLimits {
        body_bytes: 4_096,
        ..quick_limits()
    };
    let app = TestApp::with_limits(limits).await;
    let padded = |n_bytes: usize| {
        let body = r#"{"molecule":"x"}"#;
        format!("{body}{}", " ".repeat(n_bytes - body.len()))
    };
    assert_eq!(app.post_bytes("/api/jobs", padded(4_096)).await.status, 202);
    let too_large = "413 /problems/body-too-large the body is larger than 4096 bytes";
    assert_eq!(
        app.post_bytes("/api/jobs", padded(4_097)).await.problem(),
        too_large
    );
    // Far larger: the answer must arrive although the body never fully does.
    assert_eq!(
        app.post_bytes("/api/jobs", padded(1 << 20)).await.problem(),
        too_large
    );
}

#[tokio::test]
async fn a_body_of_unknown_length_is_limited_too() {
    let limits = HttpLimits {
        body_bytes: 64,
        ..quick_limits()
    };
    let app = TestApp::with_limits(limits).await;
    let head = "POST /api/jobs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    let chunks = format!(
        "40\r\n{}\r\n40\r\n{}\r\n0\r\n\r\n",
        " ".repeat(64),
        " ".repeat(64)
    );
    let answer = app.raw(format!("{head}{chunks}").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("/problems/body-too-large"), "{answer}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let app = TestApp::start().await;
    let head = "POST /api/jobs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\nconnection: close\r\n\r\n";
    let answer = app.raw(format!("{head}{{\"molecule\":").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(
        answer.contains("the body broke off after 12 bytes"),
        "{answer}"
    );
    let items = app.get("/api/jobs").await.json();
    assert_eq!(items["items"], json!([]));
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let limits = HttpLimits {
        body_timeout: std::time::Duration::from_millis(100),
        ..quick_limits()
    };
    let app = TestApp::with_limits(limits).await;
    let mut socket = tokio::net::TcpStream::connect(app.address).await.unwrap();
    let head = "POST /api/jobs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4_096];
    let n_bytes = socket.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..n_bytes]);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn unknown_query_parameters_are_refused() {
    let app = TestApp::start().await;
    let post = async |path: &str| app.post(path, &json!({ "molecule": "x" })).await.problem();
    assert_snapshot!(post("/api/jobs?use_celery=true&priority=high").await, @"400 /problems/invalid-parameter priority: is not a parameter here; known: `use_celery`");
    assert_snapshot!(app.get("/api/jobs?staus=queued").await.problem(), @"400 /problems/invalid-parameter staus: is not a parameter here; known: `status`, `molecule`, `limit`, `cursor`");
    assert_snapshot!(app.get("/api/jobs/compare?job_id=x").await.problem(), @"400 /problems/invalid-parameter job_id: is not a parameter here; known: `job_ids`");
    assert_snapshot!(app.get("/api/jobs?molecule=%ff").await.problem(), @"400 /problems/invalid-parameter the query is not UTF-8");
}

#[tokio::test]
async fn a_malformed_job_id_is_refused_everywhere() {
    let app = TestApp::start().await;
    let expected = "400 /problems/invalid-parameter job_id: `42` is not a job id: expected a UUID";
    for path in [
        "/api/jobs/42",
        "/api/jobs/42/events",
        "/api/jobs/42/structure.svg",
        "/api/feedback/job/42",
    ] {
        assert_eq!(app.get(path).await.problem(), expected, "{path}");
    }
    assert_eq!(app.delete("/api/jobs/42").await.problem(), expected);
    assert_eq!(app.get("/api/jobs/%ff").await.status, 400);
}

#[tokio::test]
async fn an_unknown_job_is_a_problem_everywhere() {
    let app = TestApp::start().await;
    let expected = "404 /problems/job-not-found job `[id]` does not exist";
    for path in ["", "/events", "/structure.svg"] {
        assert_eq!(
            app.get(&format!("/api/jobs/{NO_ID}{path}")).await.problem(),
            expected,
            "{path}"
        );
    }
    assert_eq!(
        app.get(&format!("/api/feedback/job/{NO_ID}"))
            .await
            .problem(),
        expected
    );
    assert_eq!(
        app.delete(&format!("/api/jobs/{NO_ID}")).await.problem(),
        expected
    );
}

#[tokio::test]
async fn what_is_refused_leaves_no_job() {
    let app = TestApp::start().await;
    refused(&app, json!({ "molecule": "" })).await;
    refused(&app, json!({ "molecule": "x", "smiles": "C(" })).await;
    assert_eq!(app.get("/api/jobs").await.json()["items"], json!([]));
}
