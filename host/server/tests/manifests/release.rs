//! The release script. A dry run takes no step; a real one writes the digest that the registry told,
//! and nothing where the registry has something else than was built.
//!
//! Docker, syft and cosign need an engine, a registry and an identity, which no test has: doubles stand
//! for them, which write down what they were asked.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use crate::{
    cluster::{Cluster, is_phagen, text},
    pods::is_pinned,
    repository::{Copy, kustomize, told},
};

const IMAGE: &str = "registry.example.com/team/phagen";
const OVERLAY: &str = "k8s/overlays/prod/image/kustomization.yaml";
const JOB: &str = "k8s/base/migrate/kustomization.yaml";
const BASE: &str = "k8s/base/kustomization.yaml";
/// What a release writes.
const WRITTEN: [&str; 3] = [OVERLAY, JOB, BASE];

/// Answers each question about a digest with the one of the question's own text; `$OTHER` is one that
/// was built and never arrived.
const DOCKER: &str = r#"#!/bin/sh
echo "docker $*" >>"$CALLS"
digest() { printf 'sha256:'; printf '%s' "$1" | sha256sum | cut -d ' ' -f 1; }
case "$2" in
  imagetools) digest "$4" ;;
  build)
    while [ $# -gt 0 ]; do
      case "$1" in
        --metadata-file) file=$2 ;;
        --tag) tag=$2 ;;
      esac
      shift
    done
    printf '{\n  "containerimage.digest": "%s"\n}\n' "$(digest "${OTHER:-$tag}")" >"$file" ;;
esac
"#;

fn double(name: &str) -> String {
    format!("#!/bin/sh\necho \"{name} $*\" >>\"$CALLS\"\n")
}

struct Release {
    copy: Copy,
}

impl Release {
    fn new() -> Self {
        let copy = Copy::new();
        let tools = copy.path().join("tools");
        for (name, script) in [
            ("docker", DOCKER.to_owned()),
            ("syft", double("syft")),
            ("cosign", double("cosign")),
        ] {
            copy.write(&format!("tools/{name}"), &script);
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(tools.join(name), mode).expect("a program");
        }
        copy.write(".gitignore", "/calls\n");
        let release = Self { copy };
        release.git(&["init", "--quiet"]);
        release.git(&["add", "--all"]);
        release.git(&["commit", "--quiet", "--message", "as it is"]);
        release
    }

    fn git(&self, arguments: &[&str]) {
        let output = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@b.example"])
            .args(arguments)
            .current_dir(self.copy.path())
            .output()
            .expect("git runs");
        assert!(output.status.success(), "{}", told(&output));
    }

    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let own = self.copy.path().join("tools");
        let found = std::env::var_os("PATH").expect("a path");
        let all = std::iter::once(own).chain(std::env::split_paths(&found));
        Command::new(self.copy.path().join("k8s/release.sh"))
            .args(arguments)
            .env("PATH", std::env::join_paths(all).expect("a path"))
            .env("CALLS", self.copy.path().join("calls"))
            .envs(variables.iter().copied())
            .output()
            .expect("the script runs")
    }

    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.copy.path().join("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    fn written(&self) -> [String; 3] {
        WRITTEN.map(|file| self.copy.read(file))
    }
}

#[test]
fn a_dry_run_says_every_step_and_takes_none() {
    let release = Release::new();
    let before = release.written();
    let output = release.run(&["--image", IMAGE, "--dry-run"], &[]);
    assert!(output.status.success(), "{}", told(&output));
    let said = told(&output);
    let mut rest = said.as_str();
    for step in [
        "docker buildx build --pull --push",
        "fetch its digest",
        "syft scan",
        "cosign sign",
        "cosign attest --yes --type cyclonedx",
        OVERLAY,
        JOB,
        BASE,
    ] {
        let (_, after) = rest
            .split_once(step)
            .unwrap_or_else(|| panic!("no `{step}` in {said}"));
        rest = after;
    }
    assert!(
        !said.contains(&"0".repeat(64)),
        "a digest was made up: {said}"
    );
    assert_eq!(release.calls(), Vec::<String>::new());
    assert_eq!(release.written(), before);
}

