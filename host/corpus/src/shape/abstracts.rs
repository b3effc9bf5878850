//! Abstracts: PubMed's in the shapes its data sets use, and SciFact's.

use phagen_domain::evidence::{EvidenceId, EvidenceKind};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{LabelledText, TextOrNumber, date, read};
use crate::document::{Attributes, Document, Section};

#[derive(Deserialize)]
struct PubMed {
    pmid: TextOrNumber,
    title: Option<String>,
    question: Option<String>,
    #[serde(rename = "abstract")]
    abstract_text: Option<String>,
    #[serde(default)]
    sections: Vec<LabelledText>,
    conclusion: Option<String>,
    year: Option<TextOrNumber>,
    date: Option<String>,
    journal: Option<String>,
    #[serde(default)]
    diseases: Vec<String>,
    #[serde(default)]
    disease_mesh: Vec<String>,
}

pub(super) fn from_pubmed(object: Map<String, Value>) -> Result<Document, String> {
    let found: PubMed = read(object, "PubMed abstract")?;
    let pmid = found.pmid.into_text();
    let pmid: u64 = pmid
        .trim()
        .parse()
        .map_err(|_| format!("is no PubMed abstract: its `pmid` `{pmid}` is not a number"))?;
    let title = found
        .title
        .or(found.question)
        .ok_or("is no PubMed abstract: it has neither `title` nor `question`")?;
    let date = match (found.date, found.year) {
        (Some(text), _) => Some(date(&text)?),
        (None, Some(year)) => Some(date(&year.into_text())?),
        (None, None) => None,
    };
    let mut sections: Vec<_> = found
        .sections
        .into_iter()
        .filter_map(|s| Section::new(s.label.as_deref(), s.text))
        .collect();
    // Sections are the abstract, cut up; both would say everything twice.
    if sections.is_empty() {
        sections.extend(
            found
                .abstract_text
                .and_then(|text| Section::new(None, text)),
        );
    }
    sections.extend(
        found
            .conclusion
            .and_then(|text| Section::new(Some("CONCLUSION"), text)),
    );
    let mut attributes = Attributes::default();
    let mesh_ids = found.diseases.iter().chain(&found.disease_mesh);
    attributes.push_mesh_ids(mesh_ids.map(String::as_str));
    let source = found.journal.as_deref().unwrap_or("PubMed");
    let year = date.map_or_else(String::new, |date| format!(" {};", date.year()));
    Ok(Document {
        id: EvidenceId::pubmed(pmid),
        kind: EvidenceKind::Literature,
        title,
        sections,
        citation: format!("{source}.{year} PMID {pmid}"),
        date,
        url: Some(format!("https://pubmed.ncbi.nlm.nih.gov/{pmid}/")),
        attributes,
    })
}

#[derive(Deserialize)]
struct SciFact {
    #[serde(rename = "_id")]
    id: TextOrNumber,
    title: String,
    text: String,
}

/// The id is Semantic Scholar's corpus id, never a PMID; when the paper appeared is not known.
pub(super) fn from_scifact(object: Map<String, Value>) -> Result<Document, String> {
    let found: SciFact = read(object, "SciFact abstract")?;
    let id = found.id.into_text();
    let number: u64 = id.parse().map_err(|_| {
        format!("is no SciFact abstract: a Semantic Scholar id is a number, and `{id}` is none")
    })?;
    Ok(Document {
        id: format!("S2:{number}")
            .parse::<EvidenceId>()
            .map_err(|e| e.to_string())?,
        kind: EvidenceKind::Literature,
        title: found.title,
        sections: Section::new(None, found.text).into_iter().collect(),
        citation: format!("Semantic Scholar corpus id {number}"),
        date: None,
        url: Some(format!("https://api.semanticscholar.org/CorpusID:{number}")),
        attributes: Attributes::default(),
    })
}

#[cfg(test)]
mod tests {
    use crate::shape::documents;

    #[test]
    fn a_pubmedqa_question_is_the_title_and_its_conclusion_a_section() {
        let line = r#"{"pmid":"1571683","year":"1992","question":"Is the cold chain weak?","sections":[{"label":"Objective","text":"To assess storage."}],"abstract":"To assess storage.","conclusion":"It is weak.","disease_mesh":["D003920"]}"#;
        let evidence = documents(line).remove(0).unwrap();
        assert_eq!(evidence.evidence_id.as_str(), "PMID:1571683");
        assert_eq!(evidence.title, "Is the cold chain weak?");
        assert_eq!(evidence.citation, "PubMed. 1992; PMID 1571683");
        assert_eq!(evidence.date.unwrap().year(), 1992);
        assert_eq!(evidence.attribute("mesh_ids"), Some("D003920"));
        let sections: Vec<_> = evidence
            .passages
            .iter()
            .map(|p| (p.section.as_deref().unwrap_or(""), p.text.as_str()))
            .collect();
        assert_eq!(
            sections,
            [
                ("OBJECTIVE", "To assess storage."),
                ("CONCLUSION", "It is weak.")
            ]
        );
    }

    #[test]
    fn a_scifact_abstract_is_cited_by_semantic_scholar_and_has_no_date() {
        let line = r#"{"_id":"4983","title":"White matter","text":"Alterations of it.","structured":false}"#;
        let evidence = documents(line).remove(0).unwrap();
        assert_eq!(evidence.evidence_id.as_str(), "S2:4983");
        assert_eq!(evidence.date, None);
        assert!(!evidence.citation.contains("PMID"));
    }
}
