//! `phagen train reranker`

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use phagen_domain::artifact::{ArtifactRecord, LinearReranker, RankingQuality};
use phagen_model::{Trained, TrainingSettings};
use tokio_util::sync::CancellationToken;

use super::{reranker, stop, write};
use crate::{config::Settings, house::House};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Fit the linear reranker to the votes; it serves after `phagen model promote`.
    Reranker {
        /// Decides the order of the batches; the same seed on the same votes gives the same weights.
        #[arg(long, default_value_t = TrainingSettings::default().seed)]
        seed: u64,
        /// Passes over the training votes.
        #[arg(long, default_value_t = TrainingSettings::default().n_epochs)]
        epochs: usize,
    },
}

pub(super) async fn run(settings: Settings, command: Command) -> Result<ExitCode> {
    let Command::Reranker { seed, epochs } = command;
    let house = House::open(settings).await?;
    let slot = reranker::slot(&house).await?;
    let current = reranker::serving(&house, &slot).await?;
    let votes = house.store.list_feedback().await?;
    let training = TrainingSettings {
        seed,
        n_epochs: epochs,
        ..TrainingSettings::default()
    };
    let shutdown = CancellationToken::new();
    stop::listen(&shutdown)?;
    let stop = shutdown.clone();
    let plugin_digest = slot.serving.plugin_digest;
    let trained = tokio::task::spawn_blocking(move || {
        let bar = progress_bar(epochs)?;
        let trained = phagen_model::train_reranker(
            &votes,
            &current,
            plugin_digest,
            &training,
            &mut |at| {
                bar.set_position(at.epoch as u64);
                bar.set_message(format!("loss {:.4}", at.loss));
            },
            &|| stop.is_cancelled(),
        );
        bar.finish_and_clear();
        anyhow::Ok(trained?)
    })
    .await??;
    shutdown.cancel();
    store(&house, &trained).await?;
    describe(&trained);
    Ok(ExitCode::SUCCESS)
}

fn progress_bar(n_epochs: usize) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("epoch {pos}/{len} {wide_bar} {msg}")?;
    Ok(ProgressBar::new(n_epochs as u64).with_style(style))
}

async fn store(house: &House, trained: &Trained) -> Result<()> {
    let digest = house.blobs.put(trained.bytes.clone()).await?;
    let now = house.clock.now();
    let record = ArtifactRecord {
        digest,
        name: format!(
            "reranker-{}-{}",
            now.format("%Y%m%d-%H%M%S"),
            digest.short()
        ),
        format: LinearReranker::FORMAT.to_owned(),
        size_bytes: trained.bytes.len() as u64,
        created_at: now,
    };
    house.store.record_artifact(&record).await?;
    Ok(())
}

fn describe(trained: &Trained) {
    let digest = trained.digest.short();
    let usage = &trained.usage;
    write::line(&format!(
        "{} votes: {} used, {} flags, {} on other features; {} pieces of evidence tied",
        usage.n_votes, usage.n_used, usage.n_flags, usage.n_other_features, usage.n_tied_evidence
    ));
    let Some(record) = &trained.artifact.training else {
        return;
    };
    write::line(&format!(
        "trained on {} pairs of {} molecules, {} held out; seed {}\nartifact {digest}",
        record.n_pairs, record.n_train_queries, record.n_held_out_queries, record.seed
    ));
    write::line(&quality("serving until now", record.baseline));
    write::line(&quality("trained", record.trained));
    write::line(&format!("next: phagen model promote {digest}"));
}

fn quality(name: &str, quality: Option<RankingQuality>) -> String {
    match quality {
        Some(quality) => format!(
            "  {name:<18} nDCG@10 {:.4}   pair accuracy {:.4}   (held-out molecules)",
            quality.ndcg_at_10, quality.pair_accuracy
        ),
        None => format!(
            "  {name:<18} not evaluated: no held-out molecule has both an upvote and a downvote"
        ),
    }
}
