//! What holds while processes die: `cargo xtask chaos [sqlite|postgres]`.
//!
//! Real processes of the shipped binary share one database. One is killed every 350 ms while they
//! work off 600 jobs, and whichever claims a poison job is killed for it. Nothing in the binary knows
//! of this. The run ends with an error when a job was lost, ended twice, or ended without its result.

#![expect(clippy::print_stdout, reason = "a run's output is its answer")]

mod cluster;
mod place;
mod slow_source;
mod storm;
mod verdict;

use anyhow::{Result, bail};

use cluster::Cluster;
use place::Place;

fn main() -> Result<()> {
    // `cargo bench` adds `--bench`; everything else names an engine.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    phagen_package::oci::install_tls();
    let runtime = tokio::runtime::Runtime::new()?;
    let mut broken = Vec::new();
    for engine in ["sqlite", "postgres"] {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == engine) {
            continue;
        }
        println!("\n{engine}");
        let outcome = runtime.block_on(run(engine))?;
        if !outcome.holds() {
            broken.push(engine);
        }
    }
    if !broken.is_empty() {
        bail!("what must hold did not on {}", broken.join(" and "));
    }
    Ok(())
}

async fn run(engine: &str) -> Result<verdict::Verdict> {
    let place = match engine {
        "sqlite" => Place::sqlite()?,
        _ => Place::postgres().await?,
    };
    let source = slow_source::SlowSource::start().await?;
    let mut cluster = Cluster::start(&place)?;
    source.install(&cluster).await?;
    let jobs = storm::submit(&cluster).await?;
    let storm = storm::rage(&mut cluster, &place, &jobs).await?;
    let verdict = verdict::of(&place, &jobs, &storm).await?;
    drop(cluster);
    place.clear().await?;
    println!("{verdict}");
    Ok(verdict)
}
