//! Uploaded versions through their gates: verified → compiled → checked, or rejected with what to
//! mend. Any process that shares the database may take the next one; a version whose gate died with
//! its process is taken up again by another.

mod gate;

use std::{sync::Arc, time::Duration};

use phagen_domain::plugin::{Cause, PluginVersion, Verb, VersionState};
use phagen_store::{StoreError, VersionMove};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::house::House;
use gate::Passage;

/// How long a gate may take before another process may try: a compilation's limit and a check's.
const LEASE: Duration = Duration::from_mins(3);

/// How often uploads of other processes are looked for.
const POLL: Duration = Duration::from_millis(500);

/// Takes versions through their gates until shutdown.
pub async fn run(house: Arc<House>, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        match step(&house).await {
            Ok(true) => {}
            Ok(false) => rest(&house, &shutdown).await,
            Err(error) => {
                error!(%error, "cannot take a plugin through its gates; tries again");
                rest(&house, &shutdown).await;
            }
        }
    }
}

async fn rest(house: &House, shutdown: &CancellationToken) {
    tokio::select! {
        () = house.uploads.notified() => {}
        () = tokio::time::sleep(POLL) => {}
        () = shutdown.cancelled() => {}
    }
}

/// One gate of one version; false when none waits.
async fn step(house: &Arc<House>) -> Result<bool, StoreError> {
    let Some(version) = house.store.claim_version(LEASE).await? else {
        return Ok(false);
    };
    let (name, digest) = (version.name.clone(), version.digest.short());
    let from = version.state;
    let passage = match gate::pass(house, &version).await {
        Ok(passage) => passage,
        Err(error) => {
            warn!(plugin = %name, digest, %error, "`{name}` {digest} cannot be judged for now; tried again in {} seconds: {error}", LEASE.as_secs());
            return Ok(false);
        }
    };
    let change = movement(&version, passage);
    let (to, reason) = (change.to, change.cause.reason.clone().unwrap_or_default());
    match house.store.move_version(&change).await {
        Ok(_) => {}
        // Another process took it up after this one's hold ran out.
        Err(StoreError::VersionMoved { .. }) => return Ok(true),
        Err(error) => return Err(error),
    }
    if to == VersionState::Rejected {
        warn!(plugin = %name, digest, "`{name}` {digest} is rejected after `{}`: {reason}", from.as_str());
    } else {
        info!(plugin = %name, digest, "`{name}` {digest} is {} now", to.as_str());
    }
    Ok(true)
}

fn movement(version: &PluginVersion, passage: Passage) -> VersionMove {
    let (verb, next) = match version.state {
        VersionState::Uploaded => (Verb::Verify, VersionState::Verified),
        VersionState::Verified => (Verb::Compile, VersionState::Compiled),
        _ => (Verb::Check, VersionState::Checked),
    };
    let failure = (!passage.report.passed).then(|| passage.report.notes.last().cloned());
    let (verb, to) = match failure {
        Some(_) => (Verb::Reject, VersionState::Rejected),
        None => (verb, next),
    };
    VersionMove {
        digest: version.digest,
        from: version.state,
        to,
        gate: Some(passage.report),
        signature: passage.signature,
        cause: Cause {
            verb,
            actor: Cause::HOST.to_owned(),
            reason: failure.flatten(),
        },
    }
}
