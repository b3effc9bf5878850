//! The first start: folders, built-in slots, bundled corpus. Every later start finds them made.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use phagen_blob::Blobs;
use phagen_domain::{
    artifact::{ArtifactRecord, LinearReranker},
    clock::Clock,
    digest::Digest,
    plugin::{Activation, Cause, Slot, SlotName, Verb, VersionState, World},
};
use phagen_package::Package;
use phagen_store::{NewVersion, SlotMove, Store, StoreError};

use crate::fleet::{self, BuiltIns};

/// Name under which the reranker's own weights are listed.
pub const DEFAULT_ARTIFACT: &str = "reranker-default";

/// The plugins that come with the host, source first.
const BUILT_IN: [(&str, World); 3] = [
    ("corpus-source", World::Source),
    ("mesh-mapper", World::Mapper),
    ("evidence-reranker", World::Reranker),
];

/// Slots of the one corpus source, each for one kind of evidence.
const SOURCE_SLOTS: [&str; 5] = ["clinical", "literature", "regulatory", "patent", "market"];

/// Makes the data folder, readable by its owner alone: it will hold what users ask about.
pub fn prepare_data_dir(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir)
        .with_context(|| format!("cannot create the data folder `{}`", dir.display()))?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).with_context(|| {
        format!(
            "cannot restrict the data folder `{}` to its owner",
            dir.display()
        )
    })
}

/// The share folder: the one set, else `share` beside the binary.
pub fn find_share_dir(set: Option<&Path>) -> Result<PathBuf> {
    let folder = if let Some(folder) = set {
        folder.to_path_buf()
    } else {
        let binary = std::env::current_exe().context("cannot tell where this binary lies")?;
        binary.parent().unwrap_or(Path::new(".")).join("share")
    };
    if !folder.join("plugin").is_dir() {
        bail!(
            "the share folder `{}` holds no built plugins\nhelp: run `cargo xtask guests`, or name another folder in `share_dir` (`PHAGEN_SHARE_DIR`)",
            folder.display()
        );
    }
    Ok(folder)
}

/// Stores the built-in plugins and artifacts, seeds the slots that do not exist, and moves those
/// that still serve a built-in plugin to it as it is built now, unless an operator quarantined it.
/// Returns the built-in ones.
pub async fn seed_slots(
    store: &dyn Store,
    blobs: &Blobs,
    share: &Path,
    clock: &dyn Clock,
) -> Result<BuiltIns> {
    let artifact = store_artifact(store, blobs, share, clock).await?;
    let components = store_components(store, blobs, share).await?;
    let slots = built_in_slots(&components, artifact)?;
    let built_ins = BuiltIns::of(&slots);
    store
        .seed_slots(&slots)
        .await
        .context("cannot seed the built-in slots")?;
    let serving = store.list_slots().await?;
    let artifacts = store.list_artifacts().await?;
    for slot in slots {
        let Some(now) = serving.iter().find(|now| now.name == slot.name) else {
            continue;
        };
        if let Some(mut change) = follow(store, now, slot.serving).await? {
            // A promoted artifact stays; only yesterday's default gives way to today's.
            let record = artifacts
                .iter()
                .find(|record| Some(record.digest) == now.serving.artifact_digest);
            if record.is_none_or(|record| record.name != DEFAULT_ARTIFACT) {
                change.to.serving.artifact_digest = now.serving.artifact_digest;
            }
            match store.move_slot(&change).await {
                // An operator took today's build out, and a restart does not bring it back.
                Err(StoreError::VersionMayNotServe { digest, .. }) => tracing::warn!(
                    slot = %now.name, %digest,
                    "slot `{}` stays with what it serves: the built-in plugin as it is built now is quarantined",
                    now.name
                ),
                moved => drop(moved.with_context(|| format!("cannot update slot `{}`", now.name))?),
            }
        }
    }
    Ok(built_ins)
}

/// The move that brings a slot to today's built-in, unless it is there or serves something else.
async fn follow(store: &dyn Store, now: &Slot, built_in: Activation) -> Result<Option<SlotMove>> {
    let is_current = now.serving.plugin_digest == built_in.plugin_digest;
    if is_current || now.serving.plugin != built_in.plugin {
        return Ok(None);
    }
    // A database from before versions were recorded knows only the name.
    let version = store.find_version(now.serving.plugin_digest).await?;
    if version.is_some_and(|version| !version.built_in) {
        return Ok(None);
    }
    Ok(Some(SlotMove {
        expected: Some(now.generation),
        digest: built_in.plugin_digest,
        to: Slot {
            serving: built_in,
            ..now.clone()
        },
        cause: Cause::host(Verb::Seed, "the built-in plugin was built anew"),
        key: None,
        admits_quarantined: false,
    }))
}

