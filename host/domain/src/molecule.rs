//! The substance a job asks about.

use serde::{Deserialize, Serialize};

/// A molecule as sources and guests see it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Molecule {
    pub name: String,
    /// Other names, without `name` itself.
    pub synonyms: Vec<String>,
    /// Canonical SMILES.
    pub smiles: Option<String>,
    /// Standard InChIKey, 27 characters.
    pub inchi_key: Option<String>,
}

impl Molecule {
    /// `name`, then every synonym.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.synonyms.iter().map(String::as_str))
    }
}

/// A molecule after resolution: what the drug list and the structure tell of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ResolvedMolecule {
    /// As it was asked for.
    pub name: String,
    /// Its name in the drug list; none when the list does not know it.
    pub preferred_name: Option<String>,
    /// Id in the drug list, such as `DB00945`.
    pub drug_id: Option<String>,
    pub synonyms: Vec<String>,
    /// Canonical SMILES.
    pub smiles: Option<String>,
    /// Standard InChIKey.
    pub inchi_key: Option<String>,
    pub properties: Option<MoleculeProperties>,
    /// Mechanism of action, as the drug list words it.
    pub mechanism: Option<String>,
    /// Gene symbols.
    pub targets: Vec<String>,
    /// Regulators that approved it for some use: `fda`, `ema`, `pmda`.
    pub approved_by: Vec<String>,
    /// Other drugs of the list that the asked name may also mean.
    pub also_named: Vec<OtherDrug>,
    /// What the reader should know, such as a SMILES that differs from the drug list's.
    pub notes: Vec<String>,
}

impl ResolvedMolecule {
    /// What sources and guests get to see.
    pub fn to_molecule(&self) -> Molecule {
        Molecule {
            name: self.name.clone(),
            synonyms: self.synonyms.clone(),
            smiles: self.smiles.clone(),
            inchi_key: self.inchi_key.clone(),
        }
    }
}

/// A drug that shares a name with the one asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OtherDrug {
    pub drug_id: String,
    pub name: String,
}

/// Computed from the structure alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MoleculeProperties {
    /// Hill notation.
    pub formula: String,
    /// Average mass, g/mol.
    pub molecular_weight: f64,
    /// Crippen logP.
    pub log_p: f64,
    /// Topological polar surface area as RDKit counts it (N and O), Å².
    pub tpsa: f64,
    pub n_hydrogen_bond_donors: u32,
    pub n_hydrogen_bond_acceptors: u32,
    pub n_rotatable_bonds: u32,
    pub n_heavy_atoms: u32,
    pub n_rings: u32,
}
