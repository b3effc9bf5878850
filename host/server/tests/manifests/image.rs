//! The image, as far as it can be looked at without building it: what it copies is there, its stages
//! have names, its variables are settings, and it runs as nobody in particular.

use std::collections::{BTreeMap, BTreeSet};

use phagen_server::config;

use crate::{
    pods::is_pinned,
    repository::{read, root},
};

/// Instructions and their arguments, lines put together.
fn instructions() -> Vec<(String, String)> {
    let text = read("Dockerfile");
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let whole: String = lines.fold(String::new(), |whole, line| whole + line + "\n");
    whole
        .replace("\\\n", " ")
        .lines()
        .filter_map(|line| line.trim().split_once(' '))
        .map(|(instruction, rest)| (instruction.to_owned(), rest.trim().to_owned()))
        .collect()
}

fn of(instruction: &str) -> Vec<String> {
    let all = instructions().into_iter();
    all.filter(|(name, _)| name == instruction)
        .map(|(_, rest)| rest)
        .collect()
}

/// The variables that the image sets.
pub(crate) fn environment() -> BTreeMap<String, String> {
    let pairs: Vec<(String, String)> = of("ENV")
        .iter()
        .flat_map(|rest| rest.split_whitespace())
        .map(|pair| {
            let (name, value) = pair.split_once('=').expect("a name and a value");
            (name.to_owned(), value.to_owned())
        })
        .collect();
    pairs.into_iter().collect()
}

#[test]
fn its_variables_are_settings() {
    let environment = environment();
    assert!(environment.contains_key("PHAGEN_SHARE_DIR"));
    config::load_from(None, environment).expect("settings");
}

#[test]
fn what_it_copies_is_in_the_repository_and_let_through() {
    let ignored = read(".dockerignore");
    let let_through: BTreeSet<&str> = ignored
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    assert!(
        ignored.lines().any(|line| line == "*"),
        "all else is left out"
    );
    let mut copied = BTreeSet::new();
    for copy in of("COPY") {
        let words: Vec<&str> = copy
            .split_whitespace()
            .filter(|it| !it.starts_with("--"))
            .collect();
        let (_, sources) = words.split_last().expect("a target");
        if copy.contains("--from=") {
            continue;
        }
        for source in sources {
            assert!(root().join(source).exists(), "`{source}` is not there");
            assert!(let_through.contains(source), "`{source}` is ignored");
            copied.insert((*source).to_owned());
        }
    }
    let is_needless = |path: &&&str| !copied.contains(**path);
    let needless: Vec<_> = let_through.iter().filter(is_needless).collect();
    assert!(
        needless.is_empty(),
        "let through and not copied: {needless:?}"
    );
}

#[test]
fn it_has_all_members_of_the_workspace() {
    let manifest = read("Cargo.toml");
    let list = manifest.split("members = [").nth(1).expect("members");
    let list = list.split(']').next().expect("an end");
    let members = list.split('"').skip(1).step_by(2);
    let copied = of("COPY").join(" ");
    for member in members {
        let folder = member.split('/').next().expect("a folder");
        assert!(
            copied.split_whitespace().any(|it| it == folder),
            "no `{folder}`"
        );
    }
}

#[test]
fn its_stages_have_names_and_pinned_images() {
    let arguments: BTreeMap<String, String> = of("ARG")
        .iter()
        .map(|rest| {
            let (name, value) = rest.split_once('=').expect("a default");
            (name.to_owned(), value.to_owned())
        })
        .collect();
    let mut stages = Vec::new();
    for from in of("FROM") {
        let [image, "AS", stage] = from.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("`FROM {from}` names no stage")
        };
        let argument = image.strip_prefix("${").and_then(|it| it.strip_suffix('}'));
        let base = &arguments[argument.expect("an argument, for the release script to pin")];
        // Distroless has a tag for each release of Debian, and none for its own.
        let is_distroless = base == "gcr.io/distroless/cc-debian12:nonroot";
        assert!(is_distroless || is_pinned(base), "{base}");
        assert!(!base.contains('@'), "a digest is never typed: {base}");
        stages.push(stage.to_owned());
    }
    assert_eq!(stages, ["build", "runtime"]);
    let copies = of("COPY");
    for copy in copies.iter().filter_map(|it| it.split("--from=").nth(1)) {
        let stage = copy.split_whitespace().next().expect("a stage");
        assert!(stages.iter().any(|it| it == stage), "no stage `{stage}`");
    }
    let rust = env!("CARGO_PKG_RUST_VERSION");
    let is_ours = arguments["BUILD_IMAGE"].starts_with(&format!("rust:{rust}."));
    assert!(
        is_ours,
        "{} builds what needs {rust}",
        arguments["BUILD_IMAGE"]
    );
}

#[test]
fn it_runs_the_binary_as_an_ordinary_user() {
    let copied = of("COPY").join("\n");
    let [entry] = &of("ENTRYPOINT")[..] else {
        panic!("not one entry")
    };
    let entry: Vec<String> = serde_json::from_str(entry).expect("a list: there is no shell");
    assert_eq!(entry, ["/usr/local/bin/phagen"]);
    assert!(
        copied.contains("/image/phagen /usr/local/bin/phagen"),
        "{copied}"
    );
    let share = &environment()["PHAGEN_SHARE_DIR"];
    assert!(
        copied.contains(&format!("/image/share {share}")),
        "{copied}"
    );
    assert_eq!(of("USER"), ["65532:65532"]);
    let [command] = &of("CMD")[..] else {
        panic!("not one command")
    };
    let command: Vec<String> = serde_json::from_str(command).expect("a list");
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    crate::phagen::assert_understood(&command);
}

#[test]
fn it_is_built_with_what_it_was_made_of() {
    let build = of("RUN").join("\n");
    for step in [
        "rustup target add wasm32-wasip2",
        "cargo xtask guests",
        "cargo auditable build --locked --release --package phagen-server",
        "/image/phagen --version",
    ] {
        assert!(build.contains(step), "no `{step}` in {build}");
    }
    // What xtask lays out, as far as a server reads it.
    let share = read("xtask/src/share.rs");
    for folder in ["plugin", "artifact", "corpus", "vocabulary"] {
        assert!(build.contains(&format!("target/share/{folder}")), "{build}");
        assert!(
            share.contains(&format!("\"{folder}\"")),
            "xtask lays out no `{folder}`"
        );
    }
}
