//! What the kind of a section says before any sentence is read: an indication is a use, and what a
//! label warns of never is.

use super::{Stance, Verdict, frame};
use crate::cue::Cue;
use crate::recognise::Mention;
use crate::sentence::{CueHit, Sentence};

/// A disease named under a label's indications, without a cue of its own.
const INDICATION_STRENGTH: f32 = 0.7;
/// A condition of a trial whose intervention is the molecule.
const CONDITION_STRENGTH: f32 = 0.6;
/// A disease that a label says the drug may cause.
const BLAMED_STRENGTH: f32 = 0.6;
/// A disease named under a label's adverse reactions.
const ADVERSE_STRENGTH: f32 = 0.6;

/// "May cause" speaks of a disease up to so many tokens on: a list without commas is long.
const BLAME_TOKENS: usize = 24;
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

/// What ties a sentence to the molecule.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    /// The document is about it, or the sentence names it.
    pub molecule: bool,
    /// The token behind its first name in the sentence, or behind "this drug".
    pub subject: Option<usize>,
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
        about: About,
    ) -> Verdict {
        match self {
            Self::Indications if about.molecule => indicated(verdict, sentence, mention),
            Self::Contraindications | Self::Warnings => warned(verdict, sentence, mention, about),
            Self::AdverseReactions if about.molecule && verdict.stance != Stance::Causes => {
                Verdict {
                    stance: Stance::Causes,
                    strength: ADVERSE_STRENGTH,
                }
            }
            Self::Conditions if about.molecule && verdict.stance == Stance::Neither => Verdict {
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

/// What a label warns of is no use. The last word before the disease tells whom it turns away from
/// what it blames on the drug: labels often run on without a full stop.
fn warned(verdict: Verdict, sentence: &Sentence, mention: &Mention, about: About) -> Verdict {
    if verdict.stance == Stance::Treats {
        return Verdict::NEITHER;
    }
    if frame::governing(sentence, mention, Cue::Background).is_some() {
        return Verdict::NEITHER;
    }
    let turning = Cue::Blamed.bit() | Cue::Warned.bit();
    let last = sentence
        .cues
        .iter()
        .rev()
        .find(|cue| cue.classes & turning != 0 && cue.last <= mention.first);
    match last {
        Some(cue) if Cue::Warned.is_in(cue.classes) => Verdict::NEITHER,
        Some(blame) if is_blamed(sentence, mention, blame, about) => Verdict {
            stance: Stance::Causes,
            strength: verdict.strength.max(BLAMED_STRENGTH),
        },
        _ => verdict,
    }
}

/// "Aspirin may cause D": the molecule stands before, nothing is denied, and D is not what the
/// patients have.
fn is_blamed(sentence: &Sentence, mention: &Mention, blame: &CueHit, about: About) -> bool {
    let others = Cue::Patients.bit() | Cue::Treatment.bit() | Cue::TreatedWith.bit();
    about.subject.is_some_and(|subject| subject <= blame.first)
        && blame.last + BLAME_TOKENS >= mention.first
        && !sentence.cues.iter().any(|cue| {
            let between = cue.first >= blame.last && cue.first < mention.first;
            let denied = Cue::NoLink.is_in(cue.classes) && cue.last <= blame.first;
            denied || (between && cue.classes & others != 0)
        })
}
