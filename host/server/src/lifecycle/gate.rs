//! What each gate looks at. A gate answers with a report in any case: its last note says what to
//! mend when it does not pass.

use std::{sync::Arc, time::Instant};

use phagen_blob::BlobError;
use phagen_domain::{
    digest::Digest,
    plugin::{
        Activation, Gate, GateReport, Grant, PluginVersion, Signature, SlotName, VersionState,
    },
};
use phagen_package::check_signature;
use phagen_plugin::{ActiveSlot, PluginError};
use phagen_store::StoreError;

use crate::{config::SignaturePolicy, house::House};

/// What came of one gate.
pub(super) struct Passage {
    pub report: GateReport,
    /// What is known of the signature now, if the gate looked at it.
    pub signature: Option<Signature>,
}

/// Why a version may not go on.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Plugin(#[from] PluginError),
    #[error("{0}")]
    Other(String),
    /// Its bytes cannot be had for now, which says nothing of it.
    #[error(transparent)]
    Later(BlobError),
}

type Notes = Vec<String>;

/// Runs the gate that `version` waits for. Fails only when it cannot be judged for now.
pub(super) async fn pass(
    house: &Arc<House>,
    version: &PluginVersion,
) -> Result<Passage, BlobError> {
    let begun = Instant::now();
    let mut signature = None;
    let (gate, outcome) = match version.state {
        VersionState::Uploaded => {
            let (found, outcome) = verify(house, version).await;
            signature = found;
            (Gate::Verify, outcome)
        }
        VersionState::Verified => (Gate::Compile, compile(house, version).await),
        _ => (Gate::Check, check(house, version).await),
    };
    let (passed, notes) = match outcome {
        Ok(notes) => (true, notes),
        Err(Refused::Later(error)) => return Err(error),
        Err(refused) => (false, vec![told(&refused)]),
    };
    Ok(Passage {
        report: GateReport {
            gate,
            passed,
            milliseconds: begun.elapsed().as_secs_f64() * 1_000.0,
            notes,
        },
        signature,
    })
}

/// A failure with its code, as programs and people look for it.
fn told(refused: &Refused) -> String {
    match refused {
        Refused::Plugin(error) => format!("{error} (`{}`)", error.code()),
        Refused::Other(words) => words.clone(),
        Refused::Later(error) => error.to_string(),
    }
}

async fn verify(
    house: &Arc<House>,
    version: &PluginVersion,
) -> (Option<Signature>, Result<Notes, Refused>) {
    let bytes = match bytes(house, version.digest).await {
        Ok(bytes) => bytes,
        Err(refused) => return (None, Err(refused)),
    };
    let signature = match signature(house, version, &bytes).await {
        Ok(signature) => signature,
        Err(error) => return (None, Err(Refused::Other(error.to_string()))),
    };
    let trust = trust(house.settings.plugin.signature.default, &signature);
    let host = Arc::clone(&house.plugins);
    let verified = tokio::task::spawn_blocking(move || host.verify(&bytes)).await;
    let outcome = match (verified, trust) {
        (Ok(Ok(verified)), Ok(trust)) => {
            let mut notes = verified.notes;
            notes.push(trust);
            Ok(notes)
        }
        (Ok(Err(error)), _) => Err(Refused::Plugin(error)),
        (_, Err(refused)) => Err(refused),
        (Err(_), _) => Err(interrupted()),
    };
    (Some(signature), outcome)
}

async fn signature(
    house: &House,
    version: &PluginVersion,
    bytes: &[u8],
) -> Result<Signature, StoreError> {
    let keys = house.store.list_publisher_keys().await?;
    let now = house.clock.now();
    Ok(check_signature(
        bytes,
        version.minisig.as_deref(),
        &keys,
        now,
    ))
}

