//! Names the diseases in passages, and says what a passage claims of the molecule and each of them.
//!
//! The whole MeSH disease vocabulary is compiled in, as an image that is read in place. The logic
//! is plain Rust; this file only fits it to the plugin world. It never aggregates: rolling findings
//! up to suggestions is the host's work.

pub mod cue;
pub mod fold;
pub mod lexicon;
pub mod mapper;
pub mod negation;
pub mod recognise;
pub mod sentence;
pub mod stance;
pub mod token;

// Runs at build time; compiled here only for its tests.
#[cfg(test)]
#[path = "../build/names.rs"]
mod names;

use phagen_sdk::{
    Context, Description, Document, Failure, Finding, Ground, Mapper, Molecule, Span,
};

use crate::mapper::{Found, PassageText};
use crate::stance::molecule::Names;

/// The mapper.
pub struct MeshMapper;

impl Mapper for MeshMapper {
    fn describe() -> Description {
        phagen_sdk::describe!("names MeSH diseases in passages, with negation and stance")
    }

    fn init(_: &Context) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn find(
        &self,
        molecule: Option<&Molecule>,
        documents: &[Document],
    ) -> Result<Vec<Finding>, Failure> {
        let names = molecule.map(|molecule| Names::of(molecule.names()));
        let mut findings = Vec::new();
        for document in documents {
            let passages: Vec<PassageText<'_>> = document
                .passages
                .iter()
                .map(|passage| PassageText {
                    ordinal: passage.ordinal,
                    section: passage.section.as_deref(),
                    text: &passage.text,
                })
                .collect();
            if passages
                .iter()
                .any(|passage| u32::try_from(passage.text.len()).is_err())
            {
                return Err(Failure::invalid_input(format!(
                    "a passage of `{}` is beyond 4 GiB",
                    document.evidence_id
                )));
            }
            let found = mapper::find(names.as_ref(), &passages);
            findings.extend(
                found
                    .iter()
                    .map(|found| finding(&document.evidence_id, found)),
            );
        }
        Ok(findings)
    }

    fn self_test(&self) -> Result<(), Failure> {
        let names = Names::of(["tamoxifen"]);
        let passage = PassageText {
            ordinal: 0,
            section: None,
            text: "Tamoxifen in the treatment of breast cancer",
        };
        let found = mapper::find(Some(&names), &[passage]);
        match found.first() {
            Some(found) if found.disease.mesh_id() == "D001943" => Ok(()),
            _ => Err(Failure::internal(
                "`breast cancer` was not read as D001943; build the plugin again",
            )),
        }
    }
}

fn finding(evidence_id: &str, found: &Found<'_>) -> Finding {
    Finding {
        evidence_id: evidence_id.to_owned(),
        ground: Ground::Span(Span {
            passage: found.ordinal,
            start: found.start,
            end: found.end,
        }),
        mesh_id: found.disease.mesh_id().to_owned(),
        matched_text: found.matched_text.to_owned(),
        negated: found.negated,
        stance: found.stance.as_str().to_owned(),
        score: found.score,
    }
}

phagen_sdk::export_mapper!(MeshMapper);
