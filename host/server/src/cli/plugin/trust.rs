//! `phagen plugin trust add | list | revoke`: keys of publishers whose signatures count.

use std::path::Path;

use anyhow::{Context, Result};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap::Subcommand;
use phagen_domain::plugin::PublisherKey;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::remote::{Remote, RemoteArguments};
use crate::{cli::write, config::Settings};

#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// Let a key's signatures count.
    Add {
        #[command(flatten)]
        remote: RemoteArguments,
        /// Who holds it.
        name: String,
        /// The base64 line of a minisign public key, or the file it is in.
        #[arg(id = "public_key", value_name = "PUBLIC KEY")]
        public_key: String,
        /// Signatures count until this day begins.
        #[arg(long, value_name = "YYYY-MM-DD")]
        expires: Option<NaiveDate>,
    },
    /// Every key, by name.
    List {
        #[command(flatten)]
        remote: RemoteArguments,
    },
    /// Let none of a key's signatures count any more.
    Revoke {
        #[command(flatten)]
        remote: RemoteArguments,
        name: String,
    },
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(flatten)]
    key: PublisherKey,
    key_id: Option<String>,
}

pub(super) async fn run(settings: &Settings, command: Command) -> Result<()> {
    match command {
        Command::Add {
            remote,
            name,
            public_key,
            expires,
        } => {
            let remote = Remote::open(settings, &remote)?;
            let expires_at = expires.map(|day| day.and_time(NaiveTime::MIN).and_utc());
            let body = json!({
                "name": name,
                "public_key": key_text(&public_key)?,
                "expires_at": expires_at,
            });
            let added: Line = remote.post("/api/publisher-keys", &body).await?;
            write::line(&told(&added));
            Ok(())
        }
        Command::List { remote } => {
            let remote = Remote::open(settings, &remote)?;
            let page: Page = remote.get("/api/publisher-keys").await?;
            for key in &page.items {
                write::line(&told(key));
            }
            Ok(())
        }
        Command::Revoke { remote, name } => {
            let remote = Remote::open(settings, &remote)?;
            let mut request = remote.request(Method::POST, "/api/publisher-keys/")?;
            let (client, built) = request.build_split();
            let mut built = built.context("cannot write the request")?;
            built
                .url_mut()
                .path_segments_mut()
                .map_err(|()| anyhow::anyhow!("the host's address has no path"))?
                .pop_if_empty()
                .push(&name)
                .push("revoke");
            request = reqwest::RequestBuilder::from_parts(client, built);
            let revoked: Line = remote.send(request).await?;
            write::line(&told(&revoked));
            Ok(())
        }
    }
}

/// The key itself, or what the file of that name holds.
fn key_text(given: &str) -> Result<String> {
    let file = Path::new(given);
    if file.is_file() {
        return std::fs::read_to_string(file)
            .with_context(|| format!("cannot read `{}`", file.display()));
    }
    Ok(given.to_owned())
}

fn told(line: &Line) -> String {
    let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
    let key = &line.key;
    let state = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked on {}", day(at)),
        (None, Some(at)) => format!("counts until {}", day(at)),
        (None, None) => "counts".to_owned(),
    };
    format!(
        "{:<24} {:<17} added on {} by {:<12} {state}",
        key.name,
        line.key_id.as_deref().unwrap_or("-"),
        day(key.added_at),
        key.added_by
    )
}
