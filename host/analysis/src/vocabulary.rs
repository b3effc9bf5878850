//! MeSH descriptors of diseases: names and tree numbers, without the synonyms, which only the
//! mapper needs. Read once, kept small, never changed.

use std::path::Path;

use phagen_domain::{
    digest::Digest,
    mesh::{Descriptor, MeshId},
};

use crate::read::{self, ListError};

/// The two files, and in each the column that holds tree numbers.
const FILES: [(&str, &str); 2] = [
    ("mesh_disease.tsv.gz", "tree_numbers"),
    ("mesh_disease_scr.tsv.gz", "parent_tree_numbers"),
];

/// All descriptors, by id.
pub struct MeshVocabulary {
    /// Sorted by id.
    descriptors: Vec<Descriptor>,
    digest: Digest,
}

impl MeshVocabulary {
    /// Reads `mesh_disease.tsv.gz` and `mesh_disease_scr.tsv.gz` of a folder.
    pub fn read(folder: &Path) -> Result<Self, ListError> {
        let mut descriptors = Vec::new();
        let mut digests = Vec::new();
        for (file, column) in FILES {
            let path = folder.join(file);
            let (text, digest) = read::text(&path)?;
            digests.extend_from_slice(digest.as_bytes());
            read_rows(&path, &text, column, &mut descriptors)?;
        }
        descriptors.sort_by(|a, b| a.mesh_id.cmp(&b.mesh_id));
        descriptors.dedup_by(|a, b| a.mesh_id == b.mesh_id);
        descriptors.shrink_to_fit();
        Ok(Self {
            descriptors,
            digest: Digest::of(&digests),
        })
    }

    pub fn descriptor(&self, mesh_id: &MeshId) -> Option<&Descriptor> {
        self.descriptors
            .binary_search_by(|descriptor| descriptor.mesh_id.cmp(mesh_id))
            .ok()
            .map(|index| &self.descriptors[index])
    }

    /// Digest of the files it was read from.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub fn len(&self) -> usize {
        self.descriptors.len()
    }

    pub fn is_empty(&self) -> bool {
        self.descriptors.is_empty()
    }
}

fn read_rows(
    path: &Path,
    text: &str,
    tree_column: &str,
    descriptors: &mut Vec<Descriptor>,
) -> Result<(), ListError> {
    let mut rows = (1..).zip(text.lines());
    let header: Vec<&str> = rows
        .next()
        .map_or_else(Vec::new, |(_, row)| row.split('\t').collect());
    let column = |name: &str| {
        header
            .iter()
            .position(|column| *column == name)
            .ok_or_else(|| ListError::malformed(path, 1, &format!("no column `{name}`")))
    };
    let (id, name, trees) = (column("mesh_id")?, column("name")?, column(tree_column)?);
    for (line, row) in rows {
        let cells: Vec<&str> = row.split('\t').collect();
        let cell = |index: usize| {
            cells
                .get(index)
                .copied()
                .ok_or_else(|| ListError::malformed(path, line, &format!("no cell {}", index + 1)))
        };
        // The source's own root rows (`C`, `Diseases`) are no descriptors.
        let Ok(mesh_id) = cell(id)?.parse() else {
            continue;
        };
        descriptors.push(Descriptor {
            mesh_id,
            name: cell(name)?.to_owned(),
            tree_numbers: cell(trees)?
                .split('|')
                .filter(|place| !place.is_empty())
                .map(str::to_owned)
                .collect(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_and_a_supplementary_record_are_found_by_id() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/vocabulary");
        let vocabulary = MeshVocabulary::read(&folder).unwrap();
        let name = |id: &str| {
            vocabulary
                .descriptor(&id.parse().unwrap())
                .map(|d| (d.name.clone(), d.tree_numbers.is_empty()))
        };
        assert_eq!(name("D006073"), Some(("Gout".to_owned(), false)));
        assert_eq!(
            name("C000591739").map(|(_, no_place)| no_place),
            Some(false)
        );
        assert_eq!(name("D999999"), None);
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = MeshVocabulary::read(Path::new("/nowhere")).err().unwrap();
        assert!(error.to_string().contains("mesh_disease.tsv.gz"), "{error}");
    }
}
