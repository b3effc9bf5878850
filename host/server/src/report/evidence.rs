//! The evidence by kind, best first, each with its citation.

use phagen_domain::result::{JobResult, RankedEvidence};

use super::text::{Page, shortened};

const SHOWN_PER_KIND: usize = 5;
const TITLE_CHARS: usize = 180;

pub(super) fn write(page: &mut Page, result: &JobResult) {
    let n_evidence: usize = result.evidence.values().map(Vec::len).sum();
    page.heading(&format!("Evidence: {n_evidence} kept"));
    if n_evidence == 0 {
        page.line("  none: no source knows a document that names the molecule");
    }
    for (kind, ranked) in result
        .evidence
        .iter()
        .filter(|(_, ranked)| !ranked.is_empty())
    {
        page.line(&format!(
            "  {kind}, {} of {}",
            ranked.len().min(SHOWN_PER_KIND),
            ranked.len()
        ));
        ranked
            .iter()
            .take(SHOWN_PER_KIND)
            .for_each(|evidence| write_one(page, evidence));
    }
}

fn write_one(page: &mut Page, ranked: &RankedEvidence) {
    let evidence = &ranked.evidence;
    page.wrapped(
        &format!("  {:>3}. {:>6.2}  ", ranked.rank, ranked.score),
        &format!(
            "{} ({})",
            shortened(&evidence.title, TITLE_CHARS),
            evidence.evidence_id
        ),
    );
    if evidence.citation != evidence.evidence_id.as_str() {
        page.wrapped("                ", &evidence.citation);
    }
}
