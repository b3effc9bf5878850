//! What an installed `phagen` brings for authors, in its share folder: templates, SDKs, contract.

use std::path::{Path, PathBuf};

use phagen_domain::plugin::World;

use super::{AuthorError, Language};

/// The folders `template`, `sdk` and `wit` of a share folder.
#[derive(Debug, Clone)]
pub struct Kit {
    share: PathBuf,
}

impl Kit {
    /// The kit in a share folder, as `bootstrap::find_share_dir` finds it.
    pub fn open(share: &Path) -> Result<Self, AuthorError> {
        let share = share
            .canonicalize()
            .map_err(AuthorError::file("find", share))?;
        let missing = ["template", "sdk", "wit"]
            .into_iter()
            .find(|part| !share.join(part).is_dir());
        match missing {
            Some(part) => Err(AuthorError::NoKit { path: share, part }),
            None => Ok(Self { share }),
        }
    }

    pub fn template(&self, language: Language, world: World) -> PathBuf {
        self.share
            .join("template")
            .join(language.as_str())
            .join(world.as_str())
    }

    pub fn sdk(&self, language: Language) -> PathBuf {
        self.share.join("sdk").join(language.as_str())
    }

    /// Every version of the contract, for languages that are given it as text.
    pub fn contract(&self) -> PathBuf {
        self.share.join("wit")
    }
}
