//! Whether the text denies a disease, after `NegEx` and `ConText`: a cue before or behind the mention,
//! its reach ended by a conjunction, by another statement or by distance.

use std::ops::Range;

use crate::cue::Cue;
use crate::recognise::{Mention, Reading};
use crate::sentence::{CueHit, Sentence};
use crate::token::{AND, Kind, OR};

/// A denial reaches so many words forward, not counting the members of a list.
const REACH_WORDS: usize = 6;
/// A denial behind the mention stands at most so many words off.
const BEHIND_WORDS: usize = 4;

/// The members of a list that a denial reaches over, on either side.
const MAX_LIST: usize = 16;
/// However long the list, no denial reaches further than so many tokens.
const MAX_GAP_TOKENS: usize = 48;

/// What stands between a denial and a mention and makes the denial speak of something else: "no
/// treatment for asthma" does not deny asthma.
const BARRIERS: [Cue; 9] = [
    Cue::End,
    Cue::For,
    Cue::Treatment,
    Cue::Improve,
    Cue::Prevent,
    Cue::Effective,
    Cue::TreatedWith,
    Cue::Patients,
    Cue::Associated,
];

/// Whether `mentions[index]` is denied in its sentence.
pub fn is_negated(
    reading: &Reading<'_>,
    sentence: &Sentence,
    mentions: &[Mention],
    index: usize,
) -> bool {
    let mention = mentions[index];
    let neighbours =
        &mentions[index.saturating_sub(MAX_LIST)..mentions.len().min(index + MAX_LIST)];
    let reaches = |gap: Range<usize>, n_words: usize| {
        gap.len() <= MAX_GAP_TOKENS
            && !barred(sentence, &gap)
            && length(reading, neighbours, gap) <= n_words
    };
    let before = |cue: &CueHit| {
        Cue::Deny.is_in(cue.classes)
            && cue.last <= mention.first
            && reaches(cue.last..mention.first, REACH_WORDS)
    };
    let behind = |cue: &CueHit| {
        Cue::DenyAfter.is_in(cue.classes)
            && cue.first >= mention.last
            && reaches(mention.last..cue.first, BEHIND_WORDS)
    };
    sentence
        .cues
        .iter()
        .any(|cue| (before(cue) || behind(cue)) && !pseudo(sentence, cue))
}

/// A false friend that covers the cue: "not only", "no increase in".
fn pseudo(sentence: &Sentence, cue: &CueHit) -> bool {
    sentence.cues.iter().any(|other| {
        Cue::Pseudo.is_in(other.classes) && other.first <= cue.first && other.last >= cue.last
    })
}

fn barred(sentence: &Sentence, gap: &Range<usize>) -> bool {
    sentence
        .cues
        .iter()
        .filter(|cue| gap.contains(&cue.first))
        .any(|cue| BARRIERS.iter().any(|barrier| barrier.is_in(cue.classes)))
}

/// Words in `gap`; members of a list, commas and conjunctions cost nothing, other marks end it.
fn length(reading: &Reading<'_>, mentions: &[Mention], gap: Range<usize>) -> usize {
    let listed = |at: usize| {
        mentions
            .iter()
            .any(|mention| (mention.first..mention.last).contains(&at))
    };
    gap.map(|at| match reading.tokens[at].kind {
        Kind::Word if matches!(reading.tokens[at].word, AND | OR) || listed(at) => 0,
        Kind::Word => 1,
        Kind::Comma | Kind::Slash => 0,
        _ => REACH_WORDS,
    })
    .sum()
}
