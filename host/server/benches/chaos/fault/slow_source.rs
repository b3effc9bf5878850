//! A web server that takes its time, and the example source that asks it: so that a job lasts long
//! enough to be interrupted.

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use axum::{Json, Router, extract::Query, routing};
use phagen_domain::{digest::Digest, plugin::HttpGrant};
use phagen_package::{Package, embed};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet, time::sleep};

use super::{cluster::Caller, kit::Kit};

const NAME: &str = "web-source";
pub(crate) const SLOT: &str = "web";
const SLOWNESS: Duration = Duration::from_millis(300);
/// Long enough for the worker to be found and killed, and for every reaper to look once, and within
/// what a source may take.
const LONG_SLOWNESS: Duration = Duration::from_secs(6);
/// Before the number of a molecule that the source is asked for as long.
pub(crate) const LONG: &str = "long";

pub(crate) struct SlowSource {
    origin: String,
    _serving: JoinSet<()>,
}

#[derive(Deserialize)]
struct Asked {
    q: String,
}

/// One item about whatever was asked: a result without it is not whole.
async fn search(Query(asked): Query<Asked>) -> Json<Value> {
    let molecule = asked.q;
    let is_long = molecule.starts_with(LONG);
    sleep(if is_long { LONG_SLOWNESS } else { SLOWNESS }).await;
    Json(json!({ "items": [{
        "id": evidence_id(&molecule), "kind": "literature", "date": "2020-01-01",
        "title": format!("{molecule} and asthma"), "text": format!("{molecule} did well in asthma."),
    }] }))
}

/// What a job about `molecule` must have found.
pub(crate) fn evidence_id(molecule: &str) -> String {
    let number: String = molecule.chars().filter(char::is_ascii_digit).collect();
    format!("PMID:9{number:0>7}")
}

impl SlowSource {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let router = Router::new().route("/search", routing::get(search));
        let serve = async move { axum::serve(listener, router).await.unwrap_or_default() };
        Ok(Self {
            origin,
            _serving: JoinSet::from_iter([serve]),
        })
    }

    /// Puts the source into a slot of its own.
    pub(crate) async fn install(&self, kit: &Kit, api: &Caller) -> Result<()> {
        let built = fs::read(kit.guests.join("web_source.wasm"))
            .with_context(|| format!("no `web_source.wasm` in `{}`", kit.guests.display()))?;
        let mut manifest = Package::read(&built)?.manifest.context("no manifest")?;
        manifest.grant.http = vec![HttpGrant {
            origin: self.origin.parse()?,
            methods: vec!["GET".to_owned()],
            path: "/search".to_owned(),
            secrets: Vec::new(),
            private_addresses: false,
        }];
        let mut granted = manifest.grant.clone();
        granted.http[0].private_addresses = true;
        let component = embed(&built, &manifest, None, None)?;
        let path = format!("/api/plugins/{NAME}/versions/{}", Digest::of(&component));
        api.upload(NAME, component).await?;
        api.until(&path, |version| version["state"] == "checked")
            .await?;
        let order = json!({
            "slot": SLOT,
            "reason": "a fault is to come",
            "config": [{ "key": "base_url", "value": self.origin }],
            "grant": granted,
        });
        api.post(&format!("{path}/activate"), &order).await?;
        let is_followed = |now: &Value| {
            let hosts = now["hosts"].as_array();
            hosts.is_some_and(|hosts| {
                let is_there = |host: &Value| host["set_generation"] == now["set_generation"];
                !hosts.is_empty() && hosts.iter().all(is_there)
            })
        };
        api.until("/api/plugins", is_followed).await
    }
}
