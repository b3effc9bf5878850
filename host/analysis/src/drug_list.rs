//! The drug list: which names stand for which substances, with structure and mechanism. Read once,
//! kept small, never changed. It holds no indications, so nothing here can leak into suggestions.

use std::{collections::BTreeSet, hash::BuildHasher, path::Path};

use phagen_domain::digest::Digest;
use serde::{Deserialize, Deserializer};

use crate::{
    names::fold,
    read::{self, ListError},
};

/// One substance of the list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Drug {
    pub id: Box<str>,
    pub name: Box<str>,
    #[serde(default)]
    pub synonyms: Box<[Box<str>]>,
    #[serde(default, deserialize_with = "plain_smiles")]
    pub smiles: Option<Box<str>>,
    #[serde(rename = "inchikey")]
    pub inchi_key: Option<Box<str>>,
    /// Mechanism of action; `|` between several.
    #[serde(rename = "moa")]
    pub mechanism: Option<Box<str>>,
    /// Gene symbols.
    #[serde(default)]
    pub targets: Box<[Box<str>]>,
    /// Regulators that approved it for some use: `fda`, `ema`, `pmda`.
    #[serde(default, rename = "approved")]
    pub approved_by: Box<[Box<str>]>,
    /// Highest phase it reached, such as `Launched`.
    phase: Option<Box<str>>,
}

/// All substances, found by name or structure.
pub struct DrugList {
    drugs: Vec<Drug>,
    /// Hash of a folded name, and the drug; sorted. 16 bytes a name, where a map of strings takes 80.
    names: Vec<(u64, u32)>,
    inchi_keys: Vec<(u64, u32)>,
    hasher: std::hash::RandomState,
    digest: Digest,
}

impl DrugList {
    /// Reads JSON lines, packed with gzip or not.
    pub fn read(path: &Path) -> Result<Self, ListError> {
        let (text, digest) = read::text(path)?;
        let mut drugs = Vec::new();
        for (line, row) in (1..).zip(text.lines()) {
            if row.trim().is_empty() {
                continue;
            }
            drugs
                .push(serde_json::from_str(row).map_err(|e| ListError::malformed(path, line, &e))?);
        }
        drugs.shrink_to_fit();
        Ok(Self::of(drugs, digest))
    }

    /// Every drug that `name` stands for, the likeliest first: one that is called so before one
    /// that is also called so, one on the market before one that is not, then by id.
    pub fn find(&self, name: &str) -> Vec<&Drug> {
        let folded = fold(name);
        if folded.is_empty() {
            return Vec::new();
        }
        let mut found: Vec<&Drug> = self
            .by_hash(&self.names, &folded)
            .filter(|drug| drug.names().any(|name| fold(name) == folded))
            .collect();
        found.sort_by_key(|drug| {
            (
                fold(&drug.name) != folded,
                drug.phase.as_deref() != Some("Launched"),
                &drug.id,
            )
        });
        found.dedup_by_key(|drug| &drug.id);
        found
    }

    /// Every drug with this standard `InChIKey`, by id.
    pub fn find_by_inchi_key(&self, inchi_key: &str) -> Vec<&Drug> {
        let mut found: Vec<&Drug> = self
            .by_hash(&self.inchi_keys, inchi_key)
            .filter(|drug| drug.inchi_key.as_deref() == Some(inchi_key))
            .collect();
        found.sort_by_key(|drug| &drug.id);
        found
    }

    /// Digest of the file it was read from.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub fn len(&self) -> usize {
        self.drugs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.drugs.is_empty()
    }

    fn of(drugs: Vec<Drug>, digest: Digest) -> Self {
        let hasher = std::hash::RandomState::new();
        let mut names = BTreeSet::new();
        let mut inchi_keys = BTreeSet::new();
        for (index, drug) in (0_u32..).zip(&drugs) {
            names.extend(
                drug.names()
                    .map(|name| (hasher.hash_one(fold(name)), index)),
            );
            if let Some(key) = &drug.inchi_key {
                inchi_keys.insert((hasher.hash_one(key.as_ref()), index));
            }
        }
        Self {
            names: names.into_iter().collect(),
            inchi_keys: inchi_keys.into_iter().collect(),
            drugs,
            hasher,
            digest,
        }
    }

    fn by_hash<'a>(
        &'a self,
        index: &'a [(u64, u32)],
        text: &str,
    ) -> impl Iterator<Item = &'a Drug> {
        let hash = self.hasher.hash_one(text);
        let start = index.partition_point(|(other, _)| *other < hash);
        index[start..]
            .iter()
            .take_while(move |(other, _)| *other == hash)
            .map(|(_, drug)| &self.drugs[*drug as usize])
    }
}

/// SMILES alone: some rows go on with its writer's notes (` |c:17,t:8|`).
fn plain_smiles<'de, D: Deserializer<'de>>(row: D) -> Result<Option<Box<str>>, D::Error> {
    let written = Option::<Box<str>>::deserialize(row)?;
    Ok(written.and_then(|smiles| smiles.split_whitespace().next().map(Into::into)))
}

impl Drug {
    /// Its name, then its synonyms.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_ref()).chain(self.synonyms.iter().map(AsRef::as_ref))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn list(rows: &str) -> Result<DrugList, ListError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(rows.as_bytes()).unwrap();
        DrugList::read(file.path())
    }

    #[test]
    fn a_name_is_found_whatever_its_case_accents_and_hyphens() {
        let drugs = list(
            r#"{"id":"DB00945","name":"Acetylsalicylic acid","synonyms":["Aspirin","Acide acétylsalicylique"]}"#,
        )
        .unwrap();
        for name in [
            "aspirin",
            " ASPIRIN ",
            "acetylsalicylic-acid",
            "acide acetylsalicylique",
        ] {
            assert_eq!(drugs.find(name).len(), 1, "{name}");
        }
        assert!(drugs.find("asprin").is_empty());
        assert!(drugs.find(" - ").is_empty());
    }

    #[test]
    fn a_name_that_stands_for_two_drugs_finds_both_the_proper_one_first() {
        let drugs = list(concat!(
            r#"{"id":"DB00001","name":"Esomeprazole","synonyms":["omeprazole"],"phase":"Launched"}"#,
            "\n",
            r#"{"id":"DB00002","name":"Omeprazole"}"#,
            "\n\n"
        ))
        .unwrap();
        let ids: Vec<&str> = drugs
            .find("Omeprazole")
            .iter()
            .map(|d| d.id.as_ref())
            .collect();
        assert_eq!(ids, ["DB00002", "DB00001"]);
    }

    #[test]
    fn a_structure_is_read_without_the_notes_behind_it() {
        let drugs = list(r#"{"id":"DB1","name":"Ethene","smiles":"C=C |c:0|"}"#).unwrap();
        assert_eq!(drugs.find("ethene")[0].smiles.as_deref(), Some("C=C"));
    }

    #[test]
    fn a_malformed_line_is_named() {
        let error = list("{\"id\":\"DB1\",\"name\":\"A\"}\nnonsense\n")
            .err()
            .unwrap();
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}
