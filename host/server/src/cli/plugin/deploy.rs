//! `phagen plugin upload` and `deploy`: a file becomes a version, passes its gates, and serves.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use phagen_domain::{
    digest::Digest,
    evidence::Attribute,
    plugin::{Grant, PluginName, PluginVersion, Share, SlotName, VersionState},
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    events::first_by_host,
    moves::{parse_config, parse_share},
    remote::{MovedLine, Remote, RemoteArguments},
};
use crate::{cli::write, config::Settings};

/// How long the gates may take unless it is said.
const PATIENCE_SECONDS: u64 = 180;
/// How often the host is asked what became of something.
const POLL: Duration = Duration::from_millis(100);
/// How long hosts may take to follow a change.
const FOLLOWING: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
pub(in crate::cli) struct UploadArguments {
    #[command(flatten)]
    remote: RemoteArguments,
    /// The component.
    file: PathBuf,
    /// Its signature; otherwise FILE.minisig when there is one.
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Name of a plugin whose component has no manifest.
    #[arg(long)]
    name: Option<PluginName>,
    /// How long the gates may take, seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = PATIENCE_SECONDS)]
    patience: u64,
}

#[derive(clap::Args)]
pub(in crate::cli) struct DeployArguments {
    #[command(flatten)]
    upload: UploadArguments,
    /// Where it shall serve; a slot that does not exist yet is made.
    #[arg(long)]
    slot: SlotName,
    /// Try it on copies of so many jobs instead, such as 10%.
    #[arg(long, value_name = "SHARE", value_parser = parse_share, conflicts_with = "canary")]
    shadow: Option<Share>,
    /// Let it serve so many jobs instead, such as 5%.
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    canary: Option<Share>,
    /// Why, for the record.
    #[arg(long)]
    reason: Option<String>,
    /// Artifact to serve with; otherwise the one that serves in the slot now.
    #[arg(long, value_name = "DIGEST")]
    artifact: Option<Digest>,
    /// Configuration; otherwise what serves in the slot now has. Once for each pair.
    #[arg(id = "with", long, value_name = "KEY=VALUE", value_parser = parse_config)]
    config: Vec<Attribute>,
}

pub(super) async fn upload(settings: &Settings, arguments: UploadArguments) -> Result<()> {
    let remote = Remote::open(settings, &arguments.remote)?;
    checked(&remote, &arguments).await.map(|_| ())
}

pub(super) async fn deploy(settings: &Settings, arguments: DeployArguments) -> Result<()> {
    let remote = Remote::open(settings, &arguments.upload.remote)?;
    let version = checked(&remote, &arguments.upload).await?;
    let (verb, share) = match (arguments.shadow, arguments.canary) {
        (Some(share), _) => ("shadow", Some(share)),
        (None, Some(share)) => ("canary", Some(share)),
        (None, None) => ("activate", None),
    };
    let mut body = json!({ "slot": arguments.slot });
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            body[key] = value;
        }
    };
    put("reason", arguments.reason.map(Value::from));
    put("share", share.map(|share| share.get().into()));
    put(
        "artifact_digest",
        arguments.artifact.map(|digest| digest.to_string().into()),
    );
    let has_config = !arguments.config.is_empty();
    put("config", has_config.then(|| json!(arguments.config)));
    let path = format!(
        "/api/plugins/{}/versions/{}/{verb}",
        version.name, version.digest
    );
    let moved: MovedLine = remote.post(&path, &body).await?;
    follow(&remote, &moved).await
}

/// What `dev` puts into a slot.
pub(super) struct Deployment {
    pub(super) file: PathBuf,
    pub(super) slot: SlotName,
    /// None: what serves in the slot now has.
    pub(super) config: Vec<Attribute>,
    pub(super) grant: Option<Grant>,
    pub(super) reason: String,
}

/// As [`deploy`], for a command that does more than that.
pub(super) async fn swap_in(remote: &Remote, deployment: Deployment) -> Result<()> {
    let arguments = UploadArguments {
        remote: RemoteArguments::default(),
        file: deployment.file,
        signature: None,
        name: None,
        patience: PATIENCE_SECONDS,
    };
    let version = checked(remote, &arguments).await?;
    let mut body = json!({ "slot": deployment.slot, "reason": deployment.reason });
    if !deployment.config.is_empty() {
        body["config"] = json!(deployment.config);
    }
    if let Some(grant) = deployment.grant {
        body["grant"] = json!(grant);
    }
    let path = format!(
        "/api/plugins/{}/versions/{}/activate",
        version.name, version.digest
    );
    let moved: MovedLine = remote.post(&path, &body).await?;
    follow(remote, &moved).await
}

