//! A running host, as the commands that act on one reach it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use phagen_domain::plugin::{PluginEvent, VersionState};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::config::Settings;

/// Longest that one answer may take; an upload of the largest component included.
const PATIENCE: Duration = Duration::from_mins(1);
/// Most that a host's answer may hold.
const MAX_ANSWER_BYTES: usize = 64 << 20;

#[derive(Debug, Clone, Default, clap::Args)]
pub(in crate::cli) struct RemoteArguments {
    /// A running host, such as `http://127.0.0.1:8000`; else `client.host`, else this machine.
    #[arg(long, value_name = "URL")]
    host: Option<String>,
    /// A key that may `operate`, as `phagen key create` or `key new` prints it; else `client.key`.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

impl RemoteArguments {
    /// A host that was named otherwise than by `--host`.
    pub(super) fn to(host: &str) -> Self {
        Self {
            host: Some(host.to_owned()),
            key: None,
        }
    }

    /// Whether a host was named here.
    pub(super) fn names_host(&self) -> bool {
        self.host.is_some()
    }
}

/// A host and the key to it.
pub(in crate::cli) struct Remote {
    base: Url,
    key: Option<String>,
    client: Client,
}

/// What `GET /api/plugins` answers, as far as the commands read it.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Listing {
    pub(in crate::cli) items: Vec<SlotLine>,
    pub(in crate::cli) versions: Vec<VersionLine>,
    pub(in crate::cli) hosts: Vec<HostLine>,
}

#[derive(Debug, Deserialize)]
pub(in crate::cli) struct SlotLine {
    pub(in crate::cli) slot: String,
    pub(in crate::cli) world: String,
    pub(in crate::cli) place: u32,
    #[serde(flatten)]
    pub(in crate::cli) serving: ActivationLine,
    pub(in crate::cli) previous: Option<ActivationLine>,
    pub(in crate::cli) candidate: Option<CandidateLine>,
    pub(in crate::cli) generation: u64,
}

#[derive(Debug, Deserialize)]
pub(in crate::cli) struct ActivationLine {
    pub(in crate::cli) plugin: String,
    pub(in crate::cli) plugin_digest: String,
    pub(in crate::cli) artifact_digest: Option<String>,
    pub(in crate::cli) config: Vec<phagen_domain::evidence::Attribute>,
}

#[derive(Debug, Deserialize)]
pub(in crate::cli) struct CandidateLine {
    #[serde(flatten)]
    pub(in crate::cli) activation: ActivationLine,
    pub(in crate::cli) mode: String,
    pub(in crate::cli) share: f64,
}

#[derive(Debug, Deserialize)]
pub(in crate::cli) struct VersionLine {
    pub(in crate::cli) name: String,
    pub(in crate::cli) version: Option<String>,
    pub(in crate::cli) digest: String,
    pub(in crate::cli) state: VersionState,
}

#[derive(Debug, Deserialize)]
pub(in crate::cli) struct HostLine {
    pub(in crate::cli) host: String,
    pub(in crate::cli) set_generation: u64,
}

/// What a move of one slot answers.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct MovedLine {
    pub(in crate::cli) slot: SlotLine,
    pub(in crate::cli) event: PluginEvent,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    detail: String,
    #[serde(default)]
    errors: Vec<RefusedField>,
}

#[derive(Debug, Deserialize)]
struct RefusedField {
    field: String,
    message: String,
}

impl Remote {
    pub(in crate::cli) fn open(settings: &Settings, arguments: &RemoteArguments) -> Result<Self> {
        let named = arguments.host.as_ref().or(settings.client.host.as_ref());
        let text = named.map_or_else(
            || format!("http://{}", settings.server.address()),
            String::clone,
        );
        let base: Url = text
            .parse()
            .with_context(|| format!("`{text}` is not an address such as http://127.0.0.1:8000"))?;
        if base.scheme() != "http" {
            bail!(
                "`{text}` is not reached: a host is called by `http://` on its own machine, or through a tunnel to it"
            );
        }
        let client = Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .context("cannot make an HTTP client")?;
        Ok(Self {
            base,
            key: arguments
                .key
                .clone()
                .or_else(|| settings.client.key.clone()),
            client,
        })
    }

