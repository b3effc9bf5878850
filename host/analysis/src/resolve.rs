//! The first step: what the asked name stands for. Names and synonyms come from the drug list and
//! from the asker, structure facts from the structure alone. What nobody knows stays unknown.

use std::sync::Arc;

use phagen_domain::{
    job::JobRequest,
    molecule::{OtherDrug, ResolvedMolecule},
};
use tokio::task::spawn_blocking;

use crate::{
    drug_list::{Drug, DrugList},
    error::AnalysisError,
    names::{Names, fold},
    structure::{SmilesError, Structure, check_smiles},
};

/// Resolves the molecule of a request, off the async threads: a structure of a thousand atoms
/// takes long enough.
pub(crate) async fn resolve(
    request: &JobRequest,
    drugs: &Arc<DrugList>,
) -> Result<ResolvedMolecule, AnalysisError> {
    let name = request.molecule.clone();
    let (request, drugs) = (request.clone(), Arc::clone(drugs));
    match spawn_blocking(move || resolved(&request, &drugs)).await {
        Ok(Ok(molecule)) => Ok(molecule),
        Ok(Err(cause)) => Err(AnalysisError::Smiles {
            molecule: name,
            cause,
        }),
        Err(_) => Err(AnalysisError::Interrupted { molecule: name }),
    }
}

/// Fails when the asker's SMILES is malformed. A malformed one of the drug list is a note.
fn resolved(request: &JobRequest, drugs: &DrugList) -> Result<ResolvedMolecule, SmilesError> {
    let given = request.smiles.as_deref().map(check_smiles).transpose()?;
    let given_key = given.as_ref().and_then(Structure::inchi_key);
    let mut notes = Vec::new();
    let found = find(request, drugs, given_key.as_deref(), &mut notes);
    let drug = found.first().copied();

    let listed_smiles = drug.and_then(|drug| drug.smiles.as_deref());
    let structure = match (given, listed_smiles.map(check_smiles)) {
        (Some(given), _) => Some(given),
        (None, Some(Ok(listed))) => Some(listed),
        (None, Some(Err(error))) => {
            notes.push(format!("the drug list's structure was not read: {error}"));
            None
        }
        (None, None) => None,
    };
    let listed_key = drug.and_then(|drug| drug.inchi_key.as_deref());
    if let (Some(given), Some(listed), Some(drug)) = (&given_key, listed_key, drug)
        && !has_structure(drug, given)
    {
        notes.push(structure_note(given, listed));
    }
    let canonical = structure.as_ref().and_then(Structure::canonical_smiles);
    let molecule = ResolvedMolecule {
        name: request.molecule.trim().to_owned(),
        preferred_name: drug.map(|drug| drug.name.to_string()),
        drug_id: drug.map(|drug| drug.id.to_string()),
        synonyms: synonyms(request, drug),
        smiles: canonical
            .or_else(|| request.smiles.clone())
            .or_else(|| listed_smiles.map(str::to_owned)),
        inchi_key: match (given_key, listed_key) {
            (Some(given), Some(listed)) if drug.is_some_and(|d| has_structure(d, &given)) => {
                Some(listed.to_owned())
            }
            (Some(given), _) => Some(given),
            (None, Some(listed)) => Some(listed.to_owned()),
            (None, None) => structure.as_ref().and_then(Structure::inchi_key),
        },
        properties: structure.as_ref().map(Structure::properties),
        mechanism: drug.and_then(|d| d.mechanism.as_ref().map(|m| m.replace('|', "; "))),
        targets: owned(drug.map(|drug| drug.targets.as_ref())),
        approved_by: owned(drug.map(|drug| drug.approved_by.as_ref())),
        also_named: found[found.len().min(1)..]
            .iter()
            .map(|drug| OtherDrug {
                drug_id: drug.id.to_string(),
                name: drug.name.to_string(),
            })
            .collect(),
        notes,
    };
    Ok(with_naming_note(molecule))
}

fn owned(texts: Option<&[Box<str>]>) -> Vec<String> {
    let texts = texts.unwrap_or_default();
    texts.iter().map(ToString::to_string).collect()
}

/// The drugs meant, likeliest first. A structure decides between drugs of one name, and finds the
/// drug when the name is unknown.
fn find<'d>(
    request: &JobRequest,
    drugs: &'d DrugList,
    given_key: Option<&str>,
    notes: &mut Vec<String>,
) -> Vec<&'d Drug> {
    let mut found = drugs.find(&request.molecule);
    if let Some(key) = given_key {
        if found.is_empty() {
            found = drugs.find_by_inchi_key(key);
            if let Some(drug) = found.first() {
                notes.push(format!(
                    "the drug list does not know the name; the structure is that of `{}`",
                    drug.name
                ));
            }
        }
        found.sort_by_key(|drug| !has_structure(drug, key));
    }
    if found.len() > 1 {
        let others: Vec<&str> = found[1..].iter().map(|drug| drug.name.as_ref()).collect();
        notes.push(format!(
            "the name also stands for {}; read as `{}`",
            others.join(", "),
            found[0].name
        ));
    }
    found
}

/// Whether a standard `InChIKey` is the drug's: the listed one, or that of the listed structure,
/// since the list's own two do not always agree on stereochemistry.
fn has_structure(drug: &Drug, key: &str) -> bool {
    drug.inchi_key.as_deref() == Some(key)
        || drug
            .smiles
            .as_deref()
            .and_then(|smiles| check_smiles(smiles).ok()?.inchi_key())
            .is_some_and(|listed| listed == key)
}

