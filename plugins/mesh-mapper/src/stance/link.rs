//! A link that the sentence denies: "not associated with", "did not increase the risk of", "no
//! evidence that". It says neither that the molecule treats the disease nor that it causes it.

use super::Stance;
use super::frame::{CAUSAL, Frame};
use crate::cue::Cue;
use crate::sentence::CueHit;
use crate::token::{AND, Kind};

/// "Not significantly associated": so many tokens from the denial to the link.
const LINK_TOKENS: usize = 4;
/// "No association between X and D": so many tokens from the denied link to the pair.
const REACH_TOKENS: usize = 6;
/// "Associated with late D": so many tokens from the link to the disease.
const NEAR_TOKENS: usize = 2;
/// "And was associated with": so many tokens from the conjunction to a claim of its own.
const CLAIM_TOKENS: usize = 2;

/// What may be denied of a molecule and a disease.
const LINK: u64 = CAUSAL | Cue::More.bit();
/// What ties the disease to those who were given the molecule rather than to what was denied.
const GIVEN_FOR: u64 = Cue::Patients.bit() | Cue::For.bit() | Cue::Treatment.bit();

impl Frame<'_> {
    /// "X was significantly associated with D", the disease right behind the words, nothing denied
    /// and nothing lessened.
    pub(super) fn plainly_linked(&self) -> bool {
        let unsaid = Cue::Not.bit()
            | Cue::NoEffect.bit()
            | Cue::End.bit()
            | Cue::Less.bit()
            | Cue::Improve.bit()
            | Cue::Prevent.bit()
            | Cue::Objective.bit()
            | Cue::Compared.bit();
        self.named.last <= self.mention.first
            && !self.any_between(unsaid)
            && self.cues(Cue::Associated.bit()).any(|cue| {
                let near = cue.last..=cue.last + NEAR_TOKENS;
                let significant = cue.first.checked_sub(1).is_some_and(|at| {
                    self.reading
                        .slice(at, cue.first)
                        .eq_ignore_ascii_case("significantly")
                });
                significant && cue.first >= self.named.last && near.contains(&self.mention.first)
            })
    }

    /// "X was not associated with D", "no association between X and D".
    pub(super) fn denies_link(&self, stance: Stance) -> bool {
        self.cues(Cue::Not.bit() | Cue::NoLink.bit())
            .filter_map(|cue| Some((cue.first, self.link_denied(cue)?)))
            .any(|(from, to)| self.reaches_pair(from, to) && !self.is_barred(to, stance))
    }

    /// Where the link that `cue` denies ends.
    fn link_denied(&self, cue: &CueHit) -> Option<usize> {
        const DENIALS: [&str; 5] = ["not", "no", "never", "neither", "cannot"];
        const MORE_THAN: [&str; 3] = ["only", "just", "merely"];
        let one_of = |words: &[&str], at: usize| {
            let word = self.reading.slice(at, at + 1);
            words.iter().any(|one| word.eq_ignore_ascii_case(one))
        };
        if Cue::NoLink.is_in(cue.classes) {
            return Some(cue.last);
        }
        if !one_of(&DENIALS, cue.first) || one_of(&MORE_THAN, cue.first + 1) {
            return None;
        }
        let near = cue.first + 1..=cue.first + LINK_TOKENS;
        let link = self.cues(LINK).find(|link| near.contains(&link.first))?;
        let is_one_phrase =
            (cue.first..link.first).all(|at| self.reading.tokens[at].kind == Kind::Word);
        is_one_phrase.then_some(link.last)
    }

    /// Between the two, or just before both.
    fn reaches_pair(&self, from: usize, to: usize) -> bool {
        let second = self.named.first.max(self.mention.first);
        to <= second && (from >= self.left() || to + REACH_TOKENS >= self.left())
    }

    /// Another statement begins between the denied link and the second of the pair.
    fn is_barred(&self, to: usize, stance: Stance) -> bool {
        let second = self.named.first.max(self.mention.first);
        let own_claim = |cue: &CueHit| {
            (cue.first.saturating_sub(CLAIM_TOKENS).max(to)..cue.first)
                .any(|at| self.reading.tokens[at].word == AND)
        };
        let ends = |cue: &CueHit| {
            Cue::End.is_in(cue.classes)
                && cue.classes & (Cue::After.bit() | Cue::CausedBy.bit()) == 0
        };
        let is_given = stance == Stance::Treats;
        self.sentence
            .cues
            .iter()
            .filter(|cue| cue.first >= to && cue.first < second)
            .any(|cue| {
                ends(cue)
                    || (cue.classes & CAUSAL != 0 && own_claim(cue))
                    || (is_given && cue.classes & GIVEN_FOR != 0)
            })
            || (to..second).any(|at| self.reading.tokens[at].kind == Kind::Break)
    }
}
