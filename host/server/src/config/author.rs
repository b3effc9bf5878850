//! Where the commands of plugin authors keep what they need more than once.

use std::path::PathBuf;

use serde::Deserialize;

/// Folders of whoever writes plugins; no host uses them.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthorSettings {
    /// Machine code and toolchains; none: `phagen` in the user's cache folder.
    pub cache_dir: Option<PathBuf>,
    /// Toolchains of Python and JavaScript; none: `toolchain` in `cache_dir`.
    pub toolchain_dir: Option<PathBuf>,
}

impl AuthorSettings {
    pub fn cache_dir(&self) -> PathBuf {
        self.cache_dir.clone().unwrap_or_else(user_cache_dir)
    }

    pub fn toolchain_dir(&self) -> PathBuf {
        let own = || self.cache_dir().join("toolchain");
        self.toolchain_dir.clone().unwrap_or_else(own)
    }
}

/// As the XDG rules have it; below the system's folder for what may vanish where there is no home.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the place that reads the environment"
)]
fn user_cache_dir() -> PathBuf {
    let named = |key: &str| std::env::var(key).ok().filter(|path| path.starts_with('/'));
    let cache = named("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| named("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(std::env::temp_dir);
    cache.join("phagen")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toolchains_lie_in_the_cache_unless_they_are_put_elsewhere() {
        let mut settings = AuthorSettings::default();
        assert!(settings.cache_dir().ends_with("phagen"));
        settings.cache_dir = Some("/c".into());
        assert_eq!(settings.toolchain_dir(), PathBuf::from("/c/toolchain"));
        settings.toolchain_dir = Some("/t".into());
        assert_eq!(settings.toolchain_dir(), PathBuf::from("/t"));
    }
}
