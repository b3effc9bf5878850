//! `phagen replay JOB`: the recorded calls of a job again, to the bit.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use phagen_domain::{
    job::{JobId, JobState},
    plugin::Activation,
};
use phagen_plugin::{ActiveSlot, RecordedCall, Recording, ReplayError, replay};

use super::write;
use crate::{config::Settings, house::House, recording};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A job that was submitted with `"record": true`, or analysed with `--record`.
    job: uuid::Uuid,
}

pub(super) async fn run(settings: Settings, arguments: Arguments) -> Result<ExitCode> {
    let house = House::open(settings).await?;
    let Recording { calls, n_dropped } = recording(&house, JobId(arguments.job)).await?;
    let (mut n_different, mut n_not_kept) = (0, 0);
    for call in &calls {
        let slot = slot(&house, call).await?;
        let told = match replay(&slot, call).await {
            Ok(()) => "same bits".to_owned(),
            Err(ReplayError::Different(difference)) => {
                n_different += 1;
                format!("DIFFERENT: {difference}")
            }
            Err(error @ ReplayError::NotKept { .. }) => {
                n_not_kept += 1;
                format!("NOT REPLAYED: {error}")
            }
        };
        write::line(&format!(
            "{:<12} {:<9} {:<13} {told}",
            call.slot.to_string(),
            call.world.as_str(),
            call.plugin_digest.short()
        ));
    }
    write::line(&format!(
        "{} calls replayed, {n_different} different",
        calls.len() - n_not_kept
    ));
    if n_dropped > 0 {
        write::line(&format!("{n_dropped} calls had no room in the recording"));
    }
    // What cannot be replayed is not proved.
    Ok(if n_different + n_not_kept == 0 && n_dropped == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn recording(house: &House, id: JobId) -> Result<Recording> {
    let job = house
        .store
        .find_job(id)
        .await?
        .with_context(|| format!("job `{id}` does not exist"))?;
    let JobState::Succeeded { result, .. } = job.state else {
        bail!("job `{id}` has no result to replay")
    };
    let digest = result.recording.with_context(|| {
        format!("job `{id}` was not recorded: submit it again with `\"record\": true`")
    })?;
    Ok(recording::read(&house.blobs, digest).await?)
}

/// The version of then with its artifact, whatever serves now.
async fn slot(house: &House, call: &RecordedCall) -> Result<ActiveSlot> {
    let activation = Activation {
        plugin: call.slot.to_string(),
        plugin_digest: call.plugin_digest,
        artifact_digest: call.artifact_digest,
        config: call.config.clone(),
        grant: call.grant.clone(),
    };
    let loader = house.fleet.loader();
    loader
        .load_apart(&call.slot, call.world, &activation)
        .await
        .with_context(|| format!("cannot replay the call of slot `{}`", call.slot))
}
