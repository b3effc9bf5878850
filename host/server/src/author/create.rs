//! `new`: a template, filled in.

use std::{
    fs,
    path::{Path, PathBuf},
};

use phagen_domain::plugin::{PluginName, World};

use super::{AuthorError, Kit, Language};

/// What was made.
#[derive(Debug, Clone)]
pub struct Created {
    pub dir: PathBuf,
    /// Relative to it, sorted.
    pub files: Vec<PathBuf>,
}

/// Fills `dir`, which must not exist or be empty, with a plugin that builds and passes its test.
pub fn create(
    kit: &Kit,
    name: &PluginName,
    world: World,
    language: Language,
    dir: &Path,
) -> Result<Created, AuthorError> {
    if dir.exists() {
        let mut entries = fs::read_dir(dir).map_err(AuthorError::file("read", dir))?;
        if entries.next().is_some() {
            return Err(AuthorError::FolderInUse {
                path: dir.to_path_buf(),
            });
        }
    }
    let template = kit.template(language, world);
    let sdk = kit.sdk(language);
    let mut files = files_below(&template)?;
    for file in &mut files {
        let from = template.join(&file);
        let text = fs::read_to_string(&from).map_err(AuthorError::file("read", from))?;
        // With its dot it would hide files of the template itself from git.
        if file.as_os_str() == "gitignore" {
            *file = ".gitignore".into();
        }
        write(&dir.join(&file), &filled(&text, name, (language, &sdk)))?;
    }
    if language == Language::Rust {
        // The versions that the SDK is tested with; cargo drops what the plugin does not need.
        let lock = sdk.join("Cargo.lock");
        let text = fs::read_to_string(&lock).map_err(AuthorError::file("read", lock))?;
        write(&dir.join("Cargo.lock"), &text)?;
        files.push("Cargo.lock".into());
    }
    files.sort();
    Ok(Created {
        dir: dir.canonicalize().map_err(AuthorError::file("find", dir))?,
        files,
    })
}

fn filled(text: &str, name: &PluginName, (language, sdk): (Language, &Path)) -> String {
    // A path may hold quotes and backslashes; as JSON writes it, TOML reads it too.
    let quoted = serde_json::Value::from(sdk.to_string_lossy().into_owned()).to_string();
    let sdk = match language {
        Language::Rust => format!("path = {quoted}"),
        // It stands inside of a string there.
        Language::Python | Language::Js => quoted.trim_matches('"').to_owned(),
    };
    text.replace("{{name}}", name.as_str())
        .replace("{{crate}}", &name.as_str().replace('-', "_"))
        .replace("{{sdk}}", &sdk)
}

fn write(path: &Path, text: &str) -> Result<(), AuthorError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(AuthorError::file("create", parent))?;
    }
    fs::write(path, text).map_err(AuthorError::file("write", path))
}

/// Every file below `folder`, relative to it.
pub(super) fn files_below(folder: &Path) -> Result<Vec<PathBuf>, AuthorError> {
    let mut files = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        let entries = fs::read_dir(&next).map_err(AuthorError::file("read", &next))?;
        for entry in entries {
            let path = entry.map_err(AuthorError::file("read", &next))?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if let Ok(below) = path.strip_prefix(folder) {
                files.push(below.to_path_buf());
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kit(share: &Path) -> Kit {
        for part in ["sdk/rust", "sdk/python", "wit"] {
            fs::create_dir_all(share.join(part)).unwrap();
        }
        let template = share.join("template/rust/mapper/src");
        fs::create_dir_all(&template).unwrap();
        fs::write(template.join("lib.rs"), "use {{crate}};").unwrap();
        let manifest = "name = \"{{name}}\"\nphagen-sdk = { {{sdk}} }";
        fs::write(share.join("template/rust/mapper/Cargo.toml"), manifest).unwrap();
        fs::write(share.join("sdk/rust/Cargo.lock"), "version = 4").unwrap();
        Kit::open(share).unwrap()
    }

    #[test]
    fn placeholders_are_filled_and_a_used_folder_is_left_alone() {
        let share = tempfile::tempdir().unwrap();
        let kit = kit(share.path());
        let dir = share.path().join("my \"plugin\"");
        let name = "my-plugin".parse().unwrap();
        let make = || create(&kit, &name, World::Mapper, Language::Rust, &dir);
        let created = make().unwrap();
        assert_eq!(
            created.files,
            [
                Path::new("Cargo.lock"),
                Path::new("Cargo.toml"),
                Path::new("src/lib.rs")
            ]
        );
        let lib = fs::read_to_string(dir.join("src/lib.rs")).unwrap();
        assert_eq!(lib, "use my_plugin;");
        let manifest = fs::read_to_string(dir.join("Cargo.toml")).unwrap();
        let sdk = share.path().canonicalize().unwrap().join("sdk/rust");
        let expected = format!("name = \"my-plugin\"\nphagen-sdk = {{ path = {sdk:?} }}");
        assert_eq!(manifest, expected);
        assert!(matches!(make(), Err(AuthorError::FolderInUse { .. })));
    }
}
