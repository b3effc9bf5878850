//! Why something could not be done for an author.

use std::{io, path::PathBuf};

use phagen_package::PackageError;
use phagen_plugin::PluginError;

/// What was tried, on what, and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorError {
    #[error("cannot {what} `{path}`", path = path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error(
        "the share folder `{path}` has no `{part}`, which authors need; run `cargo xtask guests`, or name another folder in `share_dir`",
        path = path.display()
    )]
    NoKit { path: PathBuf, part: &'static str },
    #[error("`{path}` is there and not empty; name another folder with `--dir`, or empty it", path = path.display())]
    FolderInUse { path: PathBuf },
    #[error(
        "`{path}` holds no plugin: it has no `plugin.toml`; go into the plugin's folder, or make one with `phagen plugin new`",
        path = path.display()
    )]
    NoManifest { path: PathBuf },
    #[error(
        "`{path}` holds a `plugin.toml` but no code: expected `Cargo.toml` (Rust), `app.py` (Python), `app.js` or `app.ts` (JavaScript) beside it",
        path = path.display()
    )]
    NoCode { path: PathBuf },
    #[error("`{path}` is not a valid manifest", path = path.display())]
    Manifest { path: PathBuf, source: PackageError },
    #[error("in `{path}`: {message}", path = path.display())]
    Project { path: PathBuf, message: String },
    #[error("`{program}` cannot be run; {help}")]
    NoProgram {
        program: String,
        help: &'static str,
        source: io::Error,
    },
    #[error("{what} failed; {help}")]
    Build { what: String, help: String },
    #[error("`{path}` cannot be read as a plugin", path = path.display())]
    Component { path: PathBuf, source: PackageError },
    #[error("`{0}` is not built yet: run `phagen plugin build` first")]
    NotBuilt(String),
    #[error(transparent)]
    Plugin(#[from] PluginError),
    #[error(transparent)]
    Package(#[from] PackageError),
    #[error("`{0}` does not hold: {1}")]
    Signature(String, String),
    #[error("a thread that worked for this command broke down")]
    Interrupted,
    #[error("{0}")]
    Usage(String),
}

impl AuthorError {
    pub(super) fn file(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }
}
