//! `phagen train reranker`

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use phagen_domain::artifact::RankingQuality;
use phagen_model::{Trained, TrainingProgress, TrainingSettings};
use tokio_util::sync::CancellationToken;

use super::{stop, write};
use crate::{config::Settings, house::House, training};

/// Who trained, for the record of changes.
const ACTOR: &str = "command line";

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
    let begun = house.clock.now();
    let votes = house.store.list_feedback().await?;
    let settings = TrainingSettings {
        seed,
        n_epochs: epochs,
        ..TrainingSettings::default()
    };
    let shutdown = CancellationToken::new();
    stop::listen(&shutdown)?;
    let bar = progress_bar(epochs)?;
    let shown = bar.clone();
    let progress = move |at: &TrainingProgress| {
        shown.set_position(at.epoch as u64);
        shown.set_message(format!("loss {:.4}", at.loss));
    };
    let trained = training::train(&house, votes, settings, progress, shutdown.clone()).await;
    bar.finish_and_clear();
    let trained = trained?;
    shutdown.cancel();
    training::store(&house, &trained, begun, ACTOR).await?;
    describe(&trained);
    Ok(ExitCode::SUCCESS)
}

fn progress_bar(n_epochs: usize) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("epoch {pos}/{len} {wide_bar} {msg}")?;
    Ok(ProgressBar::new(n_epochs as u64).with_style(style))
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
