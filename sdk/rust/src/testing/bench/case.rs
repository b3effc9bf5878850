//! A golden case, read into the records of the contract: its configuration, its corpus and its
//! network become a host, and nothing else answers.

use std::{collections::HashMap, rc::Rc};

use serde_json::Value;

use super::order::Order;
use crate::{
    Attribute, Candidate, Context, CorpusRequest, Document, Evidence, Failure, Molecule, Page,
    Passage, Query, Signal,
    host::Host,
    http::{Request, Response, Url, without_query},
};

/// Around a call: what the plugin is made with, and who answers it.
pub(super) struct Case {
    config: Vec<Attribute>,
    host: Host,
}

impl Case {
    pub(super) fn read(order: &Order, json: &Value) -> Result<Self, String> {
        let pairs = json["config"].as_object().into_iter().flatten();
        let config = pairs
            .map(|(key, value)| Attribute::new(key, value.as_str().unwrap_or_default()))
            .collect();
        let corpus = list(json, "corpus", candidate)?;
        let network = network(json)?;
        let search = move |request: &CorpusRequest| {
            let found = corpus.iter().take(request.limit as usize);
            Ok(Page {
                candidates: found.cloned().collect(),
                cursor: None,
            })
        };
        Ok(Self {
            config,
            host: Host {
                artifact: order.artifact.clone(),
                corpus: Some(Rc::new(search)),
                http: Some(Rc::new(move |request: &Request| answer(&network, request))),
            },
        })
    }

    pub(super) fn context(&self) -> Context {
        Context::new(self.config.clone(), self.host.clone())
    }
}

/// Answers by method and address.
type Network = HashMap<(String, String), Response>;

fn network(case: &Value) -> Result<Network, String> {
    let mut network = Network::new();
    for (place, response) in list(case, "http", exchange)? {
        // Of two answers to one request the first counts, as in the host.
        network.entry(place).or_insert(response);
    }
    Ok(network)
}

fn exchange(json: &Value) -> Result<((String, String), Response), String> {
    let status = json["status"].as_u64().unwrap_or(200);
    let status = u16::try_from(status).map_err(|_| format!("{status} is no status"))?;
    let mut response = Response::new(status, optional(json, "body").unwrap_or_default());
    for (name, value) in json["headers"].as_object().into_iter().flatten() {
        response = response.with_header(name, value.as_str().unwrap_or_default());
    }
    let method = optional(json, "method").unwrap_or_else(|| "GET".to_owned());
    Ok(((method, normal(&text(json, "url")?)), response))
}

/// One way to write an address: an author may leave out the port or the slash.
fn normal(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else {
        return url.to_owned();
    };
    let usual = if parsed.is_https { ":443" } else { ":80" };
    if let Some(host) = parsed.authority.strip_suffix(usual) {
        parsed.authority = host.to_owned();
    }
    parsed.to_string()
}

/// A place without an answer is one that refuses the connection, as in the host.
fn answer(network: &Network, request: &Request) -> Result<Response, Failure> {
    let place = (request.method.clone(), normal(&request.url));
    network.get(&place).cloned().ok_or_else(|| {
        let (method, url) = (&request.method, without_query(&request.url));
        Failure::unavailable(format!("the golden case has no answer to `{method} {url}`"))
    })
}

pub(super) fn query(json: &Value) -> Result<Query, String> {
    Ok(Query {
        molecule: molecule(&json["molecule"])?,
        as_of: text(json, "as_of")?,
        attributes: list(json, "attributes", attribute)?,
    })
}

pub(super) fn molecule(json: &Value) -> Result<Molecule, String> {
    let synonym = |name: &Value| {
        let name = name.as_str().ok_or("a synonym is no text")?;
        Ok(name.to_owned())
    };
    Ok(Molecule {
        name: text(json, "name")?,
        synonyms: list(json, "synonyms", synonym)?,
        smiles: optional(json, "smiles"),
        inchi_key: optional(json, "inchi_key"),
    })
}

pub(super) fn document(json: &Value) -> Result<Document, String> {
    Ok(Document {
        evidence_id: text(json, "evidence_id")?,
        passages: list(json, "passages", passage)?,
    })
}

pub(super) fn candidate(json: &Value) -> Result<Candidate, String> {
    let evidence = &json["evidence"];
    Ok(Candidate {
        evidence: Evidence {
            evidence_id: text(evidence, "evidence_id")?,
            kind: text(evidence, "kind")?,
            title: text(evidence, "title")?,
            citation: optional(evidence, "citation").unwrap_or_default(),
            url: optional(evidence, "url"),
            date: optional(evidence, "date"),
            passages: list(evidence, "passages", passage)?,
            attributes: list(evidence, "attributes", attribute)?,
        },
        signals: list(json, "signals", signal)?,
    })
}

fn passage(json: &Value) -> Result<Passage, String> {
    Ok(Passage {
        ordinal: number(json, "ordinal")?,
        section: optional(json, "section"),
        text: text(json, "text")?,
    })
}

fn attribute(json: &Value) -> Result<Attribute, String> {
    Ok(Attribute::new(text(json, "key")?, text(json, "value")?))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the contract's signals are single precision, and JSON's numbers are not"
)]
fn signal(json: &Value) -> Result<Signal, String> {
    let value = json["value"].as_f64().ok_or("`value` is missing")?;
    Ok(Signal::new(text(json, "name")?, value as f32))
}

pub(super) fn text(json: &Value, key: &str) -> Result<String, String> {
    optional(json, key).ok_or_else(|| format!("`{key}` is missing"))
}

pub(super) fn optional(json: &Value, key: &str) -> Option<String> {
    json[key].as_str().map(str::to_owned)
}

pub(super) fn number(json: &Value, key: &str) -> Result<u32, String> {
    let number = json[key].as_u64();
    number
        .and_then(|number| u32::try_from(number).ok())
        .ok_or_else(|| format!("`{key}` is missing, or too large"))
}

/// Empty where there is none.
pub(super) fn list<T>(
    json: &Value,
    key: &str,
    read: impl Fn(&Value) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let items = json[key].as_array().into_iter().flatten();
    items
        .map(|item| read(item).map_err(|what| format!("in `{key}`: {what}")))
        .collect()
}
