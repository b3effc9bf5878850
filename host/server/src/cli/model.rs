//! `phagen model promote|list|stats`

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use phagen_domain::{
    artifact::ArtifactRecord,
    plugin::{Cause, Slot, Verb},
};
use phagen_store::SlotMove;

use super::write;
use crate::{bootstrap::DEFAULT_ARTIFACT, config::Settings, house::House, training::serving};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make an artifact serve, once its plugin has accepted it.
    Promote {
        /// Its digest or name, or the beginning of either.
        artifact: String,
    },
    /// Every artifact with its evaluation; `*` marks the one that serves.
    List,
    /// Weight of each evidence kind, in the default and in the serving artifact, and the votes.
    Stats,
}

pub(super) async fn run(settings: Settings, command: Command) -> Result<()> {
    let house = House::open(settings).await?;
    match command {
        Command::Promote { artifact } => promote(&house, &artifact).await,
        Command::List => list(&house).await,
        Command::Stats => stats(&house).await,
    }
}

async fn promote(house: &House, wanted: &str) -> Result<()> {
    let record = find(&house.store.list_artifacts().await?, wanted)?;
    let slot = serving::slot(house).await?;
    check(house, &slot, &record).await?;
    let mut to = slot.clone();
    to.serving.artifact_digest = Some(record.digest);
    to.previous = Some(slot.serving.clone());
    let change = SlotMove {
        expected: Some(slot.generation),
        digest: slot.serving.plugin_digest,
        to,
        cause: Cause {
            verb: Verb::ChangeArtifact,
            actor: "command line".to_owned(),
            reason: Some(format!("artifact `{}` promoted", record.name)),
        },
        key: None,
        admits_quarantined: false,
    };
    let generation = house.store.move_slot(&change).await?.slot.generation;
    write::line(&format!(
        "`{}` ({}) serves in slot `{}` from generation {generation} on; jobs claimed from now on use it",
        record.name,
        record.digest.short(),
        slot.name
    ));
    Ok(())
}

/// The guest itself says whether it can serve with these weights.
async fn check(house: &House, slot: &Slot, record: &ArtifactRecord) -> Result<()> {
    let mut candidate = slot.serving.clone();
    candidate.artifact_digest = Some(record.digest);
    let loader = house.fleet.loader();
    let active = loader
        .load_apart(&slot.name, slot.world, &candidate)
        .await?;
    active
        .self_test(house.clock.now().date_naive())
        .await
        .with_context(|| {
            format!(
                "plugin `{}` does not accept artifact `{}`",
                slot.serving.plugin, record.name
            )
        })
}

fn find(records: &[ArtifactRecord], wanted: &str) -> Result<ArtifactRecord> {
    let matching: Vec<&ArtifactRecord> = records
        .iter()
        .filter(|record| {
            record.name.starts_with(wanted) || record.digest.to_string().starts_with(wanted)
        })
        .collect();
    match matching[..] {
        [record] => Ok(record.clone()),
        [] => bail!("no artifact is called `{wanted}`: see `phagen model list`"),
        _ => bail!(
            "`{wanted}` begins the name or digest of {} artifacts: write more of it",
            matching.len()
        ),
    }
}

async fn list(house: &House) -> Result<()> {
    let now = serving::slot(house).await?.serving.artifact_digest;
    write::line(&format!(
        "  {:<13} {:<44} {:>8} {:>14}",
        "digest", "name", "nDCG@10", "pair accuracy"
    ));
    for record in house.store.list_artifacts().await? {
        let artifact = serving::read(house, &record.digest).await?;
        let quality = artifact.training.and_then(|training| training.trained);
        let figure = |value: Option<f64>| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
        };
        write::line(&format!(
            "{} {:<13} {:<44} {:>8} {:>14}",
            if now == Some(record.digest) { "*" } else { " " },
            record.digest.short(),
            record.name,
            figure(quality.map(|q| q.ndcg_at_10)),
            figure(quality.map(|q| q.pair_accuracy)),
        ));
    }
    Ok(())
}

async fn stats(house: &House) -> Result<()> {
    let slot = serving::slot(house).await?;
    let records = house.store.list_artifacts().await?;
    let default = records
        .iter()
        .find(|record| record.name == DEFAULT_ARTIFACT)
        .with_context(|| format!("no artifact is called `{DEFAULT_ARTIFACT}`"))?;
    let (before, after) = (
        serving::read(house, &default.digest).await?,
        serving::artifact(house, &slot).await?,
    );
    write::line(&format!(
        "{:<14} {:>10} {:>10}",
        "evidence kind", "default", "serving"
    ));
    for weight in phagen_model::weights_by_kind(&before, &after) {
        write::line(&format!(
            "{:<14} {:>10.4} {:>10.4}",
            weight.kind, weight.before, weight.after
        ));
    }
    let votes = house.store.feedback_stats().await?;
    write::line(&format!(
        "\n{:<14} {:>8} {:>10} {:>6}",
        "votes", "upvotes", "downvotes", "flags"
    ));
    for (kind, counts) in &votes.by_kind {
        write::line(&format!(
            "{:<14} {:>8} {:>10} {:>6}",
            kind.as_str(),
            counts.upvotes,
            counts.downvotes,
            counts.flags
        ));
    }
    Ok(())
}
