//! A plugin's folder: its manifest, its language, and where its component goes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use phagen_domain::plugin::Manifest;
use phagen_package::{Package, parse_manifest};

use super::{AuthorError, Language};

const MANIFEST: &str = "plugin.toml";

/// A folder with `plugin.toml` and code.
#[derive(Debug, Clone)]
pub struct Project {
    pub dir: PathBuf,
    pub manifest: Manifest,
    pub language: Language,
}

impl Project {
    pub fn open(dir: &Path) -> Result<Self, AuthorError> {
        let dir = dir.canonicalize().map_err(AuthorError::file("find", dir))?;
        let path = dir.join(MANIFEST);
        if !path.is_file() {
            return Err(AuthorError::NoManifest { path: dir });
        }
        let text = fs::read_to_string(&path).map_err(AuthorError::file("read", &path))?;
        let manifest =
            parse_manifest(&text).map_err(|source| AuthorError::Manifest { path, source })?;
        let language =
            Language::of_folder(&dir).ok_or_else(|| AuthorError::NoCode { path: dir.clone() })?;
        Ok(Self {
            dir,
            manifest,
            language,
        })
    }

    /// The project whose component `path` is; none of a component that lies elsewhere.
    pub fn of_component(path: &Path) -> Option<Self> {
        let path = path.canonicalize().ok()?;
        let project = Self::open(path.parent()?).ok()?;
        (project.component() == path).then_some(project)
    }

    /// Where `build` leaves the component.
    pub fn component(&self) -> PathBuf {
        self.dir.join(format!("{}.wasm", self.manifest.plugin.name))
    }

    /// The golden cases that the manifest names, as they are written.
    pub(super) fn cases(&self) -> Result<Option<Vec<u8>>, AuthorError> {
        let Some(name) = &self.manifest.self_test.cases else {
            return Ok(None);
        };
        let path = self.dir.join(name);
        fs::read(&path)
            .map(Some)
            .map_err(AuthorError::file("read the golden cases", path))
    }
}

/// A component that a command works on: a file, or what was built in a plugin's folder.
#[derive(Debug, Clone)]
pub struct Subject {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
    pub package: Package,
}

impl Subject {
    /// `path` is a component, or the folder of a plugin that was built.
    pub fn open(path: &Path) -> Result<Self, AuthorError> {
        let file = if path.is_dir() {
            let project = Project::open(path)?;
            let component = project.component();
            if !component.is_file() {
                return Err(AuthorError::NotBuilt(
                    project.manifest.plugin.name.to_string(),
                ));
            }
            component
        } else {
            path.to_path_buf()
        };
        let bytes = fs::read(&file).map_err(AuthorError::file("read", &file))?;
        Self::of(file, bytes)
    }

    pub(super) fn of(path: PathBuf, bytes: Vec<u8>) -> Result<Self, AuthorError> {
        match Package::read(&bytes) {
            Ok(package) => Ok(Self {
                path,
                bytes,
                package,
            }),
            Err(source) => Err(AuthorError::Component { path, source }),
        }
    }

    /// As its manifest calls it, else its file.
    pub fn name(&self) -> String {
        match &self.package.manifest {
            Some(manifest) => manifest.plugin.name.to_string(),
            None => self.path.file_stem().map_or_else(
                || "plugin".to_owned(),
                |stem| stem.to_string_lossy().into_owned(),
            ),
        }
    }

    /// Where its signature belongs.
    pub fn minisig(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".minisig");
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_no_plugin_is_told_apart_from_one_without_code() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = |folder: &Path| {
            let error = Project::open(folder).unwrap_err();
            format!("{:#}", anyhow::Error::new(error))
        };
        assert!(refusal(folder.path()).contains("no `plugin.toml`"));
        let manifest = folder.path().join(MANIFEST);
        fs::write(
            &manifest,
            "[plugin]\nname = \"a\"\nversion = \"1\"\nworld = \"mapper\"\n",
        )
        .unwrap();
        let wrong = refusal(folder.path());
        assert!(
            wrong.contains("plugin.toml") && wrong.contains("line 3"),
            "{wrong}"
        );
        fs::write(
            &manifest,
            "[plugin]\nname = \"a\"\nversion = \"1.0.0\"\nworld = \"mapper\"\n",
        )
        .unwrap();
        assert!(refusal(folder.path()).contains("no code"));
        fs::write(folder.path().join("app.py"), "").unwrap();
        let project = Project::open(folder.path()).unwrap();
        assert_eq!(project.component(), project.dir.join("a.wasm"));
        let refusal = Subject::open(folder.path()).unwrap_err().to_string();
        assert!(refusal.contains("not built yet"), "{refusal}");
        let [ours, other] = ["a.wasm", "b.wasm"].map(|name| folder.path().join(name));
        assert!(Project::of_component(&ours).is_none(), "it is not built");
        for path in [&ours, &other] {
            fs::write(path, "").unwrap();
        }
        assert_eq!(Project::of_component(&ours).unwrap().dir, project.dir);
        assert!(Project::of_component(&other).is_none());
    }
}
