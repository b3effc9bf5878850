//! How text becomes tokens, the same for documents and for questions.
//!
//! Biomedical names are written in many ways: `TNF-α`, `TNFα`, `TNF-alpha`, `TNFalpha`; `COX-2`,
//! `COX2`; `Sjögren's`. Here all of one group become the same tokens in the same order, so that a
//! phrase finds them. Nothing is dropped for being frequent: phrases need every word.

mod stem;

use tantivy::tokenizer::{AsciiFoldingFilter, TextAnalyzer, Token, TokenStream, Tokenizer};

use stem::RememberedStems;

/// Stands in the schema: an index made by another analyser is then recognised and refused.
pub(crate) const NAME: &str = "biomedical-1";

/// A longer token is cut: no name is that long, and a term must stay below 64 KiB.
const MAX_TOKEN_BYTES: usize = 200;

pub(crate) fn build() -> TextAnalyzer {
    TextAnalyzer::builder(BiomedicalTokenizer::default())
        .filter(AsciiFoldingFilter)
        .filter(RememberedStems)
        .build()
}

/// The tokens of `text`, in order.
pub(crate) fn tokens(analyser: &mut TextAnalyzer, text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    analyser
        .token_stream(text)
        .process(&mut |token| tokens.push(token.text.clone()));
    tokens
}

#[derive(Clone, Default)]
struct BiomedicalTokenizer {
    token: Token,
}

impl Tokenizer for BiomedicalTokenizer {
    type TokenStream<'a> = BiomedicalTokens<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> BiomedicalTokens<'a> {
        self.token.reset();
        BiomedicalTokens {
            text,
            at: 0,
            token: &mut self.token,
        }
    }
}

struct BiomedicalTokens<'a> {
    text: &'a str,
    /// Byte offset of what has not been read yet.
    at: usize,
    token: &'a mut Token,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    /// Belongs to a word without being a letter: accents written apart, soft hyphens.
    Invisible,
    Greek(&'static str),
    Other,
}

fn class(c: char) -> Class {
    match c {
        'a'..='z' | 'A'..='Z' => Class::Letter,
        '0'..='9' => Class::Digit,
        '\u{0300}'..='\u{036f}'
        | '\u{00ad}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2060}'
        | '\u{feff}' => Class::Invisible,
        _ if c.is_ascii() => Class::Other,
        _ => greek_name(c).map_or_else(
            || match c {
                _ if c.is_numeric() => Class::Digit,
                _ if c.is_alphabetic() => Class::Letter,
                _ => Class::Other,
            },
            Class::Greek,
        ),
    }
}

impl TokenStream for BiomedicalTokens<'_> {
    fn advance(&mut self) -> bool {
        self.token.text.clear();
        self.token.position = self.token.position.wrapping_add(1);
        let Some(first) = self.skip_to_word() else {
            return false;
        };
        let glued = self.at > 0 && self.at == self.token.offset_to;
        self.token.offset_from = self.at;
        if let Class::Greek(name) = first {
            self.token.text.push_str(name);
            self.at += self.next_char().map_or(0, char::len_utf8);
        } else if glued && let Some(name) = spelled_greek(&self.text[self.at..]) {
            self.token.text.push_str(name);
            self.at += name.len();
        } else {
            self.take_run(first);
        }
        self.token.offset_to = self.at;
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

impl BiomedicalTokens<'_> {
    fn next_char(&self) -> Option<char> {
        match self.text.as_bytes().get(self.at)? {
            byte if byte.is_ascii() => Some(char::from(*byte)),
            _ => self.text[self.at..].chars().next(),
        }
    }

    /// Moves to the next letter or digit and says which it is.
    fn skip_to_word(&mut self) -> Option<Class> {
        while let Some(c) = self.next_char() {
            match class(c) {
                Class::Other | Class::Invisible => {
                    let ended_a_word = self.at > 0 && self.at == self.token.offset_to;
                    self.at += c.len_utf8();
                    if ended_a_word && matches!(c, '\'' | '\u{2019}' | '\u{02bc}') {
                        self.skip_possessive();
                    }
                }
                word => return Some(word),
            }
        }
        None
    }

    /// `s` after the apostrophe that ended a word says nothing: `Crohn's` is `Crohn`.
    fn skip_possessive(&mut self) {
        let mut rest = self.text[self.at..].chars();
        if rest.next() == Some('s') && !rest.next().is_some_and(char::is_alphanumeric) {
            self.at += 1;
        }
    }

    /// Takes letters, or digits, as far as they go; stops before the Greek in `TNFalpha`.
    fn take_run(&mut self, run: Class) {
        let mut n_capitals = 0;
        while let Some(c) = self.next_char() {
            let found = class(c);
            if found == run {
                let capitals_so_far = n_capitals >= 2 && n_capitals == self.token.text.len();
                if capitals_so_far && spelled_greek(&self.text[self.at..]).is_some() {
                    return;
                }
                n_capitals += usize::from(c.is_ascii_uppercase());
                if self.token.text.len() < MAX_TOKEN_BYTES {
                    self.token.text.extend(c.to_lowercase());
                }
            } else if found != Class::Invisible {
                return;
            }
            self.at += c.len_utf8();
        }
    }
}

