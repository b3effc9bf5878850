//! Names that share their head: "breast and ovarian cancer" names two cancers.

use super::{Mention, Quality, Reading};
use crate::lexicon::{self, Disease};
use crate::token::{AND, Kind, OR, THE, Token, WordId};

/// A modifier left of the conjunction has at most this many words.
const MAX_MODIFIER_WORDS: usize = 4;
/// A list has at most this many members left of its last.
const MAX_MEMBERS: usize = 6;

/// Adds the names that the mentions' neighbours share a head with; keeps the order by place.
pub(super) fn complete(reading: &Reading<'_>, mentions: &mut Vec<Mention>) {
    let n_found = mentions.len();
    for index in 0..n_found {
        let floor = if index == 0 {
            0
        } else {
            mentions[index - 1].last
        };
        let ceiling = mentions[..n_found]
            .get(index + 1)
            .map_or(reading.tokens.len(), |next| next.first);
        let mention = mentions[index];
        left(&reading.tokens, mention, floor, mentions);
        right(&reading.tokens, mention, ceiling, mentions);
    }
    if mentions.len() > n_found {
        mentions.sort_by_key(|mention| (mention.first, mention.last));
    }
}

/// "breast and ovarian cancer": each modifier before the conjunction takes the mention's tail.
fn left(tokens: &[Token], mention: Mention, floor: usize, mentions: &mut Vec<Mention>) {
    if mention.last - mention.first < 2 {
        return;
    }
    let mut end = mention.first;
    let mut conjunction = false;
    for _ in 0..MAX_MEMBERS {
        let Some(behind) = before_connector(tokens, end, floor, &mut conjunction) else {
            return;
        };
        let Some((first, name)) = (1..=MAX_MODIFIER_WORDS)
            .rev()
            .filter_map(|n| behind.checked_sub(n))
            .filter(|first| *first >= floor)
            .find_map(|first| {
                let modifier = &tokens[first..behind];
                if modifier.iter().any(|token| token.kind != Kind::Word) {
                    return None;
                }
                (mention.first + 1..mention.last).find_map(|tail| {
                    name_of(modifier, &tokens[tail..mention.last]).map(|name| (first, name))
                })
            })
        else {
            return;
        };
        if name.disease != mention.disease {
            mentions.push(Mention {
                disease: name.disease,
                first,
                last: mention.last,
                match_quality: Quality::Coordinated,
            });
        }
        end = first;
    }
}

/// "cancer of the breast and ovary": what follows the conjunction takes the mention's beginning.
fn right(tokens: &[Token], mention: Mention, ceiling: usize, mentions: &mut Vec<Mention>) {
    if mention.last - mention.first < 2
        || !tokens
            .get(mention.last)
            .is_some_and(|token| is_conjunction(token.word))
    {
        return;
    }
    let from = mention.last + 1;
    for last in (from + 1..=(from + MAX_MODIFIER_WORDS).min(ceiling)).rev() {
        for stem in (mention.first + 1..mention.last).rev() {
            if let Some(name) = name_of(&tokens[mention.first..stem], &tokens[from..last]) {
                if name.disease != mention.disease {
                    mentions.push(Mention {
                        disease: name.disease,
                        first: mention.first,
                        last,
                        match_quality: Quality::Coordinated,
                    });
                }
                return;
            }
        }
    }
}

/// Steps left over ",", "and", ", or", "/", "and/or"; commas alone only once a conjunction was met.
fn before_connector(
    tokens: &[Token],
    end: usize,
    floor: usize,
    conjunction: &mut bool,
) -> Option<usize> {
    let mut at = end;
    while at > floor {
        let token = tokens[at - 1];
        if is_conjunction(token.word) || token.kind == Kind::Slash {
            *conjunction = true;
        } else if token.kind != Kind::Comma && !(token.hyphened && token.kind != Kind::Word) {
            break;
        }
        at -= 1;
    }
    (at < end && at > floor && *conjunction).then_some(at)
}

fn is_conjunction(word: WordId) -> bool {
    matches!(word, AND | OR)
}

fn name_of(head: &[Token], tail: &[Token]) -> Option<lexicon::Name> {
    let words = head
        .iter()
        .chain(tail)
        .map(|token| token.word)
        .filter(|word| *word != THE);
    lexicon::name_of(words).filter(|name| !name.exact_case && name.disease != Disease::NONE)
}
