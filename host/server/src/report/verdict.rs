//! The recommendation with its gate, and the story with its quotes.

use phagen_domain::{assessment::Assessment, evidence::EvidenceId, story::Sentence};

use super::text::Page;

pub(super) fn write(page: &mut Page, assessment: &Assessment) {
    page.heading(&format!("Recommendation: {}", assessment.label.as_str()));
    if let (Some(disease), Some(mesh_id)) = (&assessment.disease, &assessment.mesh_id) {
        page.wrapped("  about  ", &format!("{disease} ({mesh_id})"));
    }
    page.wrapped(
        &format!("  gate {} ", assessment.gate),
        &format!("{} [{}]", assessment.rule, assessment.rule_source),
    );
    for reason in &assessment.reasons {
        page.wrapped("  - ", reason);
    }
    for input in assessment
        .inputs
        .iter()
        .filter(|input| !input.evidence_ids.is_empty())
    {
        let ids: Vec<&str> = input.evidence_ids.iter().map(EvidenceId::as_str).collect();
        page.wrapped(&format!("  {}: ", input.name), &ids.join(", "));
    }
    page.wrapped("  would change it: ", &assessment.smallest_change);
    page.line(&format!("  rules: {}", assessment.rule_set));
}

pub(super) fn write_story(page: &mut Page, story: &[Sentence]) {
    page.heading("Story");
    for sentence in story.iter().filter(|sentence| !sentence.struck) {
        let cited: Vec<String> = sentence
            .quotes
            .iter()
            .map(|quote| quote.evidence_id.passage(quote.span.passage))
            .collect();
        let source = if cited.is_empty() {
            String::new()
        } else {
            format!(" [{}]", cited.join(", "))
        };
        page.wrapped("  ", &format!("{}{source}", sentence.text));
    }
    let n_struck = story.iter().filter(|sentence| sentence.struck).count();
    if n_struck > 0 {
        page.line(&format!(
            "  {n_struck} sentences struck: their quotes no longer match the stored text"
        ));
    }
}
