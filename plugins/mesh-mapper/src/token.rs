//! Cuts a text into words and the few marks that matter, each with its byte offsets.
//!
//! The build script compiles this file too, so a name is cut exactly as a text is. It knows no
//! words itself: a closure turns the folded word into its number.

use crate::fold::Folded;

/// The number of a word in the vocabulary.
pub type WordId = u16;

/// The word is in no name and no cue.
pub const UNKNOWN: WordId = u16::MAX;
/// A comma counts as a word: inverted names hold it ("Arthritis, Rheumatoid").
pub const COMMA: WordId = 0;
/// "The" is passed over inside a name: "cancer of the breast".
pub const THE: WordId = 1;
pub const AND: WordId = 2;
pub const OR: WordId = 3;
pub const OF: WordId = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Word,
    Comma,
    Open,
    Close,
    Slash,
    /// A colon, a semicolon, a dash: ends a phrase.
    Break,
    /// Ends a sentence.
    Stop,
    /// Any other mark; no name runs across it.
    Mark,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub start: u32,
    pub end: u32,
    pub word: WordId,
    pub kind: Kind,
    /// Joined to the word before by a hyphen.
    pub hyphened: bool,
    /// Two letters at least, and none of them small, but for a plural "s".
    pub capitals: bool,
}

