//! Chemical structures: SMILES checked and written in one way, the standard InChIKey, properties,
//! and a drawing. The only module that knows the chemistry library.

use std::sync::Mutex;

use chematic::{
    chem, core as graph, depict,
    smiles::{self, CanonicalizationLimits, SmilesParseLimits},
};
use phagen_domain::{job::JobRequest, molecule::MoleculeProperties};

/// Search nodes and symmetry tests allowed for one canonical SMILES.
const MAX_CANONICAL_STEPS: usize = 20_000;

/// Unconnected parts, such as counter-ions, for which one SMILES is looked for: between many equal
/// ones each step of the search takes longer than the last, and no bound on steps bounds the time.
const MAX_CANONICAL_PARTS: usize = 16;

/// The InChI library keeps state between its calls.
static INCHI: Mutex<()> = Mutex::new(());

/// A structure that parsed.
pub struct Structure {
    molecule: graph::Molecule,
    n_parts: usize,
}

/// Why a SMILES was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("smiles is malformed at character {position}: {reason}")]
pub struct SmilesError {
    /// 1-based, in characters; one past the end when the text ends too early.
    pub position: usize,
    pub reason: String,
}

/// Parses `text` as SMILES, within [`JobRequest::MAX_SMILES_CHARS`] and
/// [`JobRequest::MAX_SMILES_ATOMS`].
pub fn check_smiles(text: &str) -> Result<Structure, SmilesError> {
    let refuse = |position: usize, reason: String| Err(SmilesError { position, reason });
    if let Some(index) = text.chars().position(|c| !c.is_ascii_graphic()) {
        return refuse(
            index + 1,
            "only printable ASCII without spaces is SMILES".to_owned(),
        );
    }
    if text.len() > JobRequest::MAX_SMILES_CHARS {
        return refuse(
            JobRequest::MAX_SMILES_CHARS + 1,
            format!("longer than {} characters", JobRequest::MAX_SMILES_CHARS),
        );
    }
    let limits = SmilesParseLimits {
        max_input_bytes: JobRequest::MAX_SMILES_CHARS,
        max_atoms: JobRequest::MAX_SMILES_ATOMS,
        max_bonds: 2 * JobRequest::MAX_SMILES_ATOMS,
    };
    match smiles::parse_with_limits(text, &limits) {
        Ok(molecule) if molecule.atom_count() == 0 => refuse(1, "no atoms".to_owned()),
        Ok(molecule) => Ok(Structure {
            molecule,
            n_parts: 1 + text.matches('.').count(),
        }),
        Err(error) => refuse(position_of(&error, text) + 1, reason_of(&error)),
    }
}

/// Draws the structure as an SVG document.
pub fn structure_svg(smiles: &str) -> Result<String, SmilesError> {
    check_smiles(smiles).map(|structure| depict::depict_svg(&structure.molecule))
}

impl Structure {
    /// The one SMILES of the molecule, as RDKit writes it. What RDKit's chemistry refuses is
    /// written in one way too, but as it was drawn; none when that takes unbounded time.
    pub fn canonical_smiles(&self) -> Option<String> {
        if self.n_parts > MAX_CANONICAL_PARTS {
            return None;
        }
        if let Ok(canonical) = smiles::rdkit_canonical_smiles(&self.molecule) {
            return Some(canonical);
        }
        let limits = CanonicalizationLimits {
            max_search_nodes: Some(MAX_CANONICAL_STEPS),
            max_automorphism_tests: Some(MAX_CANONICAL_STEPS),
        };
        smiles::canonical_smiles_with_limits(&self.molecule, &limits).ok()
    }

    /// The standard InChIKey; none where InChI is not defined, such as for bare hydrogen.
    pub fn inchi_key(&self) -> Option<String> {
        let _turn = INCHI
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        chematic_inchi::standard_inchi(&self.molecule)
            .and_then(|inchi| chematic_inchi::standard_inchi_key(&inchi))
            .ok()
    }

