//! The OpenAPI document is true: what it lists is served, what is served it describes.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{
    Answer, TestApp,
    finished::{ABSTRACT, ASPIRIN_SMILES, result},
    schema::assert_conforms,
};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
const NO_ID: &str = "0193a1b2-7c00-7000-8000-000000000000";

async fn document(app: &TestApp) -> Value {
    app.get("/api/openapi.json").await.json()
}

/// `(path, method, operation)` of everything listed.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("a map of paths") {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                operations.push((path.clone(), method.to_owned(), operation.clone()));
            }
        }
    }
    operations
}

#[tokio::test]
async fn the_document_lists_the_endpoints_of_the_api_and_no_other() {
    let app = TestApp::start().await;
    let document = document(&app).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], "0.0.0-test");
    let listed: BTreeSet<String> = operations(&document)
        .iter()
        .map(|(path, method, _)| format!("{method} {path}"))
        .collect();
    let expected = [
        "delete /api/jobs/{job_id}",
        "get /api/activations",
        "get /api/audit",
        "get /api/feedback/job/{job_id}",
        "get /api/feedback/stats",
        "get /api/host/worlds",
        "get /api/jobs",
        "get /api/jobs/compare",
        "get /api/jobs/{job_id}",
        "get /api/jobs/{job_id}/events",
        "get /api/jobs/{job_id}/structure.svg",
        "get /api/openapi.json",
        "get /api/plugins",
        "get /api/plugins/{name}",
        "get /api/plugins/{name}/logs",
        "get /api/plugins/{name}/versions/{digest}",
        "get /api/plugins/{name}/versions/{digest}/trial",
        "get /api/publisher-keys",
        "get /health",
        "get /ready",
        "post /api/cache/invalidate",
        "post /api/feedback",
        "post /api/jobs",
        "post /api/jobs/{job_id}/retry",
        "post /api/plugins",
        "post /api/plugins/{name}/versions/{digest}/activate",
        "post /api/plugins/{name}/versions/{digest}/canary",
        "post /api/plugins/{name}/versions/{digest}/promote",
        "post /api/plugins/{name}/versions/{digest}/quarantine",
        "post /api/plugins/{name}/versions/{digest}/retire",
        "post /api/plugins/{name}/versions/{digest}/rollback",
        "post /api/plugins/{name}/versions/{digest}/shadow",
        "post /api/publisher-keys",
        "post /api/publisher-keys/{name}/revoke",
        "post /api/slots/{slot}/grant",
    ];
    assert_eq!(listed, expected.map(str::to_owned).into());
}

#[tokio::test]
async fn the_router_answers_exactly_the_methods_that_are_listed() {
    let app = TestApp::start().await;
    let document = document(&app).await;
    for path in document["paths"].as_object().unwrap().keys() {
        let answer = Answer::to(app.request(Method::TRACE, &path.replace("{job_id}", NO_ID))).await;
        assert_eq!(answer.status, 405, "{path}");
        let allowed: BTreeSet<String> = answer
            .header("allow")
            .unwrap()
            .split(',')
            .map(|method| method.trim().to_lowercase())
            .filter(|method| method != "head")
            .collect();
        let listed: BTreeSet<String> = operations(&document)
            .into_iter()
            .filter(|(listed, _, _)| listed == path)
            .map(|(_, method, _)| method)
            .collect();
        assert_eq!(allowed, listed, "{path}");
    }
}

#[tokio::test]
async fn the_document_is_the_same_without_a_server() {
    let app = TestApp::start().await;
    let mut served = document(&app).await;
    let mut written = serde_json::to_value(phagen_server::http::openapi()).unwrap();
    assert_eq!(written["info"]["version"], env!("CARGO_PKG_VERSION"));
    served["info"]["version"].take();
    written["info"]["version"].take();
    assert_eq!(served, written);
}