    pub(in crate::cli) fn request(&self, method: Method, path: &str) -> Result<RequestBuilder> {
        let url = self
            .base
            .join(path)
            .with_context(|| format!("cannot ask for `{path}`"))?;
        let request = self.client.request(method, url);
        Ok(match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        })
    }

    /// Sends, and reads what comes back; a refusal is an error in the host's own words.
    pub(in crate::cli) async fn send<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T> {
        let (_, body) = self.answer(request).await?;
        serde_json::from_slice(&body)
            .context("the host's answer cannot be read: is it of another version?")
    }

    /// The same, as bytes.
    pub(in crate::cli) async fn answer(
        &self,
        request: RequestBuilder,
    ) -> Result<(StatusCode, Vec<u8>)> {
        let mut response = request.send().await.with_context(|| {
            format!(
                "no host answers at {}: start one with `phagen serve`, or name another with `--host`",
                self.base
            )
        })?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(part) = response
            .chunk()
            .await
            .context("the host's answer broke off")?
        {
            if body.len() + part.len() > MAX_ANSWER_BYTES {
                bail!("the host's answer is larger than {MAX_ANSWER_BYTES} bytes");
            }
            body.extend_from_slice(&part);
        }
        if !status.is_success() {
            bail!("{}", refusal(status, &body));
        }
        Ok((status, body))
    }

    pub(in crate::cli) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.send(self.request(Method::GET, path)?).await
    }

    pub(in crate::cli) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T> {
        self.send(self.request(Method::POST, path)?.json(body))
            .await
    }

    pub(in crate::cli) async fn listing(&self) -> Result<Listing> {
        self.get("/api/plugins").await
    }
}

fn refusal(status: StatusCode, body: &[u8]) -> String {
    let Ok(refusal) = serde_json::from_slice::<Refusal>(body) else {
        return format!("the host answered {status}, not in the words of this program");
    };
    let fields: Vec<String> = refusal
        .errors
        .iter()
        .map(|error| format!("`{}` {}", error.field, error.message))
        .collect();
    let detail = if fields.is_empty() {
        refusal.detail
    } else {
        fields.join("; ")
    };
    format!("the host refused ({}): {detail}", status.as_u16())
}

impl VersionLine {
    /// Its address on the host.
    pub(in crate::cli) fn path(&self) -> String {
        format!("/api/plugins/{}/versions/{}", self.name, self.digest)
    }
}

impl Listing {
    /// The version called `wanted`: a plugin's name, the first digits of a digest, or
    /// `name@digits` or `name@version`.
    pub(in crate::cli) fn find_version(&self, wanted: &str) -> Result<&VersionLine> {
        const MIN_DIGITS: usize = 8;
        let (name, part) = wanted
            .split_once('@')
            .map_or((None, wanted), |(name, part)| (Some(name), part));
        let is_wanted = |line: &&VersionLine| match name {
            Some(name) => {
                line.name == name
                    && (line.digest.starts_with(part) || line.version.as_deref() == Some(part))
            }
            None => line.name == part || part.len() >= MIN_DIGITS && line.digest.starts_with(part),
        };
        let found: Vec<&VersionLine> = self.versions.iter().filter(is_wanted).collect();
        match found[..] {
            [line] => Ok(line),
            [] => bail!("no version is called `{wanted}`: see `phagen plugin list --host URL`"),
            _ => {
                let names: Vec<String> = found
                    .iter()
                    .map(|line| format!("{}@{}", line.name, &line.digest[..12]))
                    .collect();
                bail!("`{wanted}` may be {}: say which", names.join(" or "))
            }
        }
    }

    pub(in crate::cli) fn find_slot(&self, name: &str) -> Result<&SlotLine> {
        self.items
            .iter()
            .find(|slot| slot.slot == name)
            .with_context(|| {
                format!("slot `{name}` does not exist: see `phagen plugin list --host URL`")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing() -> Listing {
        let version = |name: &str, version: &str, digit: &str| VersionLine {
            name: name.to_owned(),
            version: Some(version.to_owned()),
            digest: digit.repeat(64),
            state: VersionState::Checked,
        };
        Listing {
            items: Vec::new(),
            versions: vec![
                version("alpha", "2.0.0", "b"),
                version("alpha", "1.0.0", "a"),
                version("beta", "1.0.0", "c"),
            ],
            hosts: Vec::new(),
        }
    }

    #[test]
    fn a_version_goes_by_name_digits_or_both() {
        let listing = listing();
        let found = |wanted: &str| {
            listing
                .find_version(wanted)
                .map(|line| line.digest[..1].to_owned())
        };
        assert_eq!(found("beta").unwrap(), "c");
        assert_eq!(found("bbbbbbbb").unwrap(), "b");
        assert_eq!(found("alpha@a").unwrap(), "a");
        assert_eq!(found("alpha@2.0.0").unwrap(), "b");
        for wrong in ["alpha", "gamma", "bbbbbbb", "beta@a"] {
            assert!(found(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_the_hosts_words() {
        let body = br#"{"detail":"the slot has moved on","status":412}"#;
        let told = refusal(StatusCode::PRECONDITION_FAILED, body);
        assert_eq!(told, "the host refused (412): the slot has moved on");
        let body = br#"{"detail":"x","errors":[{"field":"slot","message":"is missing"}]}"#;
        let told = refusal(StatusCode::UNPROCESSABLE_ENTITY, body);
        assert_eq!(told, "the host refused (422): `slot` is missing");
        assert!(refusal(StatusCode::BAD_GATEWAY, b"<html>").contains("502"));
    }
}
