//! An answer of the API, and how a test reads it.

use chrono::DateTime;
use phagen_domain::job::JobId;
use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::{Map, Value};
use uuid::Uuid;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the server answers");
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.expect("the body is text"),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error} in answer {}: {}", self.status, self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("a header of text"))
    }

    pub(crate) fn job_id(&self) -> JobId {
        let text = self.json()["job_id"].as_str().expect("a job id").to_owned();
        text.parse().expect("a job id is a UUID")
    }

    /// Status and body, keys sorted, with `[id]` and `[time]` for what differs every time.
    pub(crate) fn snapshot(&self) -> String {
        if self.text.is_empty() {
            return self.status.to_string();
        }
        let body = serde_json::to_string_pretty(&redacted(self.json())).expect("JSON is written");
        format!("{}\n{body}", self.status)
    }

    /// A problem in one line: status, type, and field by field what is wrong, or else the detail.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}: {}",
            self.status,
            self.text
        );
        let body = self.json();
        assert_eq!(body["status"], self.status, "{}", self.text);
        assert!(
            body["title"].is_string() && body["request_id"].is_string(),
            "{}",
            self.text
        );
        assert_eq!(body["request_id"].as_str(), self.header("x-request-id"));
        let text = |value: &Value| redacted(value.clone()).as_str().expect("text").to_owned();
        let what = match body["errors"].as_array() {
            Some(errors) => errors
                .iter()
                .map(|error| format!("{}: {}", text(&error["field"]), text(&error["message"])))
                .collect::<Vec<_>>()
                .join("; "),
            None => text(&body["detail"]),
        };
        format!("{} {} {what}", self.status, text(&body["type"]))
    }
}

fn redacted(value: Value) -> Value {
    match value {
        Value::String(text) if DateTime::parse_from_rfc3339(&text).is_ok() => "[time]".into(),
        Value::String(text) => without_ids(&text).into(),
        Value::Array(items) => items.into_iter().map(redacted).collect(),
        Value::Object(fields) => {
            let mut sorted: Vec<(String, Value)> = fields.into_iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            let redacted: Map<String, Value> = sorted
                .into_iter()
                .map(|(key, value)| (key, redacted(value)))
                .collect();
            Value::Object(redacted)
        }
        other => other,
    }
}

fn without_ids(text: &str) -> String {
    const UUID_CHARS: usize = 36;
    let mut rest = text;
    let mut out = String::new();
    while let Some(next) = rest.chars().next() {
        if rest
            .get(..UUID_CHARS)
            .is_some_and(|id| Uuid::try_parse(id).is_ok())
        {
            out.push_str("[id]");
            rest = &rest[UUID_CHARS..];
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    out
}
