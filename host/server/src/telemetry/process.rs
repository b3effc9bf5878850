//! What the kernel says of this process, under the names that every Prometheus client uses.
//!
//! Read at each scrape; where there is no `/proc`, the metrics are not there either.

use std::fs;

use super::catalog::{CPU_SECONDS, OPEN_FILES, RESIDENT_MEMORY, START_TIME};

/// The kernel counts processor time for user space in hundredths of a second, on every machine.
const TICKS_PER_SECOND: u64 = 100;

#[expect(
    clippy::cast_precision_loss,
    reason = "gauges are floats, and none of these comes near 2^52"
)]
pub(super) fn publish() {
    if let Some(bytes) = read("status").as_deref().and_then(resident_bytes) {
        metrics::gauge!(RESIDENT_MEMORY).set(bytes as f64);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        metrics::gauge!(OPEN_FILES).set(files.count() as f64);
    }
    let Some(times) = read("stat").as_deref().and_then(Times::parse) else {
        return;
    };
    metrics::counter!(CPU_SECONDS).absolute(times.cpu_ticks / TICKS_PER_SECOND);
    let booted = fs::read_to_string("/proc/stat");
    if let Some(booted) = booted.as_deref().ok().and_then(boot_seconds) {
        let begun = booted + times.begun_ticks / TICKS_PER_SECOND;
        metrics::gauge!(START_TIME).set(begun as f64);
    }
}

fn read(name: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/self/{name}")).ok()
}

/// From the line `VmRSS: 123456 kB`.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// From the line `btime 1700000000`.
fn boot_seconds(stat: &str) -> Option<u64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

struct Times {
    cpu_ticks: u64,
    /// Since the machine started.
    begun_ticks: u64,
}

impl Times {
    /// The name of a process may hold anything, so fields are counted from its closing bracket.
    fn parse(stat: &str) -> Option<Self> {
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks = |n: usize| fields.get(n)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: ticks(11)? + ticks(12)?,
            begun_ticks: ticks(19)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_any_name() {
        let stat = "42 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 8 0 7700 1 2";
        let times = Times::parse(stat).unwrap();
        assert_eq!((times.cpu_ticks, times.begun_ticks), (300, 7_700));
        assert!(Times::parse("42 (a) S 1").is_none());
        let status = "VmPeak:\t 9 kB\nVmRSS:\t   2048 kB\n";
        assert_eq!(resident_bytes(status), Some(2 * 1024 * 1024));
        assert_eq!(
            boot_seconds("cpu 1 2\nbtime 1700000000\n"),
            Some(1_700_000_000)
        );
    }

    #[test]
    fn the_kernel_tells_of_this_very_process() {
        let bytes = resident_bytes(&read("status").unwrap()).unwrap();
        assert!(bytes > 1024 * 1024, "{bytes}");
        let times = Times::parse(&read("stat").unwrap()).unwrap();
        assert!(times.begun_ticks > 0);
        let booted = boot_seconds(&fs::read_to_string("/proc/stat").unwrap());
        assert!(booted.unwrap() > 1_000_000_000);
    }
}
