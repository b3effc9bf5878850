//! One sentence of a passage with its cues: what negation and stance look at.

use std::ops::Range;

use crate::lexicon;
use crate::recognise::Reading;
use crate::token::Kind;

/// A cue phrase: tokens `first..last` of the passage, and its classes as bits.
#[derive(Clone, Copy, Debug)]
pub struct CueHit {
    pub first: usize,
    pub last: usize,
    pub classes: u64,
}

/// A run of words without a full stop counts as a sentence up to so many tokens on either side; it
/// keeps a giant list from costing the square of its length.
const MAX_SIDE_TOKENS: usize = 256;

/// Tokens of a passage between two full stops.
#[derive(Clone, Debug)]
pub struct Sentence {
    pub tokens: Range<usize>,
    pub cues: Vec<CueHit>,
}

impl Sentence {
    /// The sentence around token `at`, its cues read.
    pub fn around(reading: &Reading<'_>, at: usize) -> Self {
        let stops = |index: usize| reading.tokens[index].kind == Kind::Stop;
        let n_tokens = reading.tokens.len();
        let (floor, ceiling) = (
            at.saturating_sub(MAX_SIDE_TOKENS),
            n_tokens.min(at + MAX_SIDE_TOKENS),
        );
        let first = (floor..at.min(n_tokens))
            .rev()
            .find(|index| stops(*index))
            .map_or(floor, |stop| stop + 1);
        let last = (at..ceiling).find(|index| stops(*index)).unwrap_or(ceiling);
        Self {
            tokens: first..last,
            cues: cues(reading, first..last),
        }
    }

    /// All of a text that is one sentence.
    pub fn whole(reading: &Reading<'_>) -> Self {
        let tokens = 0..reading.tokens.len();
        Self {
            cues: cues(reading, tokens.clone()),
            tokens,
        }
    }

    pub fn holds(&self, at: usize) -> bool {
        self.tokens.contains(&at)
    }
}

/// All cue phrases in `range`; of phrases that begin at one token the longest gives the span, and
/// each gives its class.
fn cues(reading: &Reading<'_>, range: Range<usize>) -> Vec<CueHit> {
    let mut hits = Vec::new();
    for first in range.clone() {
        let Some(mut node) = lexicon::cue_root(reading.tokens[first].word) else {
            continue;
        };
        let (mut last, mut classes) = (first + 1, node.cues());
        for next in first + 1..range.end {
            let Some(child) = node.child(reading.tokens[next].word) else {
                break;
            };
            node = child;
            if node.cues() != 0 {
                last = next + 1;
                classes |= node.cues();
            }
        }
        if classes != 0 {
            hits.push(CueHit {
                first,
                last,
                classes,
            });
        }
    }
    hits
}
