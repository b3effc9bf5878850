//! Finds evidence for a molecule. Replace what it asks, and how it reads the answer.

use phagen_sdk::{
    Candidate, Context, Description, Evidence, Failure, Page, Passage, Query, Signal, Source, http,
};
use serde::Deserialize;

pub struct MySource {
    base_url: String,
}

impl Source for MySource {
    fn describe() -> Description {
        phagen_sdk::describe!("Finds evidence; say where")
    }

    fn init(context: &Context) -> Result<Self, Failure> {
        // Set by whoever installs the plugin.
        let base_url = context
            .config("base_url")
            .ok_or_else(|| Failure::invalid_config("`base_url` is missing; set it"))?;
        Ok(Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
        })
    }

    fn search(
        &self,
        _: &Context,
        query: &Query,
        limit: u32,
        _cursor: Option<&str>,
    ) -> Result<Page, Failure> {
        // Leaves only where plugin.toml asks for the place and the slot grants it.
        let text = http::get(&format!("{}/search", self.base_url))
            .query("q", &query.molecule.name)
            .query("limit", &limit.to_string())
            .send()?
            .ok()?
            .text()?;
        let answer: Answer = serde_json::from_str(&text)
            .map_err(|error| Failure::unavailable(format!("the answer is not understood: {error}")))?;
        Ok(Page {
            // Best first.
            candidates: answer.items.into_iter().take(limit as usize).map(candidate).collect(),
            // Where the next page begins; none: there is none.
            cursor: None,
        })
    }
}

phagen_sdk::export_source!(MySource);

#[derive(Deserialize)]
struct Answer {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    title: String,
    text: String,
    date: Option<String>,
    url: Option<String>,
}

fn candidate(item: Item) -> Candidate {
    Candidate {
        evidence: Evidence {
            evidence_id: item.id, // such as PMID:123 or NCT01907900
            kind: "literature".into(),
            title: item.title,
            url: item.url,
            date: item.date, // 2019, 2019-03 or 2019-03-07
            passages: vec![Passage::body(1, item.text)],
            ..Evidence::default()
        },
        signals: Vec::<Signal>::new(),
    }
}
