//! `phagen plugin deploy` against a running server: upload, gates in a child process, activation,
//! until the server says that it serves.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use phagen_domain::plugin::Manifest;
use phagen_package::parse_manifest;

use crate::{
    install::versioned,
    process::Server,
    setting::{LANGUAGES, Setting, path},
    timing::Timings,
};

/// A component of some 15 MB takes its time to compile.
const N_RUNS_RUST: usize = 9;
const N_RUNS_LANGUAGES: usize = 2;

pub(crate) fn measure(setting: &Setting) -> Result<()> {
    let server = Server::start(setting, setting.data.path())?;
    setting.runtime.block_on(server.ready())?;
    let built = setting.share.join("plugin/evidence-reranker.wasm");
    let rerankers = [
        ("Rust", built, "plugins/evidence-reranker", N_RUNS_RUST),
        (
            "Python",
            path(LANGUAGES)?.join("python/reranker.wasm"),
            "sdk/python/examples/reranker",
            N_RUNS_LANGUAGES,
        ),
        (
            "JavaScript",
            path(LANGUAGES)?.join("js/reranker.wasm"),
            "sdk/js/examples/reranker",
            N_RUNS_LANGUAGES,
        ),
    ];
    for (language, built, source, n_runs) in rerankers {
        let component =
            fs::read(&built).with_context(|| format!("cannot read `{}`", built.display()))?;
        let mut runs = Vec::new();
        for run in 0..n_runs {
            // Another version each time, since what is compiled once is compiled for good.
            let component = versioned(&component, manifest_of(source)?, &format!("5.0.{run}"))?;
            let upload = setting.data.path().join("upload.wasm");
            fs::write(&upload, component)?;
            runs.push(deploy(setting, &server, &upload)?);
        }
        println!(
            "  install to active, {language:<15}{}",
            Timings::of(runs).summary()
        );
    }
    Ok(())
}

fn manifest_of(source: &str) -> Result<Manifest> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let toml = fs::read_to_string(root.join(source).join("plugin.toml"))?;
    Ok(parse_manifest(&toml)?)
}

fn deploy(setting: &Setting, server: &Server, file: &Path) -> Result<Duration> {
    let begun = Instant::now();
    let told = setting
        .phagen()
        .args(["plugin", "deploy", "--slot", "reranker"])
        .args(["--host", &server.address])
        .arg(file)
        .output()?;
    let took = begun.elapsed();
    if !told.status.success() {
        bail!(
            "`{}` was not deployed: {}",
            file.display(),
            String::from_utf8_lossy(&told.stderr)
        );
    }
    Ok(took)
}
