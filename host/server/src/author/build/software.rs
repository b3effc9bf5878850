//! What a plugin is made of, by what its build locked.

use std::{fs, path::Path};

use phagen_package::sbom::{Sbom, from_cargo_lock, from_package_lock, from_requirements};
use serde_json::{Value, json};

use super::cargo;
use crate::author::{AuthorError, Kit, Language, Project};

/// What puts the engine and its libraries into a JavaScript component.
const JS_ENGINE: &str = "node_modules/@bytecodealliance/componentize-js";

pub(super) fn of(project: &Project, kit: &Kit) -> Result<Sbom, AuthorError> {
    let dir = &project.dir;
    match project.language {
        Language::Rust => {
            let (path, name) = cargo::lock_file(dir)?;
            Ok(from_cargo_lock(&read(&path)?, &name)?)
        }
        Language::Python => python(project, &kit.sdk(Language::Python)),
        Language::Js => js(project, &kit.sdk(Language::Js)),
    }
}

/// Its own packages, and the interpreter with its library, which componentize-py brings.
fn python(project: &Project, sdk: &Path) -> Result<Sbom, AuthorError> {
    let mut requirements = read(&sdk.join("requirements.txt"))?;
    let own = project.dir.join("requirements.txt");
    if own.is_file() {
        requirements.push('\n');
        requirements.push_str(&read(&own)?);
    }
    let facts = &project.manifest.plugin;
    Ok(from_requirements(
        facts.name.as_str(),
        &facts.version,
        &requirements,
    )?)
}

/// Its own packages, and what brings the engine. esbuild and the like leave nothing behind.
fn js(project: &Project, sdk: &Path) -> Result<Sbom, AuthorError> {
    let facts = &project.manifest.plugin;
    let own = project.dir.join("package-lock.json");
    let mut lock = if own.is_file() {
        parse(&own)?
    } else {
        json!({ "lockfileVersion": 3, "packages": { "": {} } })
    };
    let root = &mut lock["packages"][""];
    root["name"] = json!(facts.name);
    root["version"] = json!(facts.version);
    root["dependencies"]["@bytecodealliance/componentize-js"] = json!("*");
    let sdk_lock = parse(&sdk.join("package-lock.json"))?;
    let engine = &sdk_lock["packages"][JS_ENGINE];
    lock["packages"][JS_ENGINE] = json!({
        "version": engine["version"],
        "integrity": engine["integrity"],
    });
    Ok(from_package_lock(&lock.to_string())?)
}

fn parse(path: &Path) -> Result<Value, AuthorError> {
    serde_json::from_str(&read(path)?).map_err(|error| AuthorError::Project {
        path: path.to_path_buf(),
        message: error.to_string(),
    })
}

fn read(path: &Path) -> Result<String, AuthorError> {
    fs::read_to_string(path).map_err(AuthorError::file("read", path))
}
