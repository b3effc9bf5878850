//! The suggested diseases and the passages behind each.

use phagen_domain::suggestion::{Basis, Suggestion};

use super::text::{Page, shortened};

const QUOTES_SHOWN: usize = 2;
const QUOTE_CHARS: usize = 260;

pub(super) fn write(page: &mut Page, suggestions: &[Suggestion]) {
    page.heading("Suggested diseases");
    if suggestions.is_empty() {
        page.line("  none: no passage found names a disease together with the molecule");
    }
    for suggestion in suggestions {
        let counts = suggestion.stance_counts;
        page.wrapped(
            &format!("{:>3}. ", suggestion.rank),
            &format!(
                "{} {} · {}{} · score {:.2} · evidence: {} treats, {} causes, {} neither, {} negated · {} (gate {})",
                suggestion.disease,
                suggestion.mesh_id,
                suggestion.stance.as_str(),
                if suggestion.known_use { ", known use" } else { "" },
                suggestion.score,
                counts.treats,
                counts.causes,
                counts.neither,
                counts.negated,
                suggestion.assessment.label.as_str(),
                suggestion.assessment.gate
            ),
        );
        for basis in suggestion.basis.iter().take(QUOTES_SHOWN) {
            write_basis(page, basis);
        }
    }
}

fn write_basis(page: &mut Page, basis: &Basis) {
    let place = match basis.span {
        Some(span) => basis.evidence_id.passage(span.passage),
        None => basis.evidence_id.to_string(),
    };
    let words = basis
        .quote
        .as_deref()
        .or(basis.note.as_deref())
        .unwrap_or(&basis.matched_text);
    page.wrapped(
        "       ",
        &format!(
            "“{}” {place}, {}",
            shortened(words, QUOTE_CHARS),
            basis.stance.as_str()
        ),
    );
}
