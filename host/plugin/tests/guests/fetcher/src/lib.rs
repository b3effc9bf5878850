//! A source that fetches as its configuration says, well or badly, for tests of the host's way
//! out. Never shipped.
//!
//! | key | what it says |
//! |---|---|
//! | `url` | where to; `{secret}` in it stands for the secret `api_key` |
//! | `method` | `GET` when not said |
//! | `headers` | lines of `name: value`, with `{secret}` as above |
//! | `body_bytes` | bytes to send |
//! | `n_requests` | how often, one after the other; 1 when not said |
//! | `n_open` | how many requests to have under way at once, without reading an answer |
//! | `redirects` | `no` to get them back |
//! | `luck` | `yes` to tell what time it is, and a number that nobody knows beforehand |
//!
//! It answers with what came last: status, headers and body as attributes.

mod open;

use std::{
    hash::{BuildHasher, RandomState},
    time::{Instant, SystemTime},
};

use phagen_sdk::{
    Attribute, Candidate, Context, Description, Evidence, Failure, Page, Query, Source,
    http::{Request, Response},
};

/// Fetches as it was told.
pub struct Fetcher {
    request: Request,
    n_requests: u32,
    n_open: u32,
    tells_luck: bool,
}

impl Source for Fetcher {
    fn describe() -> Description {
        phagen_sdk::describe!("Fetches as configured, for tests")
    }

    fn init(context: &Context) -> Result<Self, Failure> {
        let secret = context.secret("api_key").unwrap_or("no-secret");
        let said = |key: &str| {
            context
                .config(key)
                .map(|text| text.replace("{secret}", secret))
        };
        let url = said("url").ok_or_else(|| Failure::invalid_config("`url` is missing"))?;
        let mut request = Request::new(&said("method").unwrap_or("GET".into()), &url);
        for line in said("headers").unwrap_or_default().lines() {
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            request = request.header(name, value);
        }
        if said("redirects").is_some_and(|redirects| redirects == "no") {
            request = request.without_redirects();
        }
        request = request.max_bytes(64 << 20);
        request.body = vec![b'x'; number(context, "body_bytes", 0)? as usize];
        Ok(Self {
            request,
            n_requests: number(context, "n_requests", 1)?,
            n_open: number(context, "n_open", 0)?,
            tells_luck: said("luck").is_some_and(|luck| luck == "yes"),
        })
    }

    fn search(&self, _: &Context, _: &Query, _: u32, _: Option<&str>) -> Result<Page, Failure> {
        if self.n_open > 0 {
            let outcomes = open::at_once(&self.request.url, self.n_open).join(" ");
            return Ok(page(vec![Attribute::new("outcomes", outcomes)]));
        }
        let begun = Instant::now();
        let mut response = self.request.clone().send()?;
        for _ in 1..self.n_requests {
            response = self.request.clone().send()?;
        }
        let mut facts = facts(&response);
        if self.tells_luck {
            let number = RandomState::new().hash_one("a number");
            facts.push(Attribute::new("now", format!("{:?}", SystemTime::now())));
            facts.push(Attribute::new("took", format!("{:?}", begun.elapsed())));
            facts.push(Attribute::new("luck", number.to_string()));
        }
        Ok(page(facts))
    }
}

phagen_sdk::export_source!(Fetcher);

fn number(context: &Context, key: &str, otherwise: u32) -> Result<u32, Failure> {
    match context.config(key).map(str::parse) {
        None => Ok(otherwise),
        Some(number) => {
            number.map_err(|_| Failure::invalid_config(format!("`{key}` is no number")))
        }
    }
}

fn facts(response: &Response) -> Vec<Attribute> {
    /// A body is told up to here.
    const MAX_BYTES: usize = 10_000;
    let mut facts = vec![
        Attribute::new("status", response.status.to_string()),
        Attribute::new("url", &response.url),
        Attribute::new("n_bytes", response.body.len().to_string()),
    ];
    for (name, value) in &response.headers {
        facts.push(Attribute::new(format!("header.{name}"), value));
    }
    let told = &response.body[..response.body.len().min(MAX_BYTES)];
    facts.push(Attribute::new("body", String::from_utf8_lossy(told)));
    facts
}

fn page(attributes: Vec<Attribute>) -> Page {
    Page {
        candidates: vec![Candidate {
            evidence: Evidence {
                evidence_id: "PMID:1".into(),
                kind: "literature".into(),
                title: "What was fetched".into(),
                citation: "Fetched".into(),
                attributes,
                ..Evidence::default()
            },
            signals: Vec::new(),
        }],
        cursor: None,
    }
}

#[cfg(test)]
mod tests {
    use phagen_sdk::testing::Harness;

    use super::*;

    #[test]
    fn it_tells_what_it_fetched() {
        let harness = Harness::new()
            .config("url", "https://h/a?key={secret}")
            .config("headers", "x-key: {secret}")
            .secret("api_key", "stand-in")
            .http(|request| {
                assert_eq!(request.url, "https://h/a?key=stand-in");
                assert_eq!(request.headers[0].1, "stand-in");
                Ok(Response::new(200, "fine").with_header("x-a", "1"))
            });
        let source = harness.source::<Fetcher>().unwrap();
        let page = source
            .search(&Query::of("aspirin", "2026-11-22"), 1, None)
            .unwrap();
        let evidence = &page.candidates[0].evidence;
        assert_eq!(evidence.attribute("body"), Some("fine"));
        assert_eq!(evidence.attribute("header.x-a"), Some("1"));
    }
}
