//! A document on its way in: what every shape becomes before it is cut into passages.

use phagen_domain::{
    PartialDate,
    evidence::{Attribute, Evidence, EvidenceId, EvidenceKind, Passage},
    mesh::MeshId,
};

use crate::passage;

/// Most text that one document may hold, in bytes: it is searched, stored and handed out whole.
pub(crate) const MAX_DOCUMENT_BYTES: usize = 512 * 1024;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    pub(crate) id: EvidenceId,
    pub(crate) kind: EvidenceKind,
    pub(crate) title: String,
    pub(crate) sections: Vec<Section>,
    pub(crate) citation: String,
    pub(crate) date: Option<PartialDate>,
    pub(crate) url: Option<String>,
    pub(crate) attributes: Attributes,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Section {
    pub(crate) heading: Option<String>,
    pub(crate) text: String,
}

impl Section {
    /// None when there is no text: an empty section is none.
    pub(crate) fn new(heading: Option<&str>, text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let heading = heading.map(str::trim).filter(|h| !h.is_empty());
        (!text.trim().is_empty()).then(|| Self {
            heading: heading.map(str::to_uppercase),
            text,
        })
    }
}

/// Facts beyond the fixed fields, in the order in which they came. A key may stand several times.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Attributes(Vec<Attribute>);

impl Attributes {
    /// Blank values tell nothing and are left out.
    pub(crate) fn push(&mut self, key: &str, value: impl Into<String>) {
        let value = value.into();
        if !value.trim().is_empty() {
            self.0.push(Attribute {
                key: key.to_owned(),
                value,
            });
        }
    }

    pub(crate) fn push_all<V: Into<String>>(
        &mut self,
        key: &str,
        values: impl IntoIterator<Item = V>,
    ) {
        for value in values {
            self.push(key, value);
        }
    }

    /// MeSH ids under `mesh_ids`, one each; what is no MeSH id (OMIM numbers, say) is left out.
    pub(crate) fn push_mesh_ids<'a>(&mut self, ids: impl IntoIterator<Item = &'a str>) {
        for id in ids {
            if let Ok(id) = unpadded(id.trim()).parse::<MeshId>() {
                self.push("mesh_ids", id.as_str());
            }
        }
    }
}

/// Puts right a descriptor that a registry wrote with nine digits: `D000007938` is `D007938`.
///
/// Real ids of nine digits exist too. They were given out when the six-digit ones ran out, which
/// was between `D066329` and `D000066448` and between `C585640` and `C000591739`: a lower number in
/// nine digits is padded.
fn unpadded(id: &str) -> String {
    let first_real = match id.as_bytes().first() {
        Some(b'D') => 66_400,
        Some(b'C') => 588_000,
        _ => 0,
    };
    match id
        .get(1..)
        .filter(|digits| digits.len() == 9)
        .map(str::parse::<u32>)
    {
        Some(Ok(number)) if number < first_real => format!("{}{number:06}", &id[..1]),
        _ => id.to_owned(),
    }
}

impl Document {
    /// The document as it will be cited, its sections cut into passages numbered from 1.
    ///
    /// # Errors
    /// Says in words what is wrong with it.
    pub(crate) fn into_evidence(self) -> Result<Evidence, String> {
        let title = self.title.trim();
        if title.is_empty() {
            return Err(format!("`{}` has an empty title", self.id));
        }
        let n_bytes = title.len() + self.sections.iter().map(|s| s.text.len()).sum::<usize>();
        if n_bytes > MAX_DOCUMENT_BYTES {
            return Err(format!(
                "`{}` has {n_bytes} bytes of text; a document may have {MAX_DOCUMENT_BYTES}, so split it",
                self.id
            ));
        }
        let spans = self.sections.iter().flat_map(|section| {
            passage::split(&section.text)
                .into_iter()
                .map(|text| (section.heading.clone(), text.to_owned()))
        });
        let passages = (1..)
            .zip(spans)
            .map(|(ordinal, (section, text))| Passage {
                ordinal,
                section,
                text,
            })
            .collect();
        Ok(Evidence {
            evidence_id: self.id,
            kind: self.kind,
            title: title.to_owned(),
            citation: self.citation,
            url: self.url,
            date: self.date,
            passages,
            attributes: self.attributes.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(sections: Vec<Section>) -> Document {
        Document {
            id: EvidenceId::pubmed(1),
            kind: EvidenceKind::Literature,
            title: " A title ".into(),
            sections,
            citation: "PMID:1".into(),
            date: None,
            url: None,
            attributes: Attributes::default(),
        }
    }

    #[test]
    fn a_section_begins_a_new_passage() {
        let sections = ["Aims", "Results"]
            .into_iter()
            .filter_map(|heading| Section::new(Some(heading), "One sentence."))
            .collect();
        let evidence = document(sections).into_evidence().unwrap();
        let seen: Vec<_> = evidence
            .passages
            .iter()
            .map(|p| (p.ordinal, p.section.as_deref(), p.text.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                (1, Some("AIMS"), "One sentence."),
                (2, Some("RESULTS"), "One sentence.")
            ]
        );
        assert_eq!(evidence.title, "A title");
    }

    #[test]
    fn a_document_too_long_to_hand_out_is_refused() {
        let fits = Section::new(None, "x".repeat(MAX_DOCUMENT_BYTES - "A title".len()));
        assert!(document(fits.into_iter().collect()).into_evidence().is_ok());
        let over = Section::new(None, "x".repeat(MAX_DOCUMENT_BYTES));
        let reason = document(over.into_iter().collect())
            .into_evidence()
            .unwrap_err();
        assert!(reason.contains("bytes of text"), "{reason}");
    }

    #[test]
    fn padded_mesh_ids_are_put_right_and_real_ones_kept() {
        for (given, right) in [
            ("D000007938", "D007938"),
            ("D000054198", "D054198"),
            ("D000066553", "D000066553"),
            ("D000074042", "D000074042"),
            ("D007938", "D007938"),
            ("C000018038", "C018038"),
            ("C000591739", "C000591739"),
            ("OMIM:1", "OMIM:1"),
        ] {
            assert_eq!(unpadded(given), right);
        }
        let mut attributes = Attributes::default();
        attributes.push_mesh_ids(["OMIM:123456", "D000009369", "βD"]);
        assert_eq!(attributes.0.len(), 1);
        assert_eq!(attributes.0[0].value, "D009369");
    }
}