/// Appends the tokens of `text` to `tokens`.
pub fn tokenise(text: &str, mut number: impl FnMut(&[u8]) -> WordId, tokens: &mut Vec<Token>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut hyphened = false;
    while at < bytes.len() {
        let (word, width) = class(text, at);
        if !word {
            let kind = mark(text, at, width, tokens);
            hyphened = kind.is_none()
                && is_hyphen(&text[at..at + width])
                && follows(tokens, at)
                && class_at(text, at + width);
            if let Some(kind) = kind {
                let word = if kind == Kind::Comma { COMMA } else { UNKNOWN };
                tokens.push(Token {
                    start: offset(at),
                    end: offset(at + width),
                    word,
                    kind,
                    hyphened: false,
                    capitals: false,
                });
            }
            at += width;
            continue;
        }
        let start = at;
        at += width;
        while at < bytes.len() {
            let (word, width) = class(text, at);
            if !word {
                break;
            }
            at += width;
        }
        let spelled = &text[start..at];
        let id = Folded::of(spelled).map_or(UNKNOWN, |folded| number(folded.as_bytes()));
        tokens.push(Token {
            start: offset(start),
            end: offset(at),
            word: id,
            kind: Kind::Word,
            hyphened,
            capitals: capitals(spelled),
        });
        hyphened = false;
        at += possessive(text, at);
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Whether the character at `at` belongs to a word, and how many bytes it takes.
fn class(text: &str, at: usize) -> (bool, usize) {
    let byte = text.as_bytes()[at];
    if byte.is_ascii() {
        return (byte.is_ascii_alphanumeric(), 1);
    }
    text[at..].chars().next().map_or((false, 1), |letter| {
        let inside = letter.is_alphanumeric() || matches!(letter, '\u{300}'..='\u{36f}');
        (inside, letter.len_utf8())
    })
}

fn class_at(text: &str, at: usize) -> bool {
    at < text.len() && class(text, at).0
}

fn is_hyphen(mark: &str) -> bool {
    matches!(
        mark,
        "-" | "\u{2010}" | "\u{2011}" | "\u{2012}" | "\u{2013}" | "\u{2212}" | "\u{ad}"
    )
}

/// Whether the last token is a word that ends at `at`.
fn follows(tokens: &[Token], at: usize) -> bool {
    tokens
        .last()
        .is_some_and(|last| last.kind == Kind::Word && last.end as usize == at)
}

/// The token that a mark makes; none when names run across it as if it were a blank.
fn mark(text: &str, at: usize, width: usize, tokens: &[Token]) -> Option<Kind> {
    let next = text.as_bytes().get(at + width).copied();
    match &text[at..at + width] {
        "," => Some(Kind::Comma),
        "(" | "[" => Some(Kind::Open),
        ")" | "]" => Some(Kind::Close),
        "/" => Some(Kind::Slash),
        ";" | ":" | "\u{2014}" => Some(Kind::Break),
        "." => ends_sentence(text, at, tokens).then_some(Kind::Stop),
        "?" | "!" => Some(Kind::Stop),
        "\n" => (next == Some(b'\n')).then_some(Kind::Stop),
        " " | "\t" | "\r" | "'" | "\"" | "\u{2019}" | "\u{2018}" | "\u{201c}" | "\u{201d}"
        | "\u{a0}" => None,
        hyphen if is_hyphen(hyphen) => {
            let inside = at > 0 && class_before(text, at) && class_at(text, at + width);
            (!inside && next == Some(b' ') && at > 0 && text.as_bytes()[at - 1] == b' ')
                .then_some(Kind::Break)
        }
        _ => Some(Kind::Mark),
    }
}

fn class_before(text: &str, at: usize) -> bool {
    text[..at]
        .chars()
        .next_back()
        .is_some_and(char::is_alphanumeric)
}

/// A full stop ends a sentence before a capital, a digit or the end, unless it closes an
/// abbreviation.
fn ends_sentence(text: &str, at: usize, tokens: &[Token]) -> bool {
    const ABBREVIATIONS: [&str; 14] = [
        "st", "dr", "vs", "g", "e", "cf", "fig", "al", "no", "approx", "resp", "mr", "mrs", "prof",
    ];
    let rest = &text[at + 1..];
    let trimmed = rest.trim_start();
    let Some(next) = trimmed.chars().next() else {
        return true;
    };
    if trimmed.len() == rest.len() || next.is_lowercase() {
        return false;
    }
    !tokens.last().is_some_and(|last| {
        last.end as usize == at
            && text.get(last.start as usize..at).is_some_and(|word| {
                word.len() <= 6
                    && ABBREVIATIONS
                        .iter()
                        .any(|known| word.eq_ignore_ascii_case(known))
                    && (word.len() > 1 || word.chars().all(char::is_lowercase))
            })
    })
}

/// The bytes of a possessive "'s" at `at`: "Alzheimer's disease" is "Alzheimer disease".
fn possessive(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    if !matches!(text.as_bytes().get(at), Some(b'\'' | 0xe2 | 0xca)) {
        return 0;
    }
    for mark in ["'s", "\u{2019}s", "'S", "\u{2019}S", "\u{2bc}s"] {
        if rest.starts_with(mark) && !class_at(text, at + mark.len()) {
            return mark.len();
        }
    }
    0
}

fn capitals(word: &str) -> bool {
    let body = word.strip_suffix('s').unwrap_or(word);
    let mut n_capitals = 0;
    for byte in body.bytes() {
        if byte.is_ascii_lowercase() {
            return false;
        }
        n_capitals += usize::from(byte.is_ascii_uppercase());
    }
    n_capitals > 1 || (n_capitals == 1 && body.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(&str, Kind)> {
        let mut tokens = Vec::new();
        tokenise(text, |_| UNKNOWN, &mut tokens);
        tokens
            .iter()
            .map(|token| (&text[token.start as usize..token.end as usize], token.kind))
            .collect()
    }

    #[test]
    fn full_stop_ends_a_sentence_but_no_abbreviation() {
        let stops = |text| {
            kinds(text)
                .iter()
                .filter(|(_, kind)| *kind == Kind::Stop)
                .count()
        };
        assert_eq!(stops("It worked. Then it failed."), 2);
        assert_eq!(stops("St. Louis encephalitis vs. Dengue at 0.05 mg"), 0);
    }

    #[test]
    fn possessive_is_left_out_and_hyphen_is_kept_in_mind() {
        assert_eq!(kinds("Wilson\u{2019}s")[0].0, "Wilson");
        let mut tokens = Vec::new();
        tokenise("drug-induced rash", |_| UNKNOWN, &mut tokens);
        assert_eq!(
            tokens
                .iter()
                .map(|token| token.hyphened)
                .collect::<Vec<_>>(),
            [false, true, false]
        );
    }

    #[test]
    fn small_letter_makes_a_word_no_acronym() {
        assert!(capitals("AIDS") && capitals("TIAs") && capitals("G6PD"));
        assert!(!capitals("Aids") && !capitals("A") && !capitals("6"));
    }
}
