//! What the molecule's own labels say of diseases: which are uses, and which it must not be given in.
//! A label of another substance says nothing here.

use std::collections::BTreeSet;

use phagen_domain::{
    evidence::EvidenceId,
    finding::{Finding, Stance},
    mesh::Descriptor,
};
use phagen_ranking::is_ancestor;

use crate::{
    assess::level::Level,
    claims::{Sources, is_about_uses},
    vocabulary::MeshVocabulary,
};

/// What the molecule's own labels say, by descriptor.
pub(crate) struct Labels<'a> {
    uses: Vec<(&'a Descriptor, EvidenceId)>,
    warnings: Vec<(&'a Descriptor, EvidenceId)>,
}

impl<'a> Labels<'a> {
    pub(crate) fn read(
        claims: &[Finding],
        sources: &Sources<'_>,
        vocabulary: &'a MeshVocabulary,
    ) -> Self {
        let mut labels = Self {
            uses: Vec::new(),
            warnings: Vec::new(),
        };
        for claim in claims {
            let is_label = sources
                .get(&claim.evidence_id)
                .is_some_and(|source| source.level == Level::Label);
            let Some(descriptor) = vocabulary.descriptor(&claim.mesh_id) else {
                continue;
            };
            if !is_label || claim.negated {
                continue;
            }
            let section = sources.section(claim).unwrap_or_default();
            let said = (descriptor, claim.evidence_id.clone());
            if claim.stance == Stance::Treats && is_about_uses(&section) {
                labels.uses.push(said);
            } else if section.contains("boxed") || section.contains("contraindication") {
                labels.warnings.push(said);
            }
        }
        labels
    }

    /// Labels that name the disease or a form of it. A general use says nothing of each form.
    pub(crate) fn uses(&self, of: &Descriptor) -> Vec<EvidenceId> {
        Self::of(&self.uses, |named| {
            named.mesh_id == of.mesh_id || is_ancestor(of, named)
        })
    }

    pub(crate) fn warnings(&self, of: &Descriptor) -> Vec<EvidenceId> {
        Self::of(&self.warnings, |named| named.mesh_id == of.mesh_id)
    }

    fn of(
        named: &[(&Descriptor, EvidenceId)],
        which: impl Fn(&Descriptor) -> bool,
    ) -> Vec<EvidenceId> {
        let ids: BTreeSet<EvidenceId> = named
            .iter()
            .filter(|(descriptor, _)| which(descriptor))
            .map(|(_, id)| id.clone())
            .collect();
        ids.into_iter().collect()
    }
}
