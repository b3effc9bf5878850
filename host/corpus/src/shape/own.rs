//! Our own document shape, for whoever brings documents of their own.

use std::collections::BTreeMap;

use phagen_domain::evidence::{EvidenceId, EvidenceKind};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{LabelledText, TextOrNumber, date, read};
use crate::document::{Attributes, Document, Section};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    id: Option<String>,
    kind: String,
    title: String,
    text: Option<String>,
    #[serde(default)]
    sections: Vec<LabelledText>,
    citation: Option<String>,
    date: Option<TextOrNumber>,
    url: Option<String>,
    #[serde(default)]
    mesh_ids: Vec<String>,
    #[serde(default)]
    attributes: BTreeMap<String, Values>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(Scalar),
    Many(Vec<Scalar>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Truth(bool),
    Text(TextOrNumber),
}

pub(super) fn from_own(object: Map<String, Value>) -> Result<Document, String> {
    let own: Own = read(object, "document")?;
    let id = match (&own.id, &own.url) {
        (Some(id), _) => id.parse::<EvidenceId>().map_err(|e| e.to_string())?,
        (None, Some(url)) => EvidenceId::of_url(url),
        (None, None) => return Err("is no document: it has neither `id` nor `url`".to_owned()),
    };
    let mut attributes = Attributes::default();
    attributes.push_mesh_ids(own.mesh_ids.iter().map(String::as_str));
    for (key, values) in own.attributes {
        match values {
            Values::One(value) => attributes.push(&key, text_of(value)),
            Values::Many(values) => attributes.push_all(&key, values.into_iter().map(text_of)),
        }
    }
    let sections = own
        .text
        .into_iter()
        .filter_map(|text| Section::new(None, text))
        .chain(
            own.sections
                .into_iter()
                .filter_map(|s| Section::new(s.label.as_deref(), s.text)),
        )
        .collect();
    let date = own.date.map(|text| date(&text.into_text())).transpose()?;
    Ok(Document {
        kind: kind(&own.kind)?,
        title: own.title,
        sections,
        citation: own.citation.unwrap_or_else(|| id.to_string()),
        date,
        url: own.url,
        attributes,
        id,
    })
}

/// Stricter than what plugins may send: here a person wrote the word and can mend it.
fn kind(name: &str) -> Result<EvidenceKind, String> {
    EvidenceKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == name)
        .ok_or_else(|| {
            let known = EvidenceKind::ALL.map(EvidenceKind::as_str).join(", ");
            format!("is no document: `{name}` is none of the kinds {known}")
        })
}

fn text_of(value: Scalar) -> String {
    match value {
        Scalar::Truth(truth) => truth.to_string(),
        Scalar::Text(text) => text.into_text(),
    }
}

#[cfg(test)]
mod tests {
    use crate::shape::documents;

    #[test]
    fn a_document_of_our_own_keeps_every_field() {
        let line = r#"{"id":"US10123456B2","kind":"patent","title":"Use of aspirin","sections":[{"label":"Claims","text":"A method of treating."}],"citation":"US 10,123,456 B2 (2018)","date":"2018-11-13","url":"https://example.org/p","mesh_ids":["D015179"],"attributes":{"assignee":"Acme","active":true,"claims":[1,"2"]}}"#;
        let evidence = documents(line).remove(0).unwrap();
        assert_eq!(evidence.evidence_id.as_str(), "US10123456B2");
        assert_eq!(evidence.kind.as_str(), "patent");
        assert_eq!(evidence.citation, "US 10,123,456 B2 (2018)");
        assert_eq!(evidence.date.unwrap().to_string(), "2018-11-13");
        assert_eq!(evidence.passages[0].section.as_deref(), Some("CLAIMS"));
        let attributes: Vec<_> = evidence
            .attributes
            .iter()
            .map(|a| format!("{}={}", a.key, a.value))
            .collect();
        assert_eq!(
            attributes,
            [
                "mesh_ids=D015179",
                "active=true",
                "assignee=Acme",
                "claims=1",
                "claims=2"
            ]
        );
    }

    #[test]
    fn a_document_with_an_address_alone_is_named_by_it() {
        let line =
            r#"{"kind":"market","title":"Sales","text":"Rose.","url":"https://example.org/a"}"#;
        let evidence = documents(line).remove(0).unwrap();
        assert!(evidence.evidence_id.as_str().starts_with("url:"));
        assert_eq!(evidence.citation, evidence.evidence_id.as_str());
    }
}
