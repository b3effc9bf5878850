//! `phagen plugin activate | shadow | canary | promote | rollback | quarantine | retire`.

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use phagen_domain::{
    digest::Digest,
    evidence::Attribute,
    plugin::{PluginEvent, PluginVersion, Share, SlotName},
};
use reqwest::Method;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    deploy::follow,
    remote::{Listing, MovedLine, Remote, RemoteArguments, SlotLine},
};
use crate::{cli::write, config::Settings};

#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// Let a stored version serve; what serves becomes the way back.
    Activate(ActivateArguments),
    /// Try a version on copies of jobs.
    Shadow(TrialArguments),
    /// Let a version serve a share of the jobs.
    Canary(TrialArguments),
    /// Let the version on trial serve, if the trial passes.
    Promote(SwitchArguments),
    /// Let what served before serve again.
    Rollback(SwitchArguments),
    /// Take a version out of every slot.
    Quarantine(QuarantineArguments),
    /// End a trial, take an operator's slot away, or put a version aside.
    Retire(RetireArguments),
}

#[derive(clap::Args)]
pub(in crate::cli) struct How {
    #[command(flatten)]
    remote: RemoteArguments,
    /// Why, for the record.
    #[arg(long)]
    reason: Option<String>,
    /// Refuse when the slot has moved on from this generation.
    #[arg(long, value_name = "GENERATION")]
    if_match: Option<u64>,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Outfit {
    /// Artifact to serve with; otherwise the one that serves in the slot now.
    #[arg(long, value_name = "DIGEST")]
    artifact: Option<Digest>,
    /// Configuration; otherwise what serves in the slot now has. Once for each pair.
    #[arg(id = "with", long, value_name = "KEY=VALUE", value_parser = parse_config)]
    config: Vec<Attribute>,
}

#[derive(clap::Args)]
pub(in crate::cli) struct ActivateArguments {
    /// Name of the plugin, first digits of the digest, or name@digits.
    version: String,
    /// Where it shall serve; a slot that does not exist yet is made.
    #[arg(long)]
    slot: SlotName,
    /// Order within a chain; a new slot is the last of its own.
    #[arg(long)]
    place: Option<u32>,
    /// Also when it is quarantined; needs a reason.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    outfit: Outfit,
    #[command(flatten)]
    how: How,
}

#[derive(clap::Args)]
pub(in crate::cli) struct TrialArguments {
    /// Name of the plugin, first digits of the digest, or name@digits.
    version: String,
    #[arg(long)]
    slot: SlotName,
    /// Part of the jobs, such as 10%.
    #[arg(long, value_parser = parse_share)]
    share: Option<Share>,
    #[command(flatten)]
    outfit: Outfit,
    #[command(flatten)]
    how: How,
}

#[derive(clap::Args)]
pub(in crate::cli) struct SwitchArguments {
    #[arg(long)]
    slot: SlotName,
    /// Also against its rule; needs a reason.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    how: How,
}

#[derive(clap::Args)]
pub(in crate::cli) struct QuarantineArguments {
    /// Name of the plugin, first digits of the digest, or name@digits.
    version: String,
    #[command(flatten)]
    remote: RemoteArguments,
    /// Why; it is shown wherever the version is.
    #[arg(long)]
    reason: String,
}

#[derive(clap::Args)]
pub(in crate::cli) struct RetireArguments {
    /// Name of the plugin, first digits of the digest, or name@digits.
    version: String,
    /// The slot to take it out of; left out when no slot names it.
    #[arg(long)]
    slot: Option<SlotName>,
    #[command(flatten)]
    how: How,
}

pub(super) async fn run(settings: &Settings, command: Command) -> Result<()> {
    match command {
        Command::Activate(arguments) => activate(settings, arguments).await,
        Command::Shadow(arguments) => try_out(settings, "shadow", arguments).await,
        Command::Canary(arguments) => try_out(settings, "canary", arguments).await,
        Command::Promote(arguments) => switch(settings, "promote", arguments).await,
        Command::Rollback(arguments) => switch(settings, "rollback", arguments).await,
        Command::Quarantine(arguments) => {
            let (how, body) = (arguments.how(), json!({ "reason": arguments.reason }));
            withdraw(settings, "quarantine", &arguments.version, (how, body)).await
        }
        Command::Retire(arguments) => {
            let body = arguments
                .slot
                .as_ref()
                .map_or_else(|| json!({}), |slot| json!({ "slot": slot }));
            withdraw(
                settings,
                "retire",
                &arguments.version,
                (arguments.how, body),
            )
            .await
        }
    }
}

async fn activate(settings: &Settings, arguments: ActivateArguments) -> Result<()> {
    let remote = Remote::open(settings, &arguments.how.remote)?;
    let listing = remote.listing().await?;
    let path = listing.find_version(&arguments.version)?.path();
    let mut body = json!({ "slot": arguments.slot, "force": arguments.force });
    if let Some(place) = arguments.place {
        body["place"] = place.into();
    }
    arguments.outfit.put_into(&mut body);
    let path = format!("{path}/activate");
    let moved: MovedLine = arguments.how.post(&remote, &path, body).await?;
    follow(&remote, &moved).await
}

async fn try_out(settings: &Settings, verb: &str, arguments: TrialArguments) -> Result<()> {
    let remote = Remote::open(settings, &arguments.how.remote)?;
    let listing = remote.listing().await?;
    let path = listing.find_version(&arguments.version)?.path();
    let mut body = json!({ "slot": arguments.slot });
    if let Some(share) = arguments.share {
        body["share"] = share.get().into();
    }
    arguments.outfit.put_into(&mut body);
    let path = format!("{path}/{verb}");
    let moved: MovedLine = arguments.how.post(&remote, &path, body).await?;
    follow(&remote, &moved).await
}

/// The slot itself says which version is meant: the one on trial, or the one that serves.
async fn switch(settings: &Settings, verb: &str, arguments: SwitchArguments) -> Result<()> {
    let remote = Remote::open(settings, &arguments.how.remote)?;
    let listing = remote.listing().await?;
    let slot = listing.find_slot(arguments.slot.as_str())?;
    let digest = match verb {
        "promote" => {
            let candidate = slot.candidate.as_ref();
            &candidate
                .with_context(|| format!("nothing is on trial in slot `{}`", slot.slot))?
                .activation
                .plugin_digest
        }
        _ => &slot.serving.plugin_digest,
    };
    let path = version_path(&listing, slot, digest)?;
    let body = json!({ "slot": arguments.slot, "force": arguments.force });
    let moved: MovedLine = arguments
        .how
        .post(&remote, &format!("{path}/{verb}"), body)
        .await?;
    follow(&remote, &moved).await
}

/// The address of a version that a slot names.
pub(super) fn version_path(listing: &Listing, slot: &SlotLine, digest: &str) -> Result<String> {
    let line = listing.versions.iter().find(|line| line.digest == *digest);
    let line = line.with_context(|| {
        format!(
            "slot `{}` names version `{digest}`, which is not stored: upload it again",
            slot.slot
        )
    })?;
    Ok(line.path())
}

/// What is left after a version was taken out.
#[derive(Deserialize)]
struct Withdrawn {
    version: PluginVersion,
    slots: Vec<SlotLine>,
    removed: Vec<String>,
    events: Vec<PluginEvent>,
}

async fn withdraw(
    settings: &Settings,
    verb: &str,
    wanted: &str,
    (how, body): (How, Value),
) -> Result<()> {
    let remote = Remote::open(settings, &how.remote)?;
    let listing = remote.listing().await?;
    let path = format!("{}/{verb}", listing.find_version(wanted)?.path());
    let done: Withdrawn = how.post(&remote, &path, body).await?;
    let version = &done.version;
    write::line(&format!(
        "`{}` {} is {} after {} event(s)",
        version.name,
        version.digest.short(),
        version.state.as_str(),
        done.events.len()
    ));
    for slot in &done.slots {
        write::line(&format!(
            "  slot `{}` serves `{}` {}, generation {}",
            slot.slot,
            slot.serving.plugin,
            &slot.serving.plugin_digest[..12],
            slot.generation
        ));
    }
    for slot in &done.removed {
        write::line(&format!("  slot `{slot}` is no more"));
    }
    Ok(())
}

impl QuarantineArguments {
    fn how(&self) -> How {
        How {
            remote: self.remote.clone(),
            reason: None,
            if_match: None,
        }
    }
}

impl How {
    async fn post<T: DeserializeOwned>(
        self,
        remote: &Remote,
        path: &str,
        mut body: Value,
    ) -> Result<T> {
        if let Some(reason) = self.reason {
            body["reason"] = reason.into();
        }
        let mut request = remote.request(Method::POST, path)?.json(&body);
        if let Some(generation) = self.if_match {
            request = request.header("if-match", format!("\"{generation}\""));
        }
        remote.send(request).await
    }
}

impl Outfit {
    fn put_into(&self, body: &mut Value) {
        if let Some(artifact) = self.artifact {
            body["artifact_digest"] = artifact.to_string().into();
        }
        if !self.config.is_empty() {
            body["config"] = json!(self.config);
        }
    }
}

/// `10%` or `0.1`.
pub(super) fn parse_share(text: &str) -> Result<Share> {
    let (digits, whole) = text
        .strip_suffix('%')
        .map_or((text, 1.0), |digits| (digits, 100.0));
    let number: f64 = digits
        .trim()
        .parse()
        .with_context(|| format!("`{text}` is not a share such as 10% or 0.1"))?;
    Ok(Share::new(number / whole)?)
}

/// `key=value`.
pub(super) fn parse_config(text: &str) -> Result<Attribute> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok(Attribute {
            key: key.to_owned(),
            value: value.to_owned(),
        }),
        _ => bail!("`{text}` is not a pair such as kind=clinical"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_written_in_percent_or_as_a_part() {
        for text in ["10%", "0.1", "10 %"] {
            let share = parse_share(text).unwrap().get();
            assert!((share - 0.1).abs() < 1e-12, "{text}");
        }
        for text in ["", "ten", "0%", "101%", "10"] {
            assert!(parse_share(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pair_has_a_key() {
        assert_eq!(parse_config("a=b=c").unwrap().value, "b=c");
        assert!(parse_config("=b").is_err());
        assert!(parse_config("a").is_err());
    }
}
