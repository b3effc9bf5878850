//! The languages that plugins are written in, and how a folder shows which one it is.

use std::path::Path;

/// A language with a template, an SDK and a way to build it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Rust,
    Python,
    Js,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::Rust, Self::Python, Self::Js];

    /// Its folder in `sdk/` and `template/`, and its word on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::Js => "js",
        }
    }

    /// By the file that the code begins in.
    pub(super) fn of_folder(folder: &Path) -> Option<Self> {
        let has = |name: &str| folder.join(name).is_file();
        if has("Cargo.toml") {
            Some(Self::Rust)
        } else if has("app.py") {
            Some(Self::Python)
        } else if ["app.js", "app.mjs", "app.ts"].into_iter().any(has) {
            Some(Self::Js)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_shows_its_language_by_its_first_file() {
        for (file, language) in [
            ("Cargo.toml", Language::Rust),
            ("app.py", Language::Python),
            ("app.ts", Language::Js),
        ] {
            let folder = tempfile::tempdir().unwrap();
            assert_eq!(Language::of_folder(folder.path()), None);
            std::fs::write(folder.path().join(file), "").unwrap();
            assert_eq!(Language::of_folder(folder.path()), Some(language));
        }
    }
}