/// Waits until every host of the fleet has made the move, and says so.
pub(super) async fn follow(remote: &Remote, moved: &MovedLine) -> Result<()> {
    let (slot, event) = (&moved.slot, &moved.event);
    let deadline = Instant::now() + FOLLOWING;
    loop {
        let hosts = remote.listing().await?.hosts;
        let late: Vec<&str> = hosts
            .iter()
            .filter(|host| host.set_generation < event.seq)
            .map(|host| host.host.as_str())
            .collect();
        if late.is_empty() && !hosts.is_empty() {
            // A host that follows has tried the slot, and has undone what cannot serve.
            if let Some(undone) = first_by_host(remote, &slot.slot, event.seq).await? {
                bail!(
                    "slot `{}` was changed to generation {}, and the host undid it: {}",
                    slot.slot,
                    slot.generation,
                    undone
                        .cause
                        .reason
                        .as_deref()
                        .unwrap_or("no reason is known")
                );
            }
            write::line(&format!(
                "slot `{}`, generation {}: {} {}; `{}` {} serves; {} host(s) follow",
                slot.slot,
                slot.generation,
                event.cause.verb.as_str(),
                event.digest.short(),
                slot.serving.plugin,
                &slot.serving.plugin_digest[..12],
                hosts.len()
            ));
            return Ok(());
        }
        if Instant::now() >= deadline {
            let who = if hosts.is_empty() {
                "no host reports what it serves".to_owned()
            } else {
                format!("{} did not follow", late.join(", "))
            };
            bail!(
                "slot `{}` was changed to generation {}, but within {FOLLOWING:?} {who}: see the hosts' logs",
                slot.slot,
                slot.generation
            );
        }
        sleep(POLL).await;
    }
}

/// Uploads, then prints each gate until the version may serve; its rejection is the error.
async fn checked(remote: &Remote, arguments: &UploadArguments) -> Result<PluginVersion> {
    let mut version = send(remote, arguments).await?;
    write::line(&format!(
        "`{}` {} is {}",
        version.name,
        version.digest.short(),
        version.state.as_str()
    ));
    let path = format!("/api/plugins/{}/versions/{}", version.name, version.digest);
    let deadline = Instant::now() + Duration::from_secs(arguments.patience);
    // A version that starts over has the reports of its last try; they are not news.
    let mut n_told = version.gates.len();
    while version.state.awaits_a_gate() {
        if Instant::now() >= deadline {
            bail!(
                "the version is still `{}` after {} seconds: is a host running with workers?",
                version.state.as_str(),
                arguments.patience
            );
        }
        sleep(POLL).await;
        version = remote.get(&path).await?;
        for report in version.gates.iter().skip(n_told) {
            let outcome = if report.passed { "passed" } else { "refused" };
            write::line(&format!(
                "  {:?} {outcome} in {:.0} ms: {}",
                report.gate,
                report.milliseconds,
                report.notes.join("; ")
            ));
        }
        n_told = version.gates.len();
    }
    match version.state {
        state if state.may_serve() => Ok(version),
        VersionState::Quarantined | VersionState::Rejected => bail!(
            "`{}` {} is {}: {}",
            version.name,
            version.digest.short(),
            version.state.as_str(),
            version.reason.as_deref().unwrap_or("no reason is known")
        ),
        state => bail!("the version is `{}`", state.as_str()),
    }
}

async fn send(remote: &Remote, arguments: &UploadArguments) -> Result<PluginVersion> {
    let bytes = read(&arguments.file).await?;
    let path = match &arguments.name {
        Some(name) => format!("/api/plugins?name={name}"),
        None => "/api/plugins".to_owned(),
    };
    let mut request = remote
        .request(Method::POST, &path)?
        .header("content-type", "application/wasm")
        .body(bytes);
    if let Some(signature) = signature(arguments).await? {
        request = request.header("x-phagen-signature", BASE64_STANDARD.encode(signature));
    }
    remote.send(request).await
}

async fn signature(arguments: &UploadArguments) -> Result<Option<Vec<u8>>> {
    if let Some(file) = &arguments.signature {
        return read(file).await.map(Some);
    }
    let mut beside = arguments.file.clone().into_os_string();
    beside.push(".minisig");
    let beside = PathBuf::from(beside);
    if beside.is_file() {
        write::note(&format!("signature: `{}`", beside.display()));
        return read(&beside).await.map(Some);
    }
    Ok(None)
}

async fn read(file: &Path) -> Result<Vec<u8>> {
    let path = file.to_owned();
    tokio::task::spawn_blocking(move || std::fs::read(path))
        .await?
        .with_context(|| format!("cannot read `{}`", file.display()))
}