    pub fn properties(&self) -> MoleculeProperties {
        let molecule = &self.molecule;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        MoleculeProperties {
            formula: chem::calc_mol_formula(molecule),
            molecular_weight: rounded(chem::rdkit_molecular_weight(molecule), 3),
            log_p: rounded(
                smiles::rdkit_crippen_logp_mr(molecule)
                    .map_or_else(|| chem::logp_crippen(molecule), |(log_p, _)| log_p),
                4,
            ),
            tpsa: rounded(chem::rdkit_tpsa(molecule), 2),
            n_hydrogen_bond_donors: count(chem::hbd_count(molecule)),
            n_hydrogen_bond_acceptors: count(chem::rdkit_hba_count(molecule)),
            n_rotatable_bonds: count(chem::rotatable_bond_count(molecule)),
            n_heavy_atoms: count(chem::heavy_atom_count(molecule)),
            n_rings: count(chem::ring_count(molecule)),
        }
    }
}

fn rounded(value: f64, digits: i32) -> f64 {
    let factor = 10_f64.powi(digits);
    (value * factor).round() / factor
}

/// 0-based byte offset in an ASCII text.
fn position_of(error: &smiles::SmilesError, text: &str) -> usize {
    use smiles::SmilesError as E;
    match error {
        E::UnexpectedEnd { pos }
        | E::UnknownElement { pos, .. }
        | E::UnmatchedRingClosure { pos, .. }
        | E::UnmatchedExtendedRingClosure { pos, .. }
        | E::MismatchedParentheses { pos }
        | E::InvalidBracketAtom { pos, .. }
        | E::ConflictingRingBond { pos, .. }
        | E::ConflictingExtendedRingBond { pos, .. }
        | E::NestingTooDeep { pos }
        | E::UnexpectedCharacter { pos }
        | E::UnsupportedChiralityClass { pos, .. } => *pos,
        E::InvalidValence { atom, .. } => position_of_atom(text, *atom),
        E::ResourceLimit { limit, .. } => position_of_atom(text, *limit),
        E::EmptyInput => 0,
    }
}

/// The library ends its sentences with the position; ours stands before them.
fn reason_of(error: &smiles::SmilesError) -> String {
    let text = error.to_string();
    match text.split_once(" at position ") {
        Some((before, after)) => {
            let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}{rest}")
        }
        None => text,
    }
}