/// What the operator's policy makes of a signature.
fn trust(policy: SignaturePolicy, signature: &Signature) -> Result<String, Refused> {
    let said = match signature {
        Signature::Verified { key } => return Ok(format!("signed by `{key}`")),
        Signature::NotSigned => "it is not signed".to_owned(),
        Signature::Failed { reason } => format!("its signature does not hold: {reason}"),
    };
    match (policy, signature) {
        (SignaturePolicy::Required, _) => Err(Refused::Other(format!(
            "{said}, and `plugin.signature` requires one: sign it with `phagen plugin sign`, and add the publisher's key with `phagen plugin trust add`"
        ))),
        // A signature that is there and wrong is worse than none.
        (SignaturePolicy::Warn, Signature::Failed { .. }) => Err(Refused::Other(said)),
        (SignaturePolicy::Warn, _) => Ok(format!("{said}; `plugin.signature` only warns")),
        (SignaturePolicy::Off, _) => Ok(format!("{said}; `plugin.signature` is off")),
    }
}

async fn compile(house: &Arc<House>, version: &PluginVersion) -> Result<Notes, Refused> {
    let bytes = bytes(house, version.digest).await?;
    let (host, world) = (Arc::clone(&house.plugins), version.world);
    let compiled = tokio::task::spawn_blocking(move || host.compile(world, &bytes))
        .await
        .map_err(|_| interrupted())??;
    Ok(vec![if compiled.was_cached {
        "machine code was in the cache".to_owned()
    } else {
        format!(
            "{} bytes of machine code in {:.0} ms",
            compiled.machine_code_bytes, compiled.milliseconds
        )
    }])
}

/// Runs it for the first time: its self-test and its golden cases, in two instances.
async fn check(house: &Arc<House>, version: &PluginVersion) -> Result<Notes, Refused> {
    let bytes = bytes(house, version.digest).await?;
    let (host, world) = (Arc::clone(&house.plugins), version.world);
    let (plugin, golden) = tokio::task::spawn_blocking(move || {
        let plugin = host.load(world, &bytes)?;
        let golden = phagen_package::Package::read(&bytes)
            .map_err(|error| Refused::Other(error.to_string()))?
            .golden;
        Ok::<_, Refused>((plugin, golden))
    })
    .await
    .map_err(|_| interrupted())??;
    let activation = Activation {
        plugin: version.name.to_string(),
        plugin_digest: version.digest,
        artifact_digest: None,
        config: Vec::new(),
        grant: plugin
            .manifest()
            .map_or_else(Grant::default, |manifest| manifest.grant.clone()),
    };
    let slot = ActiveSlot::new(check_slot(), 0, activation, plugin, None);
    let as_of = house.clock.now().date_naive();
    let report = house.plugins.check(slot, golden.as_ref(), as_of).await?;
    Ok(report.notes)
}

/// Where a version runs before it has a slot.
fn check_slot() -> SlotName {
    "check".parse().expect("a literal slot name")
}

async fn bytes(house: &Arc<House>, digest: Digest) -> Result<Vec<u8>, Refused> {
    let read = house.blobs.get(&digest).await.map_err(|error| {
        if error.is_retriable() {
            Refused::Later(error)
        } else {
            Refused::Other(error.to_string())
        }
    })?;
    read.ok_or_else(|| {
        Refused::Other(format!(
            "component `{digest}` is not among the stored blobs: upload it again"
        ))
    })
}

fn interrupted() -> Refused {
    Refused::Other("the gate was interrupted: upload it again".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use SignaturePolicy::{Off, Required, Warn};

    #[test]
    fn the_policy_decides_what_a_signature_is_worth() {
        let verified = Signature::Verified {
            key: "alice".to_owned(),
        };
        let failed = Signature::Failed {
            reason: "of another file".to_owned(),
        };
        for (policy, signature, passes) in [
            (Required, &verified, true),
            (Required, &Signature::NotSigned, false),
            (Required, &failed, false),
            (Warn, &Signature::NotSigned, true),
            (Warn, &failed, false),
            (Off, &Signature::NotSigned, true),
            (Off, &failed, true),
        ] {
            assert_eq!(
                trust(policy, signature).is_ok(),
                passes,
                "{policy:?} {signature:?}"
            );
        }
    }
}
