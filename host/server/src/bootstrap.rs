//! The first start: folders, built-in slots, bundled corpus. Every later start finds them made.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use phagen_blob::BlobFolder;
use phagen_domain::{
    artifact::{ArtifactRecord, LinearReranker},
    clock::Clock,
    digest::Digest,
    evidence::Attribute,
    plugin::{Grant, Slot, World},
};
use phagen_store::Store;

/// Name under which the reranker's own weights are listed.
pub const DEFAULT_ARTIFACT: &str = "reranker-default";

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
/// that do to the plugins as they are built now.
pub async fn seed_slots(
    store: &dyn Store,
    blobs: &BlobFolder,
    share: &Path,
    clock: &dyn Clock,
) -> Result<()> {
    let artifact = store_artifact(store, blobs, share, clock).await?;
    let slots = built_in_slots(blobs, share, artifact)?;
    store
        .seed_slots(&slots)
        .await
        .context("cannot seed the built-in slots")?;
    let serving = store.list_slots().await?;
    let artifacts = store.list_artifacts().await?;
    for mut slot in slots {
        let Some(now) = serving.iter().find(|now| now.name == slot.name) else {
            continue;
        };
        if now.plugin_digest == slot.plugin_digest && now.artifact_digest == slot.artifact_digest {
            continue;
        }
        // A promoted artifact stays; only yesterday's default gives way to today's.
        let record = artifacts
            .iter()
            .find(|record| Some(record.digest) == now.artifact_digest);
        if record.is_none_or(|record| record.name != DEFAULT_ARTIFACT) {
            slot.artifact_digest = now.artifact_digest;
        }
        store
            .update_builtin(&slot)
            .await
            .with_context(|| format!("cannot update slot `{}`", slot.name))?;
    }
    Ok(())
}

async fn store_artifact(
    store: &dyn Store,
    blobs: &BlobFolder,
    share: &Path,
    clock: &dyn Clock,
) -> Result<Digest> {
    let bytes = read(&share.join("artifact").join("evidence-reranker.json"))?;
    let digest = blobs.put(&bytes)?;
    let record = ArtifactRecord {
        digest,
        name: DEFAULT_ARTIFACT.to_owned(),
        format: LinearReranker::FORMAT.to_owned(),
        size_bytes: bytes.len() as u64,
        created_at: clock.now(),
    };
    store.record_artifact(&record).await?;
    Ok(digest)
}

fn built_in_slots(blobs: &BlobFolder, share: &Path, artifact: Digest) -> Result<Vec<Slot>> {
    let component = |plugin: &str| -> Result<Digest> {
        Ok(blobs.put(&read(&share.join("plugin").join(format!("{plugin}.wasm")))?)?)
    };
    let slot = |name: &str, world, plugin: &str, plugin_digest| -> Result<Slot> {
        Ok(Slot {
            name: name.parse()?,
            world,
            plugin: plugin.to_owned(),
            plugin_digest,
            artifact_digest: None,
            config: Vec::new(),
            grant: Grant::default(),
            generation: 1,
        })
    };
    let source = component("corpus-source")?;
    let mut slots = Vec::new();
    for kind in SOURCE_SLOTS {
        let config = vec![Attribute {
            key: "kind".to_owned(),
            value: kind.to_owned(),
        }];
        let grant = Grant {
            corpus: true,
            artifact: false,
        };
        slots.push(Slot {
            config,
            grant,
            ..slot(kind, World::Source, "corpus-source", source)?
        });
    }
    slots.push(slot(
        "mapper",
        World::Mapper,
        "mesh-mapper",
        component("mesh-mapper")?,
    )?);
    slots.push(Slot {
        artifact_digest: Some(artifact),
        grant: Grant {
            corpus: false,
            artifact: true,
        },
        ..slot(
            "reranker",
            World::Reranker,
            "evidence-reranker",
            component("evidence-reranker")?,
        )?
    });
    Ok(slots)
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
