//! Names diseases in passages. Replace how it recognises them.

use phagen_sdk::{Context, Description, Document, Failure, Finding, Ground, Mapper, Molecule, Span};

pub struct MyMapper {
    term: String,
    mesh_id: String,
}

impl Mapper for MyMapper {
    fn describe() -> Description {
        phagen_sdk::describe!("Names diseases in passages; say which")
    }

    fn init(context: &Context) -> Result<Self, Failure> {
        // Set by whoever installs the plugin.
        Ok(Self {
            term: context.config("term").unwrap_or("headache").to_owned(),
            mesh_id: context.config("mesh_id").unwrap_or("D006261").to_owned(),
        })
    }

    fn find(&self, _: Option<&Molecule>, documents: &[Document]) -> Result<Vec<Finding>, Failure> {
        let mut findings = Vec::new();
        for document in documents {
            for passage in &document.passages {
                for (start, text) in passage.text.match_indices(&self.term) {
                    findings.push(Finding {
                        evidence_id: document.evidence_id.clone(),
                        ground: Ground::Span(Span::new(passage.ordinal, start..start + text.len())?),
                        mesh_id: self.mesh_id.clone(),
                        matched_text: text.into(),
                        negated: false,
                        // Or `treats`, `causes`: what the passage says of the molecule.
                        stance: "neither".into(),
                        score: 1.0,
                    });
                }
            }
        }
        Ok(findings)
    }
}

phagen_sdk::export_mapper!(MyMapper);
