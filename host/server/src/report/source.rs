//! What each source and plugin contributed, and how long it took.

use phagen_domain::result::{JobResult, SourceReport, SourceStatus};

use super::text::Page;

pub(super) fn write(page: &mut Page, result: &JobResult) {
    page.heading("Sources and plugins");
    for source in &result.sources {
        page.line(&line(source));
        if let Some(error) = &source.error {
            page.wrapped("               ", error);
        }
    }
    for slot in result
        .versions
        .slots
        .iter()
        .filter(|slot| result.sources.iter().all(|s| s.slot != slot.slot))
    {
        let artifact = slot
            .artifact_digest
            .map_or_else(String::new, |digest| format!(" with {}", digest.short()));
        page.line(&format!(
            "  {:<12} {} {}{artifact}",
            slot.slot.to_string(),
            slot.plugin,
            slot.plugin_digest.short()
        ));
    }
    let stages: Vec<String> = result
        .timings
        .iter()
        .filter(|(stage, _)| *stage != "total")
        .map(|(stage, ms)| format!("{stage} {ms:.1}"))
        .collect();
    page.wrapped("  milliseconds ", &stages.join(" · "));
    if let Some(total) = result.timings.get("total") {
        page.line(&format!("  total {total:.1} ms, as of {}", result.as_of));
    }
    for warning in &result.warnings {
        page.wrapped("  warning: ", warning);
    }
}

fn line(source: &SourceReport) -> String {
    let status = match source.status {
        SourceStatus::Found => "found",
        SourceStatus::Empty => "empty",
        SourceStatus::Failed => "failed",
        SourceStatus::NotAsked => "not asked",
    };
    format!(
        "  {:<12} {:<9} {:>3} returned, {:>3} off topic, {:>3} kept   {:>7.1} ms{}   {} {}",
        source.slot.to_string(),
        status,
        source.n_returned,
        source.n_off_topic,
        source.n_kept,
        source.milliseconds,
        match (source.cached, &source.stale) {
            (_, Some(_)) => " (cached, past its time)",
            (true, None) => " (cached)",
            (false, None) => "",
        },
        source.plugin,
        source.plugin_digest.short()
    )
}