/// The first block of an `InChIKey` is the skeleton.
fn structure_note(given: &str, listed: &str) -> String {
    let skeleton = |key: &str| key.split('-').next().map(str::to_owned);
    if skeleton(given) == skeleton(listed) {
        format!(
            "the given structure differs from the drug list's in stereochemistry, isotopes or charge (`{given}`, listed `{listed}`)"
        )
    } else {
        format!(
            "the given structure is another than the drug list's (`{given}`, listed `{listed}`)"
        )
    }
}

/// Every other name once, the list's proper name first, the asker's own last.
fn synonyms(request: &JobRequest, drug: Option<&Drug>) -> Vec<String> {
    let mut seen = vec![fold(&request.molecule)];
    let listed = drug.into_iter().flat_map(Drug::names);
    let mut synonyms = Vec::new();
    for name in listed.chain(request.synonyms.iter().map(String::as_str)) {
        let folded = fold(name);
        if !folded.is_empty() && !seen.contains(&folded) {
            seen.push(folded);
            synonyms.push(name.trim().to_owned());
        }
    }
    synonyms
}

fn with_naming_note(mut molecule: ResolvedMolecule) -> ResolvedMolecule {
    if Names::of(&molecule.to_molecule()).has_only_short_names() {
        molecule.notes.push(
            "every name has four letters or fewer, and such a name counts only beside a longer one: give a longer synonym".to_owned(),
        );
    }
    molecule
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::LazyLock};

    use super::*;

    static DRUGS: LazyLock<DrugList> = LazyLock::new(|| {
        let path = "../../data/vocabulary/drugs.jsonl.gz";
        DrugList::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
    });

    fn asked(molecule: &str, smiles: Option<&str>, synonyms: &[&str]) -> ResolvedMolecule {
        let request = JobRequest {
            molecule: molecule.to_owned(),
            smiles: smiles.map(str::to_owned),
            synonyms: synonyms.iter().map(|&s| s.to_owned()).collect(),
            sources: None,
            limit: JobRequest::DEFAULT_LIMIT,
            record: false,
        };
        resolved(&request, &DRUGS).unwrap()
    }

    #[test]
    fn aspirin_is_known_by_its_synonym() {
        let aspirin = asked(" aspirin ", None, &["ecotrin", "ASPIRIN"]);
        assert_eq!(aspirin.name, "aspirin");
        assert_eq!(
            aspirin.preferred_name.as_deref(),
            Some("Acetylsalicylic acid")
        );
        assert_eq!(aspirin.drug_id.as_deref(), Some("DB00945"));
        assert_eq!(aspirin.synonyms.first().unwrap(), "Acetylsalicylic acid");
        assert_eq!(aspirin.synonyms.last().unwrap(), "ecotrin");
        assert!(
            !aspirin
                .synonyms
                .iter()
                .any(|s| s.eq_ignore_ascii_case("aspirin"))
        );
        assert_eq!(
            aspirin.inchi_key.as_deref(),
            Some("BSYNRYMUTXBXSQ-UHFFFAOYSA-N")
        );
        assert_eq!(aspirin.properties.unwrap().formula, "C9H8O4");
        assert_eq!(
            aspirin.mechanism.as_deref(),
            Some("cyclooxygenase inhibitor")
        );
        assert_eq!(aspirin.approved_by, ["fda"]);
        assert!(aspirin.targets.contains(&"PTGS1".to_owned()));
        assert_eq!(aspirin.notes, [""; 0]);
    }

    #[test]
    fn a_name_that_stands_for_two_drugs_lists_the_others() {
        let omeprazole = asked("omeprazole", None, &[]);
        assert_eq!(omeprazole.drug_id.as_deref(), Some("DB00338"));
        assert_eq!(omeprazole.also_named[0].name, "Esomeprazole");
        assert!(omeprazole.notes[0].contains("Esomeprazole"));
    }

    #[test]
    fn a_structure_decides_between_drugs_of_one_name() {
        let escitalopram = DRUGS.find("Escitalopram")[0];
        let meant = asked("citalopram", escitalopram.smiles.as_deref(), &[]);
        assert_eq!(meant.preferred_name.as_deref(), Some("Escitalopram"));
    }

    #[test]
    fn a_structure_that_differs_from_the_list_is_noted() {
        let other = asked("aspirin", Some("CN1C=NC2=C1C(=O)N(C)C(=O)N2C"), &[]);
        assert!(other.notes[0].contains("another"), "{:?}", other.notes);
        assert_eq!(
            other.inchi_key.as_deref(),
            Some("RYYVLZVUVIJVGH-UHFFFAOYSA-N")
        );
        let same = asked("aspirin", Some("OC(=O)c1ccccc1OC(C)=O"), &[]);
        assert_eq!(same.notes, [""; 0]);
    }

    #[test]
    fn an_unknown_name_with_a_known_structure_finds_the_drug() {
        let coded = asked("BAY-1019036", Some("CC(=O)Oc1ccccc1C(=O)O"), &[]);
        assert_eq!(coded.drug_id.as_deref(), Some("DB00945"));
        assert!(coded.notes[0].contains("Acetylsalicylic acid"));
    }

    #[test]
    fn what_nobody_knows_stays_unknown() {
        let unknown = asked("zorbamycinol", None, &["zbm-1"]);
        assert_eq!(unknown.preferred_name, None);
        assert_eq!((unknown.smiles, unknown.inchi_key), (None, None));
        assert_eq!(unknown.synonyms, ["zbm-1"]);
    }

    #[test]
    fn only_short_names_are_noted() {
        assert!(asked("XQ7", None, &[]).notes[0].contains("four letters"));
    }
}
