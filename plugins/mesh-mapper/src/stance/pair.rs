//! The model of one molecule and one disease in one sentence.
//!
//! A feature is a class of cues in one of four places about the two, or their order and distance;
//! each votes for treats and for causes. The votes are logistic weights, fitted by
//! `examples/fit_stance.rs` and kept in `weights`, so that every verdict can be traced to cues.

use super::molecule::Named;
use super::weights::WEIGHTS;
use super::{Stance, Verdict};
use crate::cue::{self, Cue};
use crate::recognise::{Mention, Reading};
use crate::sentence::Sentence;

/// Cues before the first and behind the second of the pair count up to so many tokens away.
const OUTER_TOKENS: usize = 8;
/// Cues between the two count as near the disease up to so many tokens away.
const NEAR_TOKENS: usize = 3;
/// A failure before the pair is the pair's up to so many tokens away: "no benefit of X in D".
const FAILURE_TOKENS: usize = 4;
/// Below this strength a stance is not claimed.
const LEAST_STRENGTH: f32 = 0.5;

const N_PLACES: usize = 4;
const N_DISTANCES: usize = 5;
const N_CLASSES: usize = cue::N_VOTING;
const PER_ORDER: usize = N_PLACES * N_CLASSES + N_DISTANCES + 1;

/// How many features there are; the weights are a row of two for each.
pub const N_FEATURES: usize = 2 * PER_ORDER;

/// Judges the pair by its features.
pub(super) fn judge(
    reading: &Reading<'_>,
    sentence: &Sentence,
    named: Named,
    mention: &Mention,
) -> Verdict {
    let (mut treats, mut causes) = (0.0, 0.0);
    for feature in features(reading, sentence, named, mention) {
        let [for_treats, for_causes] = WEIGHTS[feature];
        treats += for_treats;
        causes += for_causes;
    }
    let (odds_treats, odds_causes) = (f32::exp(treats), f32::exp(causes));
    let sum = 1.0 + odds_treats + odds_causes;
    let (stance, strength) = if odds_treats >= odds_causes {
        (Stance::Treats, odds_treats / sum)
    } else {
        (Stance::Causes, odds_causes / sum)
    };
    if strength < LEAST_STRENGTH || (stance == Stance::Treats && failed(sentence, named, mention)) {
        return Verdict::NEITHER;
    }
    Verdict { stance, strength }
}

/// "Did not reduce", "no benefit of": whatever else the sentence says, that is no use.
fn failed(sentence: &Sentence, named: Named, mention: &Mention) -> bool {
    let (from, to) = (
        named
            .first
            .min(mention.first)
            .saturating_sub(FAILURE_TOKENS),
        named.last.max(mention.last),
    );
    sentence
        .cues
        .iter()
        .any(|cue| Cue::NoEffect.is_in(cue.classes) && cue.first >= from && cue.last <= to)
}

/// The features that hold, by their row in the weights.
pub fn features(
    reading: &Reading<'_>,
    sentence: &Sentence,
    named: Named,
    mention: &Mention,
) -> Vec<usize> {
    let first = named.last <= mention.first;
    let (left, right) = if first {
        ((named.first, named.last), (mention.first, mention.last))
    } else {
        ((mention.first, mention.last), (named.first, named.last))
    };
    let mut places = [0u64; N_PLACES];
    for cue in &sentence.cues {
        if cue.last <= left.0 && cue.last + OUTER_TOKENS >= left.0 {
            places[0] |= cue.classes;
        } else if cue.first >= left.1 && cue.last <= right.0 {
            places[1] |= cue.classes;
            let near = if first {
                cue.last + NEAR_TOKENS >= right.0
            } else {
                cue.first <= left.1 + NEAR_TOKENS
            };
            if near {
                places[2] |= cue.classes;
            }
        } else if cue.first >= right.1 && cue.first <= right.1 + OUTER_TOKENS {
            places[3] |= cue.classes;
        }
    }
    let base = if first { 0 } else { PER_ORDER };
    let mut holding = Vec::with_capacity(24);
    for (place, classes) in places.iter().enumerate() {
        let held = (0..N_CLASSES).filter(|class| classes & (1 << class) != 0);
        holding.extend(held.map(|class| base + place * N_CLASSES + class));
    }
    holding.push(base + N_PLACES * N_CLASSES + distance(right.0 - left.1));
    // "X-induced": the hyphen binds the cue to the molecule.
    if reading
        .tokens
        .get(named.last)
        .is_some_and(|token| token.hyphened)
    {
        holding.push(base + PER_ORDER - 1);
    }
    holding
}

/// What a feature is, for people.
pub fn feature_name(feature: usize) -> String {
    let order = if feature < PER_ORDER {
        "molecule-disease"
    } else {
        "disease-molecule"
    };
    let rest = feature % PER_ORDER;
    if rest == PER_ORDER - 1 {
        return format!("{order}\thyphen");
    }
    if rest >= N_PLACES * N_CLASSES {
        return format!("{order}\tdistance-{}", rest - N_PLACES * N_CLASSES);
    }
    let place = ["before", "between", "near", "behind"][rest / N_CLASSES];
    format!("{order}\t{place}\t{}", Cue::ALL[rest % N_CLASSES].name())
}

fn distance(n_tokens: usize) -> usize {
    match n_tokens {
        0 => 0,
        1..=2 => 1,
        3..=5 => 2,
        6..=10 => 3,
        _ => 4,
    }
}
