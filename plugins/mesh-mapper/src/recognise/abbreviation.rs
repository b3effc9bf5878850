//! Abbreviations that a document explains: "idiopathic pulmonary fibrosis (IPF)".
//!
//! The method is Schwartz and Hearst's (2003): the letters of the short form occur in order in the
//! words before the bracket, its first letter at the start of a word. What is explained holds in
//! every passage of the document and nowhere else; an abbreviation explained as something that is
//! no disease is then no disease, whatever the vocabulary says.

use super::{Reading, longest};
use crate::lexicon::Disease;
use crate::token::Kind;

/// A short form has at most this many bytes.
const MAX_SHORT_BYTES: usize = 12;
/// A bracket holds at most this many words.
const MAX_INSIDE_TOKENS: usize = 12;
/// A document's first so many explanations count.
const MAX_ABBREVIATIONS: usize = 64;

/// What a document explains a short form as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Disease(Disease),
    /// Something that is no disease, or none that the vocabulary knows.
    Other,
}

impl Meaning {
    fn of(disease: Option<Disease>) -> Self {
        disease
            .filter(|disease| *disease != Disease::NONE)
            .map_or(Self::Other, Self::Disease)
    }
}

/// What the short forms of one document stand for.
#[derive(Debug, Default)]
pub struct Abbreviations<'a> {
    known: Vec<(&'a str, Meaning)>,
}

impl<'a> Abbreviations<'a> {
    /// Gathers the explanations in all passages of a document.
    pub fn of(passages: &[Reading<'a>]) -> Self {
        let mut gathered = Self::default();
        for reading in passages {
            for open in
                (1..reading.tokens.len()).filter(|at| reading.tokens[*at].kind == Kind::Open)
            {
                if gathered.known.len() < MAX_ABBREVIATIONS {
                    gathered.explain(reading, open);
                }
            }
        }
        gathered
    }

    /// The short form that begins at token `at`: the token behind it, and its meaning.
    pub(super) fn at(&self, reading: &Reading<'_>, at: usize) -> Option<(usize, Meaning)> {
        if self.known.is_empty() {
            return None;
        }
        let start = reading.tokens[at].start as usize;
        let rest = &reading.text.as_bytes()[start..];
        let (end, meaning) = self
            .known
            .iter()
            .filter_map(|(short, meaning)| {
                let end = if rest.starts_with(short.as_bytes()) {
                    short.len()
                } else {
                    return None;
                };
                let plural = end + usize::from(rest.get(end) == Some(&b's'));
                [end, plural]
                    .into_iter()
                    .find(|end| !rest.get(*end).is_some_and(u8::is_ascii_alphanumeric))
                    .map(|end| (end, *meaning))
            })
            .max_by_key(|(end, _)| *end)?;
        let behind = reading.tokens[at..]
            .iter()
            .position(|token| token.start as usize >= start + end);
        Some((behind.map_or(reading.tokens.len(), |n| at + n), meaning))
    }

    fn explain(&mut self, reading: &Reading<'a>, open: usize) {
        let Some(close) = reading.tokens[open + 1..]
            .iter()
            .take(MAX_INSIDE_TOKENS)
            .position(|token| !matches!(token.kind, Kind::Word))
            .map(|n| open + 1 + n)
        else {
            return;
        };
        if close == open + 1 {
            return;
        }
        let inside = reading.slice(open + 1, close);
        if is_short_form(inside) {
            if let Some(meaning) = meaning(reading, inside, open) {
                self.learn(inside, meaning);
            }
        } else if reading.tokens[close].kind == Kind::Close
            && reading.tokens[open - 1].kind == Kind::Word
        {
            // The other way round: "IPF (idiopathic pulmonary fibrosis)".
            let short = reading.slice(open - 1, open);
            if is_short_form(short)
                && reading.tokens[open - 1].capitals
                && long_form(short, inside) == Some(0)
            {
                let disease = longest::name_at(reading, open + 1)
                    .filter(|name| name.last == close)
                    .map(|name| name.disease);
                self.learn(short, Meaning::of(disease));
            }
        }
    }

    fn learn(&mut self, short: &'a str, meaning: Meaning) {
        let short = short
            .strip_suffix('s')
            .filter(|stem| stem.len() > 1 && !stem.bytes().any(|byte| byte.is_ascii_lowercase()))
            .unwrap_or(short);
        if !self.known.iter().any(|(known, _)| *known == short) {
            self.known.push((short, meaning));
        }
    }
}

/// What stands before the bracket at `open`, when it explains `short`.
fn meaning(reading: &Reading<'_>, short: &str, open: usize) -> Option<Meaning> {
    let n_words = (short.len() + 5).min(short.len() * 2);
    let before = reading.tokens[..open]
        .iter()
        .rev()
        .take(n_words)
        .take_while(|token| matches!(token.kind, Kind::Word | Kind::Comma | Kind::Slash))
        .count();
    let from = open - before;
    let window = reading.slice(from, open);
    let start = long_form(short, window)?;
    let start = reading.tokens[from].start as usize + start;
    let first = (from..open).find(|at| reading.tokens[*at].start as usize >= start)?;
    // The whole long form, else a longer name that ends with it, else the longest name inside it
    // that ends it ("painful diabetic neuropathy").
    let ends_it = |at: usize| {
        longest::name_at(reading, at)
            .filter(|name| name.last == open)
            .map(|name| name.disease)
    };
    let disease = (from..=first)
        .rev()
        .take(3)
        .find_map(ends_it)
        .or_else(|| (first + 1..open).find_map(ends_it));
    Some(Meaning::of(disease))
}

fn is_short_form(text: &str) -> bool {
    let bytes = text.as_bytes();
    (2..=MAX_SHORT_BYTES).contains(&bytes.len())
        && bytes[0].is_ascii_alphanumeric()
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b' '))
        && text.matches(' ').count() < 2
        && bytes.iter().any(u8::is_ascii_uppercase)
        && (bytes.len() < 4
            || bytes
                .iter()
                .filter(|byte| !byte.is_ascii_lowercase())
                .count()
                > 1)
}

/// Where in `window` the long form of `short` begins, in bytes: Schwartz and Hearst's search from
/// the right.
fn long_form(short: &str, window: &str) -> Option<usize> {
    let text = window.as_bytes();
    let letters: Vec<u8> = short
        .bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(|byte| byte.to_ascii_lowercase())
        .collect();
    let mut at = text.len();
    for (index, letter) in letters.iter().enumerate().rev() {
        loop {
            at = at.checked_sub(1)?;
            let starts_word = at == 0 || !text[at - 1].is_ascii_alphanumeric();
            if text[at].to_ascii_lowercase() == *letter && (index > 0 || starts_word) {
                break;
            }
        }
    }
    // From the start of the word, hyphens included: "non-small cell lung cancer" is one.
    let start = text[..at]
        .iter()
        .rposition(|byte| *byte == b' ')
        .map_or(0, |blank| blank + 1);
    (text.len() - start > short.len()).then_some(start)
}
