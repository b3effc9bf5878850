//! A source that asks a web server: the example for authors who fetch.
//!
//! It sends `GET {base_url}/search?q=<molecule>&limit=<n>`, with the secret `api_key` as a bearer
//! token where the slot is granted one, and reads
//!
//! ```json
//! {"items": [{"id": "PMID:1", "kind": "literature", "title": "…", "text": "…",
//!             "date": "2020-01-01", "url": "https://…"}]}
//! ```
//!
//! Its `plugin.toml` asks for the place it fetches from; an operator grants it to the slot.

use phagen_sdk::{
    Candidate, Context, Description, Evidence, Failure, Page, Passage, Query, Signal, Source, http,
};
use serde::Deserialize;

/// Asks the server at `base_url`.
pub struct WebSource {
    base_url: String,
}

/// What the server answers.
#[derive(Deserialize)]
struct Answer {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    kind: String,
    title: String,
    text: String,
    date: Option<String>,
    url: Option<String>,
}

impl Source for WebSource {
    fn describe() -> Description {
        phagen_sdk::describe!("Asks a web server for evidence")
    }

    fn init(context: &Context) -> Result<Self, Failure> {
        let missing = || {
            Failure::invalid_config("`base_url` is missing; set it to `https://host` of the server")
        };
        let base_url = context.config("base_url").ok_or_else(missing)?;
        Ok(Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
        })
    }

    fn search(
        &self,
        context: &Context,
        query: &Query,
        limit: u32,
        _cursor: Option<&str>,
    ) -> Result<Page, Failure> {
        let mut request = http::get(&format!("{}/search", self.base_url))
            .query("q", &query.molecule.name)
            .query("limit", &limit.to_string());
        if let Some(api_key) = context.secret("api_key") {
            request = request.header("authorization", &format!("Bearer {api_key}"));
        }
        let body = request.send()?.ok()?.text()?;
        let answer: Answer = serde_json::from_str(&body).map_err(|error| {
            Failure::unavailable(format!(
                "the answer of `{}` is not understood: {error}",
                self.base_url
            ))
        })?;
        let items = answer.items.into_iter().take(limit as usize);
        Ok(Page {
            candidates: items.zip(1_u16..).map(candidate).collect(),
            cursor: None,
        })
    }
}

phagen_sdk::export_source!(WebSource);

fn candidate((item, rank): (Item, u16)) -> Candidate {
    Candidate {
        evidence: Evidence {
            citation: item.id.clone(),
            evidence_id: item.id,
            kind: item.kind,
            title: item.title,
            url: item.url,
            date: item.date,
            passages: vec![Passage::body(1, item.text)],
            attributes: Vec::new(),
        },
        signals: vec![Signal::new("source_rank", f32::from(rank))],
    }
}

#[cfg(test)]
mod tests {
    use phagen_sdk::{http::Response, testing::Harness};

    use super::*;

    const ANSWER: &str = r#"{"items": [
        {"id": "PMID:1", "kind": "literature", "title": "Aspirin", "text": "It did well.",
         "date": "2020-01-01", "url": "https://example.org/1"},
        {"id": "PMID:2", "kind": "literature", "title": "More", "text": "Much more."}
    ]}"#;

    fn query() -> Query {
        Query::of("acetylsalicylic acid", "2026-11-22")
    }

    fn harness() -> Harness {
        Harness::new().config("base_url", "https://api.example.org/")
    }

    #[test]
    fn an_answer_becomes_evidence() {
        let harness = harness().secret("api_key", "stand-in").http(|request| {
            assert_eq!(
                request.url,
                "https://api.example.org/search?q=acetylsalicylic%20acid&limit=1"
            );
            let header = ("authorization".to_owned(), "Bearer stand-in".to_owned());
            assert_eq!(request.headers, [header]);
            Ok(Response::new(200, ANSWER))
        });
        let source = harness.source::<WebSource>().unwrap();
        let page = source.search(&query(), 1, None).unwrap();
        assert_eq!(page.candidates.len(), 1);
        let evidence = &page.candidates[0].evidence;
        assert_eq!(evidence.evidence_id, "PMID:1");
        assert_eq!(evidence.passages[0].text, "It did well.");
    }

    #[test]
    fn what_a_server_cannot_do_is_told_by_its_code() {
        for (answer, code) in [
            (
                Response::new(429, "").with_header("retry-after", "1"),
                "rate-limited",
            ),
            (Response::new(500, ""), "unavailable"),
            (Response::new(200, "<html>"), "unavailable"),
        ] {
            let harness = harness().http(move |_| Ok(answer.clone()));
            let source = harness.source::<WebSource>().unwrap();
            assert_eq!(source.search(&query(), 9, None).unwrap_err().code, code);
        }
    }

    #[test]
    fn it_does_not_start_without_an_address() {
        let failure = Harness::new().source::<WebSource>().err().unwrap();
        assert_eq!(failure.code, "invalid-config");
    }
}
