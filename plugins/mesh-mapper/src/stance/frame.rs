//! What the frame of a sentence does to the stance read in it: a question, a risk without a
//! direction, a comparator's arm and a list of recorded things claim less than their cues.
//!
//! The rules come from wrong suggestions read one by one; each has a story in `tests/`. They only
//! weaken, drop or turn a verdict, but for one plain claim: "reduces the risk of".

use super::molecule::Named;
use super::{Stance, Verdict};
use crate::cue::Cue;
use crate::recognise::{Mention, Reading};
use crate::sentence::{CueHit, Sentence};
use crate::token::Kind;

/// The most that a sentence which only asks may claim; less than the least of any that answers.
const ASKED_STRENGTH: f32 = 0.45;
/// "Was significantly associated with D" says no more than that the two go together.
const LINKED_STRENGTH: f32 = 0.5;
/// "The risk of" governs a disease up to so many tokens on, through a list.
const RISK_REACH_TOKENS: usize = 32;
/// "Than those prescribed X": so many tokens from the comparison to the molecule.
const COMPARED_TOKENS: usize = 3;

/// What no government of "risk of" or "history of" reaches across.
const BARRIERS: u64 = Cue::End.bit()
    | Cue::In.bit()
    | Cue::For.bit()
    | Cue::Treatment.bit()
    | Cue::Patients.bit()
    | Cue::Given.bit()
    | Cue::TreatedWith.bit()
    | Cue::Cause.bit()
    | Cue::CausedBy.bit()
    | Cue::Associated.bit()
    | Cue::Compared.bit();

/// What says outright that one brings the other about.
pub(super) const CAUSAL: u64 = Cue::Cause.bit()
    | Cue::CausedBy.bit()
    | Cue::Induced.bit()
    | Cue::Adverse.bit()
    | Cue::Toxic.bit()
    | Cue::Associated.bit()
    | Cue::RiskFactor.bit();

/// The molecule and the disease in their sentence.
pub(super) struct Frame<'a> {
    pub reading: &'a Reading<'a>,
    pub sentence: &'a Sentence,
    pub named: Named,
    pub mention: &'a Mention,
}

