//! Finds the diseases that a document names.
//!
//! It answers where and which; whether the text denies the disease or blames a molecule for it is
//! for `negation` and `stance`.

mod abbreviation;
mod coordination;
mod longest;

use crate::lexicon::{self, Disease};
use crate::token::{self, Token};

pub use abbreviation::Abbreviations;

/// A passage cut into tokens.
pub struct Reading<'a> {
    pub text: &'a str,
    pub tokens: Vec<Token>,
}

impl<'a> Reading<'a> {
    pub fn of(text: &'a str) -> Self {
        let mut tokens = Vec::with_capacity(text.len() / 5);
        token::tokenise(text, lexicon::word, &mut tokens);
        Self { text, tokens }
    }

    /// The text of the tokens `first..last`.
    pub fn slice(&self, first: usize, last: usize) -> &'a str {
        let start = self
            .tokens
            .get(first)
            .map_or(0, |token| token.start as usize);
        let end = self
            .tokens
            .get(last.wrapping_sub(1))
            .map_or(start, |token| token.end as usize);
        self.text.get(start..end).unwrap_or_default()
    }
}

/// A disease that a passage names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mention {
    pub disease: Disease,
    /// Tokens `first..last` of the passage.
    pub first: usize,
    pub last: usize,
    pub match_quality: Quality,
}

/// How the text names the disease, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quality {
    /// The descriptor's own name, or a curated one.
    Name,
    /// An entry term, or a supplementary record's name.
    EntryTerm,
    /// An abbreviation that the document itself explains.
    Abbreviation,
    /// A name with its head or an organ put in other words.
    Altered,
    /// One half of "breast and ovarian cancer".
    Coordinated,
}

/// The diseases named in `reading`, from left to right.
pub fn mentions(reading: &Reading<'_>, abbreviations: &Abbreviations<'_>) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < reading.tokens.len() {
        if let Some(mention) = longest::starting_at(reading, at, abbreviations) {
            at = mention.last;
            if mention.disease != Disease::NONE {
                found.push(mention);
            }
        } else {
            at += 1;
        }
    }
    coordination::complete(reading, &mut found);
    found
}
