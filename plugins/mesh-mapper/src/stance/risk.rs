//! What is said of a risk: "reduced risk of D" may be a use, "increased risk of D" never is.

use super::frame::{CAUSAL, Frame};
use super::{Stance, Verdict};
use crate::cue::Cue;
use crate::sentence::CueHit;

/// The most that a risk without a direction may claim of a cause.
const UNTOLD_STRENGTH: f32 = 0.45;
/// A plain "increases the risk of" or "risk factor for", and "reduces the risk of".
const RISK_STRENGTH: f32 = 0.7;
/// "Increased" speaks of the risk up to so many tokens on.
const DIRECTION_TOKENS: usize = 4;
/// "The risk of D was reduced": so many tokens behind the disease.
const BEHIND_TOKENS: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    More,
    Less,
    Untold,
}

impl Frame<'_> {
    /// "Reduced risk of D" may be a use, "increased risk of D" never is, and "the risk of D" alone
    /// says neither.
    pub(super) fn by_risk(&self, verdict: Verdict) -> Verdict {
        if let Some(cue) = self.governing(Cue::RiskFactor) {
            if self.named.last <= cue.first {
                return causes();
            }
            return Verdict::NEITHER;
        }
        let mention = self.mention;
        let behind = self
            .cues(Cue::Risk.bit())
            .find(|cue| cue.first == mention.last);
        let Some(risk) = self.governing(Cue::RiskOf).or(behind) else {
            return verdict;
        };
        if self.is_at_risk(risk) {
            return verdict;
        }
        match (verdict.stance, self.direction(risk)) {
            (Stance::Treats, Direction::More) if !self.is_comparator() => causes(),
            (Stance::Treats, Direction::Less) => verdict,
            (Stance::Treats, _) | (Stance::Causes, Direction::Less) => Verdict::NEITHER,
            (Stance::Causes, Direction::Untold) if !self.any_between(CAUSAL) => Verdict {
                strength: verdict.strength.min(UNTOLD_STRENGTH),
                ..verdict
            },
            (Stance::Neither, Direction::Less) if self.plainly_reduces(risk) => Verdict {
                stance: Stance::Treats,
                strength: RISK_STRENGTH,
            },
            _ => verdict,
        }
    }

    /// "Patients at risk of D" are those who are given X.
    fn is_at_risk(&self, risk: &CueHit) -> bool {
        (risk.first.saturating_sub(2)..risk.first).any(|at| self.reading.slice(at, at + 1) == "at")
    }

    /// What is said of the risk: by the nearest word before it, else between it and the molecule,
    /// else behind.
    fn direction(&self, risk: &CueHit) -> Direction {
        let less = Cue::Less.bit() | Cue::Improve.bit() | Cue::Prevent.bit();
        let any = Cue::More.bit() | less;
        let told = |cue: &CueHit| {
            if Cue::More.is_in(cue.classes) {
                Direction::More
            } else {
                Direction::Less
            }
        };
        let from = risk.first.min(self.mention.first);
        let before = self
            .cues(any)
            .filter(|cue| cue.first <= from && cue.first + DIRECTION_TOKENS >= from)
            .last();
        let between = |cue: &CueHit| cue.first >= self.named.last && cue.last <= from;
        let behind = |cue: &CueHit| {
            cue.first >= self.mention.last && cue.first <= self.mention.last + BEHIND_TOKENS
        };
        before
            .or_else(|| self.cues(any).find(|cue| between(cue) || behind(cue)))
            .map_or(Direction::Untold, told)
    }

    /// "X reduces the risk of D", nothing denied.
    fn plainly_reduces(&self, risk: &CueHit) -> bool {
        let denials = Cue::Not.bit() | Cue::NoEffect.bit() | Cue::End.bit() | Cue::Compared.bit();
        self.named.last <= risk.first
            && !self.any_between(denials)
            && self
                .cues(Cue::Improve.bit() | Cue::Prevent.bit())
                .any(|cue| cue.first >= self.named.last && cue.last <= risk.first)
    }
}

fn causes() -> Verdict {
    Verdict {
        stance: Stance::Causes,
        strength: RISK_STRENGTH,
    }
}