impl Frame<'_> {
    /// The verdict as the frame lets it stand.
    pub(super) fn settle(&self, verdict: Verdict) -> Verdict {
        let mut verdict = self.by_risk(verdict);
        if verdict.stance == Stance::Neither && self.plainly_linked() {
            verdict = Verdict {
                stance: Stance::Causes,
                strength: LINKED_STRENGTH,
            };
        }
        if verdict.stance == Stance::Neither || self.claims_nothing(verdict.stance) {
            return Verdict::NEITHER;
        }
        if self.only_asks() || (verdict.stance == Stance::Treats && self.resists()) {
            return Verdict {
                strength: verdict.strength.min(ASKED_STRENGTH),
                ..verdict
            };
        }
        verdict
    }

    fn claims_nothing(&self, stance: Stance) -> bool {
        let by_stance = match stance {
            Stance::Treats => {
                self.is_unsettled()
                    || self.is_aside()
                    || (self.only_asks() && self.cues(Cue::Associated.bit()).next().is_some())
            }
            Stance::Causes => {
                self.is_treated_cause()
                    || self.is_relieved()
                    || self.after_something_else()
                    || self.is_comparator()
                    || self.governing(Cue::Aside).is_some()
            }
            Stance::Neither => true,
        };
        by_stance
            || self.denies_link(stance)
            || self.turns_away()
            || self.is_same()
            || self.is_recorded()
    }

    /// The cue of a class that governs the disease, directly or through a list.
    pub(super) fn governing(&self, class: Cue) -> Option<&CueHit> {
        governing(self.sentence, self.mention, class)
    }

    /// "Ask a doctor before use if you have D."
    fn turns_away(&self) -> bool {
        self.cues(Cue::Warned.bit())
            .any(|cue| cue.last <= self.mention.first)
    }

    /// "The effect of X in D is unclear"; but the way in which X prevents D may be.
    fn is_unsettled(&self) -> bool {
        !self.any_between(Cue::Improve.bit() | Cue::Prevent.bit())
            && self
                .cues(Cue::Unsettled.bit())
                .any(|cue| cue.first >= self.right())
    }

    /// "Were taking X": whatever for.
    fn is_aside(&self) -> bool {
        self.cues(Cue::Aside.bit())
            .any(|cue| cue.first < self.right())
    }

    /// "D was rarer than in those prescribed X": X is the other arm.
    pub(super) fn is_comparator(&self) -> bool {
        self.mention.last <= self.named.first
            && self.cues(Cue::Compared.bit()).any(|cue| {
                cue.first >= self.mention.last
                    && cue.last <= self.named.first
                    && cue.last + COMPARED_TOKENS >= self.named.first
            })
    }

    /// "Was not significantly different", in the same clause.
    fn is_same(&self) -> bool {
        self.cues(Cue::Same.bit()).any(|cue| {
            cue.last > self.left()
                && !self
                    .cues(Cue::End.bit())
                    .any(|end| end.first >= self.right() && end.last <= cue.first)
        })
    }

    /// "D, E and any X were recorded": looked at, not found.
    fn is_recorded(&self) -> bool {
        self.cues(Cue::Recorded.bit()).any(|cue| {
            cue.first >= self.right()
                && (self.left()..cue.first).any(|at| self.reading.tokens[at].kind == Kind::Comma)
        })
    }

    /// "D after Y, any X": what D came after ends at the comma.
    fn after_something_else(&self) -> bool {
        self.mention.last <= self.named.first
            && !self.any_between(CAUSAL)
            && self
                .cues(Cue::After.bit())
                .filter(|cue| cue.first >= self.mention.last && cue.last <= self.named.first)
                .last()
                .is_some_and(|cue| {
                    (cue.last..self.named.first)
                        .any(|at| matches!(self.reading.tokens[at].kind, Kind::Comma | Kind::Break))
                })
    }

    /// "The treatment of D": whatever is caused, it is not D, unless the sentence says "D due to".
    fn is_treated_cause(&self) -> bool {
        !self.any_between(Cue::CausedBy.bit() | Cue::Induced.bit())
            && self
                .cues(Cue::Treatment.bit())
                .filter(|cue| !Cue::Cause.is_in(cue.classes))
                .any(|cue| cue.last == self.mention.first && cue.last - cue.first > 1)
    }

    /// "D, which improved on X", "D was less common".
    fn is_relieved(&self) -> bool {
        let rare = self.mention.last..=self.mention.last + 1;
        self.mention.last <= self.named.first
            && self
                .cues(Cue::Less.bit())
                .filter(|cue| cue.last - cue.first > 1)
                .any(|cue| cue.last == self.named.first || rare.contains(&cue.first))
    }

    /// "X resistance in D."
    fn resists(&self) -> bool {
        self.cues(Cue::Resistance.bit())
            .any(|cue| cue.first == self.named.last || cue.last == self.named.first)
    }

    /// "To determine whether X …", or a question mark.
    fn only_asks(&self) -> bool {
        let question = self
            .reading
            .tokens
            .get(self.sentence.tokens.end)
            .is_some_and(|stop| self.reading.text.as_bytes()[stop.start as usize] == b'?');
        question
            || self
                .cues(Cue::Objective.bit())
                .any(|cue| cue.first < self.right())
    }

    pub(super) fn left(&self) -> usize {
        self.named.first.min(self.mention.first)
    }

    fn right(&self) -> usize {
        self.named.last.max(self.mention.last)
    }

    pub(super) fn any_between(&self, classes: u64) -> bool {
        let (from, to) = (
            self.named.last.min(self.mention.last),
            self.named.first.max(self.mention.first),
        );
        self.cues(classes)
            .any(|cue| cue.first >= from && cue.last <= to)
    }

    pub(super) fn cues(&self, classes: u64) -> impl Iterator<Item = &CueHit> {
        self.sentence
            .cues
            .iter()
            .filter(move |cue| cue.classes & classes != 0)
    }
}

/// The last cue of `class` before `mention` that governs it, directly or through a list.
pub(super) fn governing<'a>(
    sentence: &'a Sentence,
    mention: &Mention,
    class: Cue,
) -> Option<&'a CueHit> {
    let cue = sentence
        .cues
        .iter()
        .rev()
        .find(|cue| class.is_in(cue.classes) && cue.last <= mention.first)?;
    // "Secondary causes (other drug therapy, alcoholism)" lists a therapy as one more cause.
    let barriers = if class == Cue::Background {
        BARRIERS & !Cue::Treatment.bit()
    } else {
        BARRIERS
    };
    let barred = sentence.cues.iter().any(|other| {
        other.classes & barriers != 0 && other.first >= cue.last && other.first < mention.first
    });
    (!barred && cue.last + RISK_REACH_TOKENS >= mention.first).then_some(cue)
}
