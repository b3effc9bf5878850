//! The longest name that begins at a token.

use super::abbreviation::Meaning;
use super::{Abbreviations, Mention, Quality, Reading};
use crate::lexicon::{self, Name};
use crate::token::{Kind, OF, THE, Token};

/// The longest name or abbreviation beginning at token `at`.
pub(super) fn starting_at(
    reading: &Reading<'_>,
    at: usize,
    abbreviations: &Abbreviations<'_>,
) -> Option<Mention> {
    let named = name_at(reading, at);
    let short = abbreviations.at(reading, at);
    match short {
        Some((last, meaning)) if named.is_none_or(|name| name.last <= last) => match meaning {
            Meaning::Disease(disease) => Some(Mention {
                disease,
                first: at,
                last,
                match_quality: Quality::Abbreviation,
            }),
            Meaning::Other => None,
        },
        _ => named,
    }
}

/// The longest name of the vocabulary beginning at token `at`.
pub(super) fn name_at(reading: &Reading<'_>, at: usize) -> Option<Mention> {
    let tokens = &reading.tokens;
    let mut node = lexicon::name_root(tokens.get(at)?.word)?;
    let mut best = accept(&tokens[at..=at], node.name()).map(|name| (at + 1, name));
    let mut next = at + 1;
    while let Some(token) = tokens.get(next) {
        if token.word == THE && tokens[next - 1].word == OF {
            next += 1;
            continue;
        }
        if token.kind == Kind::Open {
            let Some(behind) = behind_bracket(tokens, next) else {
                break;
            };
            next = behind;
            continue;
        }
        let Some(child) = node.child(token.word) else {
            break;
        };
        node = child;
        next += 1;
        if let Some(name) = accept(&tokens[at..next], node.name()) {
            best = Some((next, name));
        }
    }
    best.map(|(last, name)| Mention {
        disease: name.disease,
        first: at,
        last,
        match_quality: quality(name),
    })
}

fn accept(tokens: &[Token], name: Option<Name>) -> Option<Name> {
    name.filter(|name| !name.exact_case || tokens.iter().any(|token| token.capitals))
}

fn quality(name: Name) -> Quality {
    match name.tier {
        0 | 1 => Quality::Name,
        2..=4 => Quality::EntryTerm,
        _ => Quality::Altered,
    }
}

/// The token behind a short bracket, so that "glucose-6-phosphate dehydrogenase (G6PD) deficiency"
/// is read across it.
fn behind_bracket(tokens: &[Token], open: usize) -> Option<usize> {
    let inside = tokens
        .get(open + 1..)?
        .iter()
        .take(4)
        .position(|token| token.kind == Kind::Close)?;
    let behind = open + 1 + inside + 1;
    let short_form = tokens[open + 1..open + 1 + inside]
        .iter()
        .any(|token| token.capitals);
    (short_form
        && tokens
            .get(behind)
            .is_some_and(|token| token.kind == Kind::Word))
    .then_some(behind)
}