#[tokio::test]
async fn operations_have_ids_of_their_own_words_and_tags() {
    let app = TestApp::start().await;
    let document = document(&app).await;
    let operations = operations(&document);
    let ids: BTreeSet<&str> = operations
        .iter()
        .map(|(_, _, operation)| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), operations.len());
    for (path, method, operation) in &operations {
        assert!(operation["summary"].is_string(), "{method} {path}");
        assert_eq!(
            operation["tags"].as_array().unwrap().len(),
            1,
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn request_examples_are_accepted() {
    let app = TestApp::start().await;
    let document = document(&app).await;
    let example = |name: &str| {
        let example = &document["components"]["schemas"][name]["example"];
        assert!(example.is_object(), "{name} has an example");
        example.clone()
    };
    assert_eq!(
        app.post("/api/jobs", &example("JobRequest")).await.status,
        202
    );
    // It parses, and then names a job that this server does not have.
    let vote = app.post("/api/feedback", &example("FeedbackRequest")).await;
    assert_eq!(
        vote.problem(),
        "404 /problems/job-not-found job `[id]` does not exist"
    );
}

#[tokio::test]
async fn every_example_fits_its_schema() {
    let app = TestApp::start().await;
    let document = document(&app).await;
    let mut n_examples = 0;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        if let Some(example) = schema.get("example") {
            assert_conforms(&document, schema, example, name);
            n_examples += 1;
        }
    }
    assert!(n_examples >= 5, "{n_examples}");
}

/// Holds answers against what the document says of their route, method and status.
struct Described(Value);

impl Described {
    async fn by(app: &TestApp) -> Self {
        Self(document(app).await)
    }

    fn fits(&self, method: &str, template: &str, answer: &Answer) {
        let pointer = format!(
            "/paths/{}/{method}/responses/{}/content",
            template.replace('~', "~0").replace('/', "~1"),
            answer.status
        );
        let content = self
            .0
            .pointer(&pointer)
            .unwrap_or_else(|| panic!("{pointer} is missing"));
        let media_type = answer.header("content-type").expect("a content type");
        let schema = &content[media_type]["schema"];
        assert!(schema.is_object(), "{pointer}: {media_type} is missing");
        assert_conforms(&self.0, schema, &answer.json(), template);
    }
}

#[tokio::test]
async fn every_answer_to_a_reader_fits_its_schema() {
    let app = TestApp::start().await;
    let described = Described::by(&app).await;
    let disease = ("D003110", "Colonic Neoplasms", 0.5);
    let one = app.finished(&result("aspirin", &[disease])).await;
    let other = app.finished(&result("metformin", &[])).await;
    let queued = app.submit("cisplatin").await;
    let compare = |ids: [String; 2]| format!("?job_ids={}&job_ids={}", ids[0], ids[1]);
    for (template, query) in [
        ("/api/jobs/{job_id}", String::new()),
        ("/api/jobs", "?limit=2".to_owned()),
        ("/api/jobs", "?limit=0".to_owned()),
        (
            "/api/jobs/compare",
            compare([one.to_string(), other.to_string()]),
        ),
        (
            "/api/jobs/compare",
            compare([one.to_string(), NO_ID.to_owned()]),
        ),
        (
            "/api/jobs/compare",
            compare([one.to_string(), queued.to_string()]),
        ),
        ("/api/jobs/compare", String::new()),
        ("/api/feedback/stats", String::new()),
        ("/api/feedback/job/{job_id}", String::new()),
        ("/api/plugins", String::new()),
        ("/api/activations", String::new()),
        ("/api/audit", String::new()),
        ("/api/audit", "?limit=0".to_owned()),
        ("/api/host/worlds", String::new()),
        ("/api/publisher-keys", String::new()),
        ("/health", String::new()),
        ("/ready", String::new()),
        ("/api/openapi.json", String::new()),
    ] {
        let path = template.replace("{job_id}", &one.to_string());
        described.fits("get", template, &app.get(&format!("{path}{query}")).await);
    }
    for id in [queued.to_string(), NO_ID.to_owned(), "x".to_owned()] {
        let answer = app.get(&format!("/api/jobs/{id}")).await;
        described.fits("get", "/api/jobs/{job_id}", &answer);
    }
    for (template, path) in [
        (
            "/api/jobs/{job_id}/structure.svg",
            format!("/api/jobs/{one}/structure.svg"),
        ),
        (
            "/api/jobs/{job_id}/events",
            format!("/api/jobs/{NO_ID}/events"),
        ),
    ] {
        described.fits("get", template, &app.get(&path).await);
    }
}

#[tokio::test]
async fn every_answer_to_a_writer_fits_its_schema() {
    let app = TestApp::start().await;
    let described = Described::by(&app).await;
    let done = app.finished(&result("aspirin", &[])).await;
    let running = app.submit("dexamethasone").await;
    assert_eq!(app.claim().await.job.id, running);
    let job = json!({ "molecule": "aspirin", "smiles": ASPIRIN_SMILES });
    for answer in [
        app.post("/api/jobs", &job).await,
        app.post("/api/jobs", &json!({})).await,
        app.post_bytes("/api/jobs", "{").await,
    ] {
        described.fits("post", "/api/jobs", &answer);
    }
    let vote = json!({
        "job_id": done,
        "evidence_id": ABSTRACT,
        "evidence_type": "literature",
        "feedback_type": "flag",
    });
    described.fits(
        "post",
        "/api/feedback",
        &app.post("/api/feedback", &vote).await,
    );
    let answer = app.get(&format!("/api/feedback/job/{done}")).await;
    described.fits("get", "/api/feedback/job/{job_id}", &answer);
    for id in [running, done] {
        let answer = app.delete(&format!("/api/jobs/{id}")).await;
        described.fits("delete", "/api/jobs/{job_id}", &answer);
    }
}
