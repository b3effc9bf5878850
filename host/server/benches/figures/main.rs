//! The speed figures of `docs/benchmarks.md`: `cargo xtask bench [figure…]`.
//!
//! Where a figure is a ratio, both sides run interleaved in one process, so that a noisy neighbour
//! slows both. Nothing here asserts: a benchmark reports, a test decides.

#![expect(clippy::print_stdout, reason = "a benchmark's output is its answer")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures are rounded to two decimals, and counts are small"
)]

mod analysis;
mod api;
mod calls;
mod corpus;
mod deploy;
mod engine;
mod guests;
mod hostile;
mod install;
mod process;
mod setting;
mod start;
mod swap;
mod timing;

use anyhow::Result;

use setting::Setting;

type Measure = fn(&Setting) -> Result<()>;

fn main() -> Result<()> {
    // `cargo bench` adds `--bench`; everything else names a figure.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    phagen_package::oci::install_tls();
    let setting = Setting::prepare()?;
    println!("{}", setting::machine());
    let figures: [(&str, Measure); 11] = [
        ("process", process::measure),
        ("analysis", analysis::measure),
        ("corpus", corpus::measure),
        ("guests", guests::measure),
        ("calls", calls::measure),
        ("hostile", hostile::measure),
        ("install", install::measure),
        ("deploy", deploy::measure),
        ("swap", swap::measure),
        ("start", start::measure),
        ("api", api::measure),
    ];
    for (name, measure) in figures {
        if wanted.is_empty() || wanted.iter().any(|figure| figure == name) {
            println!("\n{name}");
            measure(&setting)?;
        }
    }
    Ok(())
}