/// Where atom `n` (0-based) begins, by a reading of brackets and symbols alone.
fn position_of_atom(text: &str, n: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut index, mut n_seen) = (0, 0);
    while index < bytes.len() {
        let length = match bytes[index] {
            b'[' => text[index..]
                .find(']')
                .map_or(text.len() - index, |end| end + 1),
            b'C' if bytes.get(index + 1) == Some(&b'l') => 2,
            b'B' if bytes.get(index + 1) == Some(&b'r') => 2,
            byte if byte.is_ascii_alphabetic() || byte == b'*' => 1,
            _ => {
                index += 1;
                continue;
            }
        };
        if n_seen == n {
            return index;
        }
        n_seen += 1;
        index += length;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(smiles: &str) -> String {
        check_smiles(smiles).unwrap().inchi_key().unwrap()
    }

    #[test]
    fn inchi_keys_are_the_standard_ones() {
        for (smiles, expected) in [
            ("CC(=O)Oc1ccccc1C(=O)O", "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"),
            (
                "CN1C=NC2=C1C(=O)N(C)C(=O)N2C",
                "RYYVLZVUVIJVGH-UHFFFAOYSA-N",
            ),
            ("CN(C)C(=N)NC(N)=N", "XZWYZXLIPXDOLR-UHFFFAOYSA-N"),
            (
                "CC\\C(=C(/C1=CC=CC=C1)C1=CC=C(OCCN(C)C)C=C1)C1=CC=CC=C1",
                "NKANXQFJJICGDU-QPLCGJKRSA-N",
            ),
        ] {
            assert_eq!(key(smiles), expected);
        }
    }

    #[test]
    fn a_structure_of_too_many_parts_has_no_canonical_smiles() {
        let parts = |n: usize| {
            let text = format!("C(C)(C)(C)(C)C{}", ".CC".repeat(n - 1));
            check_smiles(&text).unwrap().canonical_smiles()
        };
        assert!(parts(MAX_CANONICAL_PARTS).is_some());
        assert_eq!(parts(MAX_CANONICAL_PARTS + 1), None);
        assert_eq!(parts(200), None);
    }

    #[test]
    fn one_molecule_has_one_canonical_smiles() {
        for smiles in [
            "OC(=O)c1ccccc1OC(C)=O",
            "CC(=O)OC1=CC=CC=C1C(O)=O",
            "c1cccc(OC(C)=O)c1C(=O)O",
        ] {
            assert_eq!(
                check_smiles(smiles).unwrap().canonical_smiles().unwrap(),
                "CC(=O)Oc1ccccc1C(=O)O"
            );
        }
    }

    #[test]
    fn properties_of_aspirin_are_those_of_rdkit() {
        let properties = check_smiles("CC(=O)Oc1ccccc1C(=O)O").unwrap().properties();
        assert_eq!(
            properties,
            MoleculeProperties {
                formula: "C9H8O4".to_owned(),
                molecular_weight: 180.159,
                log_p: 1.3101,
                tpsa: 63.6,
                n_hydrogen_bond_donors: 1,
                n_hydrogen_bond_acceptors: 3,
                n_rotatable_bonds: 2,
                n_heavy_atoms: 13,
                n_rings: 1,
            }
        );
    }

    #[test]
    fn malformed_smiles_are_refused_with_the_position() {
        for (text, position) in [
            ("", 1),
            ("CC(=O", 6),
            ("CCX", 3),
            ("C[Xx]C", 3),
            ("C C", 2),
            ("CÖC", 2),
            ("C)C", 2),
            ("CO(C)C", 2),
            ("C1CC", 5),
        ] {
            let error = check_smiles(text).err().unwrap();
            assert_eq!(error.position, position, "{text}: {error}");
            assert!(!error.reason.contains("position"), "{error}");
        }
    }

    #[test]
    fn length_and_atoms_are_bounded() {
        assert!(check_smiles(&"C".repeat(JobRequest::MAX_SMILES_ATOMS)).is_ok());
        let error = check_smiles(&"C".repeat(JobRequest::MAX_SMILES_ATOMS + 1)).err();
        assert_eq!(error.unwrap().position, JobRequest::MAX_SMILES_ATOMS + 1);
        let error = check_smiles(&"(".repeat(JobRequest::MAX_SMILES_CHARS + 1)).err();
        assert_eq!(error.unwrap().position, JobRequest::MAX_SMILES_CHARS + 1);
    }

    #[test]
    fn a_structure_that_takes_too_many_steps_has_no_canonical_smiles() {
        // RDKit refuses the first carbon, and rings of many sizes look alike until all are tried.
        let refused_with_rings = |n_rings: usize| {
            let rings = (3..)
                .take(n_rings)
                .map(|n| format!(".C1{}1", "C".repeat(n)));
            let smiles = format!("C(C)(C)(C)(C)C{}", rings.collect::<String>());
            check_smiles(&smiles).ok().unwrap().canonical_smiles()
        };
        assert!(refused_with_rings(3).is_some());
        assert_eq!(refused_with_rings(7), None);
    }

    #[test]
    fn a_structure_is_drawn_as_svg() {
        let svg = structure_svg("CC(=O)Oc1ccccc1C(=O)O").unwrap();
        assert!(svg.contains("<svg") && svg.contains("</svg>"));
        assert!(structure_svg("CC(").is_err());
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "[BCNOPSFIclnos0-9()\\[\\]=#@+/%.H-]{0,60}") {
            if let Ok(structure) = check_smiles(&text) {
                structure.canonical_smiles();
                structure.inchi_key();
                structure.properties();
            }
        }
    }
}
