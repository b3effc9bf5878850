//! `phagen plugin dev`: every change of a folder is built, tested and swapped into a running host.
//! What does not pass is told, and what served before goes on serving.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use phagen_domain::{
    evidence::Attribute,
    plugin::{PluginEvent, SlotName, Verb},
};
use serde::Deserialize;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{build::make, next, trial::rehearse, workshop};
use crate::{
    author::{Outfit, Project, Snapshot, Subject, changed},
    cli::{
        plugin::{
            deploy::{self, Deployment},
            moves::parse_config,
            remote::{Remote, RemoteArguments},
        },
        stop, write,
    },
    config::Settings,
};

/// How often the folder is looked at, and the host asked whether it took the version back.
const POLL: Duration = Duration::from_millis(300);
/// An editor writes more than one file: what changed is read once nothing changes any more.
const SETTLED: Duration = Duration::from_millis(150);
/// Why, for the host's record.
const REASON: &str = "phagen plugin dev";

#[derive(clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Folder with plugin.toml.
    #[arg(default_value = ".")]
    dir: PathBuf,
    #[command(flatten)]
    remote: RemoteArguments,
    /// Where it shall serve; otherwise a slot of the plugin's own name, made when it is missing.
    #[arg(long)]
    slot: Option<SlotName>,
    /// Configuration; otherwise what serves in the slot now has. Once for each pair.
    #[arg(id = "with", long, value_name = "KEY=VALUE", value_parser = parse_config)]
    config: Vec<Attribute>,
    /// Grant the slot what the manifest asks for; places on this machine count too.
    #[arg(long)]
    grant_asked: bool,
}

pub(super) async fn run(settings: Settings, arguments: Arguments) -> Result<()> {
    let remote = Remote::open(&settings, &arguments.remote)?;
    // A host that is not there is told now, not after a minute of building.
    remote.listing().await?;
    let shutdown = CancellationToken::new();
    stop::listen(&shutdown)?;
    let mut watch = Watch {
        settings,
        arguments,
        remote,
        after: 0,
        slot: None,
    };
    watch.skip_events().await?;
    watch.run(&shutdown).await
}

struct Watch {
    settings: Settings,
    arguments: Arguments,
    remote: Remote,
    /// Events of the host that were looked at.
    after: u64,
    /// The slot that this command put something into.
    slot: Option<SlotName>,
}

#[derive(Deserialize)]
struct Events {
    items: Vec<PluginEvent>,
}

impl Watch {
    async fn run(&mut self, shutdown: &CancellationToken) -> Result<()> {
        let mut seen = self.settle().await?;
        self.round().await;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = sleep(POLL) => {}
            }
            self.tell_what_the_host_did().await;
            let now = self.snapshot()?;
            if let Some(path) = changed(&seen, &now) {
                write::line(&format!("\n{} changed", path.display()));
                seen = self.settle().await?;
                self.round().await;
            }
        }
        write::line("stopped; what serves goes on serving");
        if let Some(slot) = &self.slot {
            next(&[format!(
                "phagen plugin rollback --slot {slot}   (what served before)"
            )]);
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<Snapshot> {
        let dir = &self.arguments.dir;
        Snapshot::of(dir).with_context(|| format!("cannot watch `{}`", dir.display()))
    }

    /// The folder once it has come to rest.
    async fn settle(&self) -> Result<Snapshot> {
        let mut last = self.snapshot()?;
        loop {
            sleep(SETTLED).await;
            let now = self.snapshot()?;
            if now == last {
                return Ok(now);
            }
            last = now;
        }
    }

    /// One build on its way into the host. Whatever goes wrong is told, and the watch goes on.
    async fn round(&mut self) {
        match self.swap().await {
            Ok(slot) => {
                write::line(&format!(
                    "serving in slot `{slot}`; watching for changes (Ctrl-C ends)"
                ));
                self.slot = Some(slot);
            }
            Err(error) => {
                write::failure(&error);
                let kept = match &self.slot {
                    Some(slot) => format!("slot `{slot}` goes on with what served before"),
                    None => "nothing was changed on the host".to_owned(),
                };
                write::line(&format!(
                    "not swapped in: {kept}; watching for changes (Ctrl-C ends)"
                ));
            }
        }
    }

    async fn swap(&self) -> Result<SlotName> {
        let project = Project::open(&self.arguments.dir)?;
        let built = make(workshop(&self.settings)?, project.clone()).await?;
        let subject = Subject::open(&built.path)?;
        let outfit = Outfit {
            config: self.arguments.config.clone(),
            ..Outfit::default()
        };
        rehearse(&self.settings, &subject, &outfit).await?;
        let name = project.manifest.plugin.name.as_str();
        let slot = match &self.arguments.slot {
            Some(slot) => slot.clone(),
            None => name.parse()?,
        };
        let grant = self.arguments.grant_asked.then(|| {
            let mut grant = project.manifest.grant.clone();
            for place in &mut grant.http {
                place.private_addresses = true;
            }
            grant
        });
        let deployment = Deployment {
            file: built.path,
            slot: slot.clone(),
            config: self.arguments.config.clone(),
            grant,
            reason: REASON.to_owned(),
        };
        deploy::swap_in(&self.remote, deployment).await?;
        Ok(slot)
    }

    async fn events(&self) -> Result<Vec<PluginEvent>> {
        let page: Events = self
            .remote
            .get(&format!("/api/activations?after={}&limit=1000", self.after))
            .await?;
        Ok(page.items)
    }

    /// Only what happens from now on is news.
    async fn skip_events(&mut self) -> Result<()> {
        loop {
            let events = self.events().await?;
            match events.last() {
                Some(last) => self.after = last.seq,
                None => return Ok(()),
            }
        }
    }

    /// Says when the host took a version back by itself.
    async fn tell_what_the_host_did(&mut self) {
        // A host that is restarting is no reason to stop watching.
        let Ok(events) = self.events().await else {
            return;
        };
        for event in events {
            self.after = self.after.max(event.seq);
            let is_ours = event.slot.is_some() && event.slot == self.slot;
            let was_taken_back = matches!(event.cause.verb, Verb::Rollback | Verb::Quarantine);
            if is_ours && was_taken_back {
                write::line(&format!(
                    "the host did a {} of {}: {}",
                    event.cause.verb.as_str(),
                    event.digest.short(),
                    event
                        .cause
                        .reason
                        .as_deref()
                        .unwrap_or("no reason is known")
                ));
            }
        }
    }
}
