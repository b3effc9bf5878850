//! One molecule–disease pair as the gates see it, and the questions they ask of it.

use phagen_domain::{evidence::EvidenceId, finding::Stance, mesh::Descriptor};

use super::{
    Gap,
    level::{Level, Outcome},
    trial::{Fate, Phase, StopClass, TrialFacts},
};

/// Everything a gate may look at.
pub(crate) struct Case<'a> {
    pub descriptor: &'a Descriptor,
    pub stance: Stance,
    pub said: Vec<Said>,
    /// Labels of the molecule that name the disease, or a form of it, as a use.
    pub label_uses: Vec<EvidenceId>,
    /// Labels whose contraindications or boxed warning name the disease.
    pub label_warnings: Vec<EvidenceId>,
    pub gaps: &'a [Gap],
    /// A regulator approved the molecule for some use, and no label of it is at hand to say which.
    pub approved_elsewhere: bool,
}

/// What one piece of evidence says of the pair.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub evidence_id: EvidenceId,
    pub stance: Stance,
    pub negated: bool,
    pub level: Level,
    pub outcome: Outcome,
    pub trial: Option<TrialFacts>,
}

impl Said {
    /// Claims a use, and does not say that it failed.
    pub(super) fn supports(&self) -> bool {
        self.stance == Stance::Treats && !self.negated && self.outcome != Outcome::Null
    }
}

impl Case<'_> {
    pub(super) fn supporting(&self) -> Vec<EvidenceId> {
        self.ids(Said::supports)
    }

    /// Randomised results and reviews that say outright that it worked.
    pub(super) fn positives(&self) -> Vec<EvidenceId> {
        self.ids(|said| {
            said.supports()
                && said.level.is_randomised_or_review()
                && said.outcome == Outcome::Positive
        })
    }

    /// Randomised results and reviews that found no effect, or harm.
    pub(super) fn refuting(&self) -> Vec<EvidenceId> {
        self.ids(|said| {
            said.level.is_randomised_or_review()
                && (said.outcome == Outcome::Null || said.stance == Stance::Causes)
        })
    }

    pub(super) fn stopped_against(&self) -> Vec<(EvidenceId, Phase, StopClass)> {
        self.stopped(StopClass::speaks_against)
    }

    pub(super) fn stopped_neutrally(&self) -> Vec<EvidenceId> {
        self.stopped(|class| !class.speaks_against())
            .into_iter()
            .map(|(id, _, _)| id)
            .collect()
    }

    fn stopped(&self, which: fn(StopClass) -> bool) -> Vec<(EvidenceId, Phase, StopClass)> {
        self.said
            .iter()
            .filter_map(|said| match said.trial?.fate {
                Fate::Stopped(class) if which(class) => {
                    Some((said.evidence_id.clone(), said.trial?.phase, class))
                }
                _ => None,
            })
            .collect()
    }

    fn ids(&self, which: impl Fn(&Said) -> bool) -> Vec<EvidenceId> {
        self.said
            .iter()
            .filter(|said| which(said))
            .map(|said| said.evidence_id.clone())
            .collect()
    }
}
