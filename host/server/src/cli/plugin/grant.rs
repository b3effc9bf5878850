//! `phagen plugin grant`: the operator's side of what a slot's guest may reach, whole.

use anyhow::{Context, Result};
use phagen_domain::plugin::{Grant, HttpGrant, SlotName};
use reqwest::Method;
use serde_json::json;

use super::{
    deploy::follow,
    remote::{MovedLine, Remote, RemoteArguments},
};
use crate::config::Settings;

#[derive(clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    remote: RemoteArguments,
    slot: SlotName,
    /// Methods and a place on the network, such as 'GET `https://api.example.org/search`'; once for
    /// each place.
    #[arg(long, value_name = "METHODS URL", value_parser = parse_http)]
    http: Vec<HttpGrant>,
    /// Name of a secret that may be sent to those places.
    #[arg(long, value_name = "NAME", requires = "http")]
    secret: Vec<String>,
    /// Those places may lie on this machine or in a private network.
    #[arg(long, requires = "http")]
    private_addresses: bool,
    /// Search of the host's corpus.
    #[arg(long)]
    corpus: bool,
    /// The slot's artifact.
    #[arg(long)]
    artifact: bool,
    /// Why, for the record.
    #[arg(long)]
    reason: Option<String>,
    /// Refuse when the slot has moved on from this generation.
    #[arg(long, value_name = "GENERATION")]
    if_match: Option<u64>,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> Result<()> {
    let remote = Remote::open(settings, &arguments.remote)?;
    let path = format!("/api/slots/{}/grant", arguments.slot);
    let mut request = remote.request(Method::POST, &path)?;
    if let Some(generation) = arguments.if_match {
        request = request.header("if-match", format!("\"{generation}\""));
    }
    let reason = arguments.reason.clone();
    let body = json!({ "grant": arguments.grant(), "reason": reason });
    let moved: MovedLine = remote.send(request.json(&body)).await?;
    follow(&remote, &moved).await
}

impl Arguments {
    fn grant(self) -> Grant {
        let http = self.http.into_iter().map(|place| HttpGrant {
            secrets: self.secret.clone(),
            private_addresses: self.private_addresses,
            ..place
        });
        Grant {
            corpus: self.corpus,
            artifact: self.artifact,
            http: http.collect(),
        }
    }
}

/// `GET,HEAD https://host/path`.
fn parse_http(text: &str) -> Result<HttpGrant> {
    let (methods, url) = text.trim().split_once(' ').with_context(|| {
        format!("`{text}` is not methods and a place, such as 'GET https://host/path'")
    })?;
    let url = url.trim();
    let begin = url.find("://").map_or(0, |at| at + 3);
    let end = url[begin..].find('/').map_or(url.len(), |at| begin + at);
    let (origin, path) = url.split_at(end);
    Ok(HttpGrant {
        origin: origin.parse()?,
        methods: methods
            .split(',')
            .map(|method| method.trim().to_ascii_uppercase())
            .collect(),
        path: if path.is_empty() { "/" } else { path }.to_owned(),
        secrets: Vec::new(),
        private_addresses: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_methods_an_origin_and_a_path() {
        let grant = parse_http("get,POST https://API.example.org/search/x").unwrap();
        assert_eq!(grant.methods, ["GET", "POST"]);
        assert_eq!(grant.origin.to_string(), "https://api.example.org");
        assert_eq!(grant.path, "/search/x");
        let whole = parse_http("GET http://127.0.0.1:8080").unwrap();
        assert_eq!((whole.origin.port(), whole.path.as_str()), (8080, "/"));
        for wrong in ["https://api.example.org", "GET ftp://host/", "GET host/x"] {
            assert!(parse_http(wrong).is_err(), "{wrong}");
        }
    }
}
