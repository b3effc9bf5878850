//! What the kind of a section says before any sentence is read: an indication is a use, and what a
//! label warns of never is.

use super::{Stance, Verdict, frame};
use crate::cue::Cue;
use crate::recognise::Mention;
use crate::sentence::Sentence;

/// A disease named under a label's indications, without a cue of its own.
const INDICATION_STRENGTH: f32 = 0.7;
/// A condition of a trial whose intervention is the molecule.
const CONDITION_STRENGTH: f32 = 0.6;
/// A disease named under a label's adverse reactions.
const ADVERSE_STRENGTH: f32 = 0.6;

/// A sentence of so few tokens is a heading: "1.2 Hypertension".
const MAX_HEADING_TOKENS: usize = 10;
/// A cause is believed even under the indications when its cues are this strong.
const SURE_STRENGTH: f32 = 0.8;

/// The kinds of section that change the reading of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Indications,
    Contraindications,
    Warnings,
    AdverseReactions,
    Conditions,
    Interventions,
    Other,
}

impl Section {
    /// By its heading, such as `INDICATIONS & USAGE`.
    pub fn named(heading: Option<&str>) -> Self {
        const KINDS: [(&str, Section); 9] = [
            ("INDICATIONS", Section::Indications),
            ("USES", Section::Indications),
            ("CONTRAINDICATIONS", Section::Contraindications),
            ("ADVERSE REACTIONS", Section::AdverseReactions),
            ("WARNINGS", Section::Warnings),
            ("BOXED WARNING", Section::Warnings),
            ("PRECAUTIONS", Section::Warnings),
            ("CONDITIONS", Section::Conditions),
            ("INTERVENTIONS", Section::Interventions),
        ];
        let begins = |word: &str| {
            heading
                .and_then(|heading| heading.get(..word.len()))
                .is_some_and(|head| head.eq_ignore_ascii_case(word))
        };
        KINDS
            .iter()
            .find(|(word, _)| begins(word))
            .map_or(Self::Other, |(_, kind)| *kind)
    }

    /// The verdict as this section lets it stand.
    pub(super) fn settle(
        self,
        verdict: Verdict,
        sentence: &Sentence,
        mention: &Mention,
        about_molecule: bool,
    ) -> Verdict {
        match self {
            Self::Indications if about_molecule => indicated(verdict, sentence, mention),
            Self::Contraindications | Self::Warnings if verdict.stance == Stance::Treats => {
                Verdict::NEITHER
            }
            Self::AdverseReactions if about_molecule && verdict.stance != Stance::Causes => {
                Verdict {
                    stance: Stance::Causes,
                    strength: ADVERSE_STRENGTH,
                }
            }
            Self::Conditions if about_molecule && verdict.stance == Stance::Neither => Verdict {
                stance: Stance::Treats,
                strength: CONDITION_STRENGTH,
            },
            _ => verdict,
        }
    }
}

/// Under the indications a disease is a use where the sentence says what the drug is for, or is no
/// more than a heading; not where the label refuses, warns, or describes the disease.
fn indicated(verdict: Verdict, sentence: &Sentence, mention: &Mention) -> Verdict {
    let before = |classes: &[Cue]| {
        sentence.cues.iter().any(|cue| {
            cue.last <= mention.first && classes.iter().any(|class| class.is_in(cue.classes))
        })
    };
    let is_heading = sentence.tokens.len() <= MAX_HEADING_TOKENS;
    let is_use = is_heading
        || before(&[
            Cue::Indicated,
            Cue::Treatment,
            Cue::Improve,
            Cue::Prevent,
            Cue::Effective,
        ]);
    let background = frame::governing(sentence, mention, Cue::Background).is_some();
    if before(&[Cue::Contra, Cue::NoEffect, Cue::Warned]) || background || !is_use {
        return Verdict::NEITHER;
    }
    match verdict.stance {
        Stance::Treats => Verdict {
            strength: verdict.strength.max(INDICATION_STRENGTH),
            ..verdict
        },
        Stance::Causes if verdict.strength > SURE_STRENGTH => verdict,
        _ => Verdict {
            stance: Stance::Treats,
            strength: INDICATION_STRENGTH,
        },
    }
}
