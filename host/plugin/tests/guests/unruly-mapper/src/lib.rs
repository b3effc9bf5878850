//! A mapper that misbehaves as its configuration says, for tests of the plugin room. Never shipped.
//! When it behaves, it finds the first word of every passage and calls it asthma.
//!
//! | `mode` | what is wrong with each finding |
//! |---|---|
//! | `ok` | nothing |
//! | `basis` | nothing; it names a basis and no span |
//! | `beyond` | its span ends behind the passage |
//! | `backwards` | its span ends before it begins |
//! | `half-character` | its span ends inside a character |
//! | `no-passage` | its passage does not exist |
//! | `foreign` | its evidence was not asked about |
//! | `bad-mesh` | its MeSH id is none |
//! | `unknown-stance` | its stance is none |
//! | `nan` | its score is not a number |
//! | `flood` | it comes 100,000 times |
//!
//! `loop` never returns, `trap` panics and `fail` fails.

use phagen_sdk::{
    Context, Description, Document, Failure, Finding, Ground, Mapper, Molecule, Passage, Span,
};

/// How often `flood` repeats a finding.
const N_FLOOD: usize = 100_000;

/// Does as its mode says.
pub struct UnrulyMapper {
    mode: String,
}

impl Mapper for UnrulyMapper {
    fn describe() -> Description {
        phagen_sdk::describe!("Misbehaves as configured, for tests")
    }

    fn init(context: &Context) -> Result<Self, Failure> {
        let mode = context
            .config("mode")
            .ok_or_else(|| Failure::invalid_config("`mode` is missing"))?;
        Ok(Self {
            mode: mode.to_owned(),
        })
    }

    fn find(
        &self,
        molecule: Option<&Molecule>,
        documents: &[Document],
    ) -> Result<Vec<Finding>, Failure> {
        let mut findings = Vec::new();
        for document in documents {
            for passage in &document.passages {
                let mut finding = first_word(&document.evidence_id, passage)?;
                if molecule.is_some() {
                    finding.stance = "treats".into();
                }
                self.spoil(&mut finding, passage)?;
                let n_copies = if self.mode == "flood" { N_FLOOD } else { 1 };
                findings.extend(std::iter::repeat_n(finding, n_copies));
            }
        }
        Ok(findings)
    }
}

phagen_sdk::export_mapper!(UnrulyMapper);

impl UnrulyMapper {
    fn spoil(&self, finding: &mut Finding, passage: &Passage) -> Result<(), Failure> {
        let length = passage.text.len();
        let at = |start, end| Span::new(passage.ordinal, start..end).map(Ground::Span);
        match self.mode.as_str() {
            "ok" | "flood" => {}
            "basis" => finding.ground = Ground::Basis("a table of first words".into()),
            "beyond" => finding.ground = at(0, length + 1)?,
            "backwards" => finding.ground = at(length, 0)?,
            "half-character" => {
                let inside = (0..length).find(|&byte| !passage.text.is_char_boundary(byte));
                let missing = || Failure::invalid_input("a passage has no long character");
                finding.ground = at(0, inside.ok_or_else(missing)?)?;
            }
            "no-passage" => {
                finding.ground = Span::new(u32::MAX, 0..1).map(Ground::Span)?;
            }
            "foreign" => finding.evidence_id = "PMID:999999999".into(),
            "bad-mesh" => finding.mesh_id = "asthma".into(),
            "unknown-stance" => finding.stance = "ponders".into(),
            "nan" => finding.score = f32::NAN,
            "loop" => loop {
                std::hint::spin_loop();
            },
            "trap" => panic!("told to trap in `find`"),
            "fail" => return Err(Failure::internal("told to fail")),
            other => return Err(Failure::invalid_config(format!("`mode` is `{other}`"))),
        }
        Ok(())
    }
}

fn first_word(evidence_id: &str, passage: &Passage) -> Result<Finding, Failure> {
    let word = passage.text.split(' ').next().unwrap_or_default();
    Ok(Finding {
        evidence_id: evidence_id.to_owned(),
        ground: Ground::Span(Span::new(passage.ordinal, 0..word.len())?),
        mesh_id: "D001249".into(),
        matched_text: word.to_owned(),
        negated: false,
        stance: "neither".into(),
        score: 1.0,
    })
}

#[cfg(test)]
mod tests {
    use phagen_sdk::testing::Harness;

    use super::*;

    #[test]
    fn the_harness_sees_what_breaks_the_contract() {
        let document = Document {
            evidence_id: "PMID:1".into(),
            passages: vec![Passage::title("Asthma é")],
        };
        let find = |mode| {
            let mapper = Harness::new().config("mode", mode).mapper::<UnrulyMapper>();
            mapper.unwrap().find(None, std::slice::from_ref(&document))
        };
        for mode in ["ok", "basis"] {
            assert_eq!(find(mode).unwrap().len(), 1, "{mode}");
        }
        for mode in [
            "beyond",
            "backwards",
            "half-character",
            "no-passage",
            "foreign",
            "bad-mesh",
            "nan",
        ] {
            assert_eq!(find(mode).unwrap_err().code, "internal", "{mode}");
        }
    }
}
