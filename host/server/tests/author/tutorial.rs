//! `docs/plugin-authors.md`, step by step, in each language, beside a running host.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::desk::{COMPILING, Desk, require_toolchain};

/// What the tutorial promises: from `new` to serving.
const PROMISED: Duration = Duration::from_mins(5);
/// Where the tutorial's host listens.
const SHOWN_HOST: &str = "http://127.0.0.1:8000";

/// Commands under a name.
struct Step {
    name: String,
    script: String,
}

/// The blocks of shell that stand below a mark `<!-- step: NAME -->`.
fn steps(markdown: &str) -> Vec<Step> {
    markdown
        .split("<!-- step: ")
        .skip(1)
        .map(|text| {
            let (name, rest) = text.split_once(" -->\n```sh\n").expect("a block of shell");
            let (script, _) = rest.split_once("```").expect("a block that ends");
            Step {
                name: name.to_owned(),
                script: script.to_owned(),
            }
        })
        .collect()
}

fn follow(language: &str) {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plugin-authors.md");
    let steps = steps(&fs::read_to_string(document).expect("the document"));
    let names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "new", "build", "bench", "deploy", "ask", "change", "sign", "rollback"
        ]
    );
    let desk = Desk::new();
    let host = desk.serve();
    let begun = Instant::now();
    let mut folder = String::new();
    for step in steps {
        let script = step
            .script
            .replace("--lang rust", &format!("--lang {language}"))
            .replace(SHOWN_HOST, &host.address);
        let said = run(&desk, &mut folder, &script, &host.address);
        match step.name.as_str() {
            "build" => assert!(said.contains("passed"), "{said}"),
            "bench" => assert!(said.contains("guest / native"), "{said}"),
            "deploy" => {
                assert!(said.contains(" serves; 1 host(s) follow"), "{said}");
                assert!(
                    begun.elapsed() < PROMISED,
                    "serving after {:?}",
                    begun.elapsed()
                );
            }
            "ask" => assert!(said.contains("job_id"), "{said}"),
            "change" => assert!(said.contains("`0.1.0` → `0.2.0`"), "{said}"),
            "sign" => assert!(said.contains("signed by `ada`"), "{said}"),
            "rollback" => assert!(said.contains("rollback"), "{said}"),
            _ => {}
        }
    }
}

/// Runs one step where the last one ended.
fn run(desk: &Desk, folder: &mut String, script: &str, host: &str) -> String {
    let place = desk.path("place");
    let script = format!("set -eu\n{script}\npwd > '{}'\n", place.display());
    let mut command = Command::new("sh");
    command.args(["-c", &script]);
    // Commands without `--host` mean the host of the tutorial too.
    let process = desk.spawn_with(folder, &mut command, &[("PHAGEN_CLIENT__HOST", host)]);
    let said = process.wait(COMPILING).expect_success();
    folder.clear();
    folder.push_str(fs::read_to_string(place).expect("a folder").trim());
    said
}

#[test]
fn long_the_tutorial_holds_in_rust() {
    follow("rust");
}

#[test]
fn long_the_tutorial_holds_in_python() {
    require_toolchain("python");
    follow("python");
}

#[test]
fn long_the_tutorial_holds_in_js() {
    require_toolchain("js");
    follow("js");
}
