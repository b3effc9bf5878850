//! Where a passage names the molecule.

use crate::recognise::Reading;
use crate::token::Kind;

/// Names of so many letters or fewer count only in the very case they are given in: "Met", "ASA".
const MAX_EXACT_LETTERS: usize = 4;
/// A molecule's first so many names are looked for.
const MAX_NAMES: usize = 256;

/// The molecule's names, made ready to be looked for.
#[derive(Debug, Default)]
pub struct Names {
    /// Longest first within one initial.
    by_initial: Vec<(u8, String)>,
}

/// The molecule, named by tokens `first..last` of a passage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    pub first: usize,
    pub last: usize,
}

impl Names {
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut by_initial: Vec<(u8, String)> = names
            .into_iter()
            .map(str::trim)
            .filter(|name| name.chars().any(char::is_alphabetic) && name.len() > 1)
            .take(MAX_NAMES)
            .filter_map(|name| Some((name.bytes().next()?.to_ascii_lowercase(), name.to_owned())))
            .collect();
        by_initial.sort_by(|(initial, name), (other, longer)| {
            (initial, std::cmp::Reverse(name.len()), name).cmp(&(
                other,
                std::cmp::Reverse(longer.len()),
                longer,
            ))
        });
        by_initial.dedup();
        Self { by_initial }
    }

    /// Every place in `reading` that names the molecule.
    pub fn find(&self, reading: &Reading<'_>) -> Vec<Named> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < reading.tokens.len() {
            let last = self.named_at(reading, at);
            if let Some(last) = last {
                found.push(Named { first: at, last });
            }
            at = last.unwrap_or(at + 1);
        }
        found
    }

    fn named_at(&self, reading: &Reading<'_>, at: usize) -> Option<usize> {
        let token = reading.tokens[at];
        if token.kind != Kind::Word || is_prefixed(reading, at) {
            return None;
        }
        let rest = reading.text.get(token.start as usize..)?.as_bytes();
        let initial = rest.first()?.to_ascii_lowercase();
        let from = self
            .by_initial
            .partition_point(|(known, _)| *known < initial);
        let (_, name) = self.by_initial[from..]
            .iter()
            .take_while(|(known, _)| *known == initial)
            .find(|(_, name)| starts_with(rest, name))?;
        let end = token.start as usize + name.len();
        let n_tokens = reading.tokens[at..]
            .iter()
            .take_while(|token| (token.start as usize) < end)
            .count();
        let last = at + n_tokens;
        let alike = reading
            .tokens
            .get(last)
            .is_some_and(|token| token.hyphened && reading.slice(last, last + 1) == "like");
        (!alike).then_some(last)
    }
}

/// "5-ASA" is no ASA, and "non-insulin" no insulin.
fn is_prefixed(reading: &Reading<'_>, at: usize) -> bool {
    const OTHERS: [&str; 3] = ["non", "anti", "pro"];
    reading.tokens[at].hyphened
        && at.checked_sub(1).is_some_and(|before| {
            let prefix = reading.slice(before, at);
            prefix.starts_with(|letter: char| letter.is_ascii_digit())
                || OTHERS
                    .iter()
                    .any(|other| prefix.eq_ignore_ascii_case(other))
        })
}

fn starts_with(text: &[u8], name: &str) -> bool {
    let Some(head) = text.get(..name.len()) else {
        return false;
    };
    let exact = name.chars().filter(|letter| letter.is_alphabetic()).count() <= MAX_EXACT_LETTERS;
    let same = if exact {
        head == name.as_bytes()
    } else {
        head.eq_ignore_ascii_case(name.as_bytes())
    };
    let behind = &text[name.len()..];
    let behind = if behind.first() == Some(&b's') && !exact {
        &behind[1..]
    } else {
        behind
    };
    same && !behind.first().is_some_and(u8::is_ascii_alphanumeric)
}
