//! What the molecule is.

use phagen_domain::molecule::{MoleculeProperties, ResolvedMolecule};

use super::text::Page;

const NAMES_SHOWN: usize = 8;
const TARGETS_SHOWN: usize = 12;

pub(super) fn write(page: &mut Page, molecule: &ResolvedMolecule) {
    page.heading(&title(molecule));
    if let Some(key) = &molecule.inchi_key {
        page.wrapped("  InChIKey    ", key);
    }
    if let Some(smiles) = &molecule.smiles {
        page.wrapped("  SMILES      ", smiles);
    }
    if !molecule.synonyms.is_empty() {
        page.wrapped("  also called ", &list(&molecule.synonyms, NAMES_SHOWN));
    }
    match &molecule.properties {
        Some(properties) => page.wrapped("  structure   ", &structure(properties)),
        None => page.line("  structure   unknown"),
    }
    if let Some(mechanism) = &molecule.mechanism {
        page.wrapped("  mechanism   ", mechanism);
    }
    if !molecule.targets.is_empty() {
        page.wrapped("  targets     ", &list(&molecule.targets, TARGETS_SHOWN));
    }
    if !molecule.approved_by.is_empty() {
        page.wrapped(
            "  approved by ",
            &molecule.approved_by.join(", ").to_uppercase(),
        );
    }
    for other in &molecule.also_named {
        page.wrapped(
            "  note        ",
            &format!("the name may also mean {} ({})", other.name, other.drug_id),
        );
    }
    for note in &molecule.notes {
        page.wrapped("  note        ", note);
    }
}

fn title(molecule: &ResolvedMolecule) -> String {
    match (&molecule.preferred_name, &molecule.drug_id) {
        (Some(name), Some(id)) if *name != molecule.name => {
            format!("{} = {name} ({id})", molecule.name)
        }
        (_, Some(id)) => format!("{} ({id})", molecule.name),
        _ => format!("{} (not in the drug list)", molecule.name),
    }
}

fn structure(properties: &MoleculeProperties) -> String {
    format!(
        "{} · {:.2} g/mol · logP {:.2} · TPSA {:.1} Å² · {} H-bond donors, {} acceptors · {} rotatable bonds · {} rings",
        properties.formula,
        properties.molecular_weight,
        properties.log_p,
        properties.tpsa,
        properties.n_hydrogen_bond_donors,
        properties.n_hydrogen_bond_acceptors,
        properties.n_rotatable_bonds,
        properties.n_rings
    )
}

/// Entries that do not fit are counted.
fn list(entries: &[String], n_shown: usize) -> String {
    let shown = entries
        .iter()
        .take(n_shown)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match entries.len().saturating_sub(n_shown) {
        0 => shown,
        rest => format!("{shown} and {rest} more"),
    }
}
