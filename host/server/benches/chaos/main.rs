//! What holds while the machine fails: `cargo xtask chaos [sqlite|postgres|FAULT…]`.
//!
//! Does each fault at full length, prints what it counted, and ends with an error when something
//! that must hold did not.

#![expect(clippy::print_stdout, reason = "a run's output is its answer")]

mod fault;

use std::sync::Arc;

use anyhow::{Result, bail, ensure};

use fault::{Fault, Kit, Size, variable};

const FULL: Size = Size {
    n_jobs: 600,
    n_workers: 6,
    n_poison: 3,
    poison_attempts: 8,
    n_outages: 4,
};

fn main() -> Result<()> {
    // `cargo bench` adds `--bench`; everything else is a word of a fault's name.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let is_wanted = |fault: &Fault| {
        let name = fault.to_string();
        wanted.is_empty()
            || name
                .split(' ')
                .any(|word| wanted.iter().any(|one| one == word))
    };
    let faults: Vec<Fault> = Fault::ALL.into_iter().filter(is_wanted).collect();
    ensure!(!faults.is_empty(), "no fault is called {wanted:?}");
    let kit = Arc::new(Kit::new(
        variable("PHAGEN_BENCH_BINARY")?,
        variable("PHAGEN_BENCH_SHARE")?,
        variable("PHAGEN_BENCH_GUESTS")?,
    )?);
    let runtime = tokio::runtime::Runtime::new()?;
    let mut broken = Vec::new();
    for fault in faults {
        println!("\n{fault}");
        match runtime.block_on(fault.run(&kit, FULL)) {
            Ok(figures) => {
                print!("{figures}");
                let of_it = figures.broken().iter();
                broken.extend(of_it.map(|what| format!("{fault}: {what}")));
            }
            Err(error) => {
                println!("  {error:?}");
                broken.push(format!("{fault}: {error}"));
            }
        }
    }
    if !broken.is_empty() {
        bail!("what must hold did not:\n  {}", broken.join("\n  "));
    }
    Ok(())
}