/// The Greek letter that `text` begins with, spelled out in lower case and not going on as a word.
fn spelled_greek(text: &str) -> Option<&'static str> {
    const SPELLED: [&str; 10] = [
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "theta", "kappa", "lambda", "sigma",
    ];
    SPELLED.into_iter().find(|name| {
        text.strip_prefix(name)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_lowercase()))
    })
}

fn greek_name(c: char) -> Option<&'static str> {
    Some(match c {
        'α' | 'Α' | 'ά' => "alpha",
        'β' | 'Β' | 'ϐ' => "beta",
        'γ' | 'Γ' => "gamma",
        'δ' | 'Δ' | '∆' => "delta",
        'ε' | 'Ε' | 'ϵ' => "epsilon",
        'ζ' | 'Ζ' => "zeta",
        'η' | 'Η' => "eta",
        'θ' | 'Θ' | 'ϑ' => "theta",
        'ι' | 'Ι' => "iota",
        'κ' | 'Κ' | 'ϰ' => "kappa",
        'λ' | 'Λ' => "lambda",
        // The micro sign too: it is typed for the letter.
        'μ' | 'Μ' | 'µ' => "mu",
        'ν' | 'Ν' => "nu",
        'ξ' | 'Ξ' => "xi",
        'ο' | 'Ο' => "omicron",
        'π' | 'Π' => "pi",
        'ρ' | 'Ρ' => "rho",
        'σ' | 'ς' | 'Σ' => "sigma",
        'τ' | 'Τ' => "tau",
        'υ' | 'Υ' => "upsilon",
        'φ' | 'Φ' | 'ϕ' => "phi",
        'χ' | 'Χ' => "chi",
        'ψ' | 'Ψ' => "psi",
        'ω' | 'Ω' => "omega",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        tokens(&mut build(), text).join(" ")
    }

    #[test]
    fn ways_to_write_one_name_become_the_same_tokens() {
        for group in [
            &[
                "TNF-α",
                "TNFα",
                "TNF-alpha",
                "TNFalpha",
                "tnf alpha",
                "TNF/α",
            ][..],
            &["IL-1β", "IL1β", "IL1beta", "il-1 beta"],
            &["NF-κB", "NFκB", "NFkappaB", "NF-kappa B"],
            &["COX-2", "COX2", "cox 2", "COX\u{2011}2"],
            &["Crohn's disease", "Crohn’s disease", "Crohn disease"],
            &[
                "acétylsalicylique",
                "ace\u{301}tylsalicylique",
                "ACETYLSALICYLIQUE",
            ],
            &["Sjögren's", "SJOGREN", "Sjo\u{308}gren’s"],
            &["5 µg", "5 μg", "5µg"],
            &["over\u{ad}dose", "overdose"],
        ] {
            let expected = of(group[0]);
            for name in group {
                assert_eq!(of(name), expected, "{name}");
            }
        }
    }

    #[test]
    fn words_stay_words() {
        assert_eq!(of("alphabet Betamethasone"), "alphabet betamethason");
        assert_eq!(of("treated treating treats"), "treat treat treat");
        assert_eq!(of("the end of it's 'swing'"), "the end of it swing");
        assert_eq!(of("2-acetoxybenzoic acid"), "2 acetoxybenzo acid");
        assert_eq!(of("  -- / "), "");
    }

    #[test]
    fn a_token_without_end_is_cut() {
        let tokens = tokens(&mut build(), &"x".repeat(100_000));
        assert_eq!(tokens.len(), 1);
        assert_eq!(tokens[0].len(), MAX_TOKEN_BYTES);
    }
}