/// Digests of the built-in components, by the name of their plugin.
type Components = BTreeMap<&'static str, Digest>;

async fn store_components(store: &dyn Store, blobs: &Blobs, share: &Path) -> Result<Components> {
    let mut components = Components::new();
    for (plugin, world) in BUILT_IN {
        let bytes = read(&share.join("plugin").join(format!("{plugin}.wasm")))?;
        let package = Package::read(&bytes)
            .with_context(|| format!("the built-in plugin `{plugin}` cannot be read"))?;
        let (digest, size_bytes) = (package.digest, package.size_bytes);
        let is_known = store.find_version(digest).await?.is_some();
        keep(blobs, bytes, is_known).await?;
        let version = NewVersion {
            digest,
            name: plugin.parse()?,
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            world,
            size_bytes,
            minisig: None,
            manifest: package.manifest,
            built_in: true,
            state: VersionState::Checked,
        };
        let cause = Cause::host(Verb::Seed, "came with the host itself");
        store
            .record_version(&version, &cause)
            .await
            .with_context(|| format!("cannot record the built-in plugin `{plugin}`"))?;
        components.insert(plugin, digest);
    }
    Ok(components)
}

/// Stores what comes with the host. While the object store does not answer, what it was given at an
/// earlier start is kept on this machine alone: that it has a row says that it was given.
async fn keep(blobs: &Blobs, bytes: Vec<u8>, is_known: bool) -> Result<Digest> {
    match blobs.put(bytes.clone()).await {
        Err(error) if error.is_retriable() && is_known => Ok(blobs.put_here(bytes).await?),
        put => Ok(put?),
    }
}

async fn store_artifact(
    store: &dyn Store,
    blobs: &Blobs,
    share: &Path,
    clock: &dyn Clock,
) -> Result<Digest> {
    let bytes = read(&share.join("artifact").join("evidence-reranker.json"))?;
    let size_bytes = bytes.len() as u64;
    let records = store.list_artifacts().await?;
    let given = Digest::of(&bytes);
    let is_known = records.iter().any(|record| record.digest == given);
    let digest = keep(blobs, bytes, is_known).await?;
    let record = ArtifactRecord {
        digest,
        name: DEFAULT_ARTIFACT.to_owned(),
        format: LinearReranker::FORMAT.to_owned(),
        size_bytes,
        created_at: clock.now(),
    };
    if !is_known {
        store.record_artifact(&record, Cause::HOST).await?;
    }
    Ok(digest)
}

fn built_in_slots(components: &Components, artifact: Digest) -> Result<Vec<Slot>> {
    let slot = |name: &str, (plugin, world): (&'static str, World)| -> Result<Slot> {
        let name: SlotName = name.parse()?;
        let plugin = (plugin, components[plugin]);
        Ok(Slot {
            serving: fleet::activation(&name, world, plugin, Some(artifact)),
            name,
            world,
            place: 0,
            previous: None,
            candidate: None,
            generation: 1,
        })
    };
    let [source, mapper, reranker] = BUILT_IN;
    SOURCE_SLOTS
        .map(|kind| (kind, source))
        .into_iter()
        .chain([("mapper", mapper), ("reranker", reranker)])
        .map(|(name, plugin)| slot(name, plugin))
        .collect()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| {
        format!(
            "cannot read `{}`: run `cargo xtask guests` to lay out the share folder",
            path.display()
        )
    })
}

/// Corpus files of the share folder, in the order of their names.
pub fn bundled_files(share: &Path) -> Result<Vec<PathBuf>> {
    let folder = share.join("corpus");
    let mut files = fs::read_dir(&folder)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|e| e.path()))
                .collect::<io::Result<Vec<_>>>()
        })
        .with_context(|| format!("cannot read the bundled corpus in `{}`", folder.display()))?;
    files.retain(|path| path.to_string_lossy().ends_with(".jsonl.gz"));
    files.sort();
    Ok(files)
}
