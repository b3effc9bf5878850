//! The least that each number among the settings may be.

use super::settings::Settings;

const SECOND: &str = "at least 1 second";
const MILLISECONDS: &str = "at least 10 milliseconds";

#[expect(clippy::too_many_lines, reason = "a table: one entry for each number")]
pub(super) fn of(settings: &Settings) -> [Bound; 12] {
    let (server, worker, plugin) = (&settings.server, &settings.worker, &settings.plugin);
    let bytes = |bytes: usize| bytes as u64;
    let source_deadline = settings.analysis.source_deadline_milliseconds;
    [
        bound(
            "server.body_bytes",
            bytes(server.body_bytes),
            1024,
            "at least 1024 bytes",
        ),
        bound(
            "server.request_timeout_seconds",
            server.request_timeout_seconds,
            1,
            SECOND,
        ),
        bound("worker.lease_seconds", worker.lease_seconds, 1, SECOND),
        bound(
            "worker.max_attempts",
            worker.max_attempts.into(),
            1,
            "at least 1",
        ),
        bound(
            "worker.poll_milliseconds",
            worker.poll_milliseconds,
            10,
            MILLISECONDS,
        ),
        bound(
            "plugin.deadline_milliseconds",
            plugin.deadline_milliseconds,
            10,
            MILLISECONDS,
        ),
        bound(
            "plugin.scoring_deadline_milliseconds",
            plugin.scoring_deadline_milliseconds,
            10,
            MILLISECONDS,
        ),
        bound(
            "plugin.memory_bytes",
            bytes(plugin.memory_bytes),
            16 << 20,
            "at least 16777216 bytes",
        ),
        bound(
            "plugin.output_bytes",
            bytes(plugin.output_bytes),
            64 << 10,
            "at least 65536 bytes",
        ),
        bound(
            "plugin.component_bytes",
            bytes(plugin.component_bytes),
            1024,
            "at least 1024 bytes",
        ),
        bound(
            "plugin.n_instances",
            plugin.n_instances.into(),
            8,
            "at least 8",
        ),
        bound(
            "analysis.source_deadline_milliseconds",
            source_deadline,
            10,
            MILLISECONDS,
        ),
    ]
}

/// The least that a setting may be.
pub(super) struct Bound {
    pub(super) key: &'static str,
    pub(super) found: u64,
    pub(super) least: u64,
    pub(super) expected: &'static str,
}

fn bound(key: &'static str, found: u64, least: u64, expected: &'static str) -> Bound {
    Bound {
        key,
        found,
        least,
        expected,
    }
}