#[test]
fn a_release_writes_the_version_and_names_every_file_it_wrote() {
    let release = Release::new();
    let version = env!("CARGO_PKG_VERSION");
    let suffix = format!("nameSuffix: -{}\n", version.replace('.', "-"));
    let tag = format!("newTag: {version}\n");
    // As the release before it left them.
    for (file, line, old) in [
        (JOB, &suffix, "nameSuffix: -0-0-1\n"),
        (BASE, &tag, "newTag: 0.0.1\n"),
    ] {
        let text = release.copy.read(file);
        assert_eq!(text.matches(line.as_str()).count(), 1, "{file}: {text}");
        release.copy.write(file, &text.replace(line.as_str(), old));
    }
    release.git(&[
        "commit",
        "--quiet",
        "--all",
        "--message",
        "the last release",
    ]);
    let output = release.run(&["--image", IMAGE], &[]);
    let said = told(&output);
    assert!(output.status.success(), "{said}");
    assert!(release.copy.read(JOB).contains(&suffix), "{said}");
    assert!(release.copy.read(BASE).contains(&tag), "{said}");
    let last = said.lines().find(|line| line.starts_with("Commit "));
    let last = last.unwrap_or_else(|| panic!("nothing to commit in {said}"));
    for file in WRITTEN {
        assert!(last.contains(file), "no `{file}` in {last}");
    }
}

#[test]
fn a_release_writes_the_digest_that_the_registry_told() {
    let release = Release::new();
    let output = release.run(&["--image", IMAGE], &[]);
    assert!(output.status.success(), "{}", told(&output));
    let version = env!("CARGO_PKG_VERSION");
    let folder = release.copy.path().join("k8s/overlays/prod");
    let cluster = Cluster::parse("released", &kustomize(Path::new(&folder)));
    let mut images = Vec::new();
    for workload in cluster.workloads() {
        for container in workload.containers() {
            let image = text(&container["image"]);
            assert!(is_pinned(image), "{image}");
            if is_phagen(image) {
                images.push(image.to_owned());
            }
        }
    }
    images.dedup();
    let [image] = &images[..] else {
        panic!("several images: {images:?}")
    };
    let (name, digest) = image.split_once('@').expect("a digest");
    assert_eq!(name, format!("{IMAGE}:{version}"));
    let calls = release.calls();
    for (program, what) in [
        ("cosign sign", digest),
        ("cosign attest", digest),
        ("syft scan", digest),
    ] {
        let call = calls.iter().find(|call| call.starts_with(program));
        let call = call.unwrap_or_else(|| panic!("no `{program}` in {calls:#?}"));
        assert!(call.contains(&format!("{IMAGE}@{what}")), "{call}");
    }
    // The bases are pinned by what their registries said, too.
    let build = calls
        .iter()
        .find(|call| call.contains("buildx build"))
        .expect("a build");
    assert_eq!(build.matches("@sha256:").count(), 2, "{build}");
}

#[test]
fn what_the_registry_does_not_have_is_not_released() {
    let release = Release::new();
    let before = release.written();
    let output = release.run(&["--image", IMAGE], &[("OTHER", "another")]);
    assert!(!output.status.success(), "{}", told(&output));
    assert_eq!(release.written(), before);
    let signed = release
        .calls()
        .iter()
        .any(|call| call.starts_with("cosign"));
    assert!(!signed, "{:#?}", release.calls());
}

#[test]
fn what_no_commit_holds_is_not_released() {
    let release = Release::new();
    release.copy.write("Dockerfile", "FROM scratch\n");
    let output = release.run(&["--image", IMAGE], &[]);
    assert!(!output.status.success());
    assert!(told(&output).contains("no commit"), "{}", told(&output));
    assert_eq!(release.calls(), Vec::<String>::new());
}

#[test]
fn an_image_without_a_registry_is_refused() {
    let release = Release::new();
    for arguments in [
        &[][..],
        &["--image", "phagen"],
        &["--image", IMAGE, "--dryrun"],
    ] {
        let output = release.run(arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(release.calls(), Vec::<String>::new());
}
