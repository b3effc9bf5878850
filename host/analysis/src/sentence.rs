//! The sentence around a place in a text: what is quoted, and where wording is judged.

use std::ops::Range;

/// Longest quote, in bytes; a longer sentence is cut between words around the place.
const MAX_QUOTE_BYTES: usize = 400;

/// The span of the sentence around `place`, trimmed and cut to a quotable length. `place` must be
/// a valid range of `text`.
pub(crate) fn around(text: &str, place: Range<usize>) -> Range<usize> {
    let start = text[..place.start]
        .char_indices()
        .rfind(|(index, _)| ends_sentence(text, *index))
        .map_or(0, |(index, c)| index + c.len_utf8());
    let end = text[place.end..]
        .char_indices()
        .map(|(index, c)| (place.end + index, c))
        .find(|(index, _)| ends_sentence(text, *index))
        .map_or(text.len(), |(index, c)| index + c.len_utf8());
    cut(text, trimmed(text, start..end), place)
}

/// Whether the character at `index` ends a sentence: a full stop before a space and what may begin
/// a sentence, after a word that is no abbreviation; or a line break.
fn ends_sentence(text: &str, index: usize) -> bool {
    let rest = &text[index..];
    let mut chars = rest.chars();
    match chars.next() {
        Some('\n') => true,
        Some('?' | '!') => chars.next().is_none_or(char::is_whitespace),
        Some('.') => {
            let after = chars.as_str();
            let next = after.trim_start();
            let begins = |c: char| c.is_uppercase() || c.is_numeric() || "([\"“'‘".contains(c);
            (after.is_empty() || next.len() < after.len())
                && (next.is_empty() || next.starts_with(begins))
                && !ends_in_abbreviation(&text[..index])
        }
        _ => false,
    }
}

fn ends_in_abbreviation(before: &str) -> bool {
    const ABBREVIATIONS: [&str; 12] = [
        "vs", "e.g", "i.e", "al", "fig", "no", "dr", "approx", "ca", "cf", "resp", "st",
    ];
    let word = before
        .rsplit(|c: char| c.is_whitespace() || c == '(')
        .next()
        .unwrap_or_default();
    // A lone capital is an initial.
    (word.len() == 1 && word.starts_with(|c: char| c.is_ascii_uppercase()))
        || ABBREVIATIONS.contains(&word.to_ascii_lowercase().as_str())
}

fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    let inner = &text[span.clone()];
    let start = span.start + (inner.len() - inner.trim_start().len());
    start..start + inner.trim().len()
}

fn cut(text: &str, sentence: Range<usize>, place: Range<usize>) -> Range<usize> {
    if sentence.len() <= MAX_QUOTE_BYTES {
        return sentence;
    }
    let room = MAX_QUOTE_BYTES.saturating_sub(place.len()) / 2;
    let near = |index: usize| {
        (index..=text.len())
            .find(|i| text.is_char_boundary(*i))
            .unwrap_or(text.len())
    };
    let start = near(place.start.saturating_sub(room).max(sentence.start));
    let end = near((place.end + room).min(sentence.end));
    // Cut between words, but never into the place itself.
    let start = match text[start..place.start].find(' ') {
        Some(space) if start > sentence.start => start + space,
        _ => start,
    };
    let end = match text[place.end..end].rfind(' ') {
        Some(space) if end < sentence.end => place.end + space,
        _ => end,
    };
    trimmed(text, start..end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quote<'a>(text: &'a str, word: &str) -> &'a str {
        let start = text.find(word).unwrap();
        &text[around(text, start..start + word.len())]
    }

    #[test]
    fn a_quote_is_the_sentence_around_the_place() {
        let text = "Gout hurts. In 12 men (age 50 vs. 61 yr.), aspirin 2.5 g helped E. coli sepsis. It ended? Yes.";
        assert_eq!(quote(text, "Gout"), "Gout hurts.");
        assert_eq!(
            quote(text, "helped"),
            "In 12 men (age 50 vs. 61 yr.), aspirin 2.5 g helped E. coli sepsis."
        );
        assert_eq!(quote(text, "ended"), "It ended?");
    }

    #[test]
    fn a_long_sentence_is_cut_between_words() {
        let text = format!("{}gout {}", "before ".repeat(200), "after ".repeat(200));
        let quote = quote(&text, "gout");
        assert!(quote.len() <= MAX_QUOTE_BYTES && quote.contains("gout"));
        assert!(quote.starts_with("before") && quote.ends_with("after"));
    }

    proptest! {
        #[test]
        fn a_quote_holds_its_place(
            before in "[a-zé. ]{0,600}",
            after in "[a-zé. ]{0,600}",
        ) {
            let text = format!("{before}gout{after}");
            let place = before.len()..before.len() + 4;
            let quote = around(&text, place.clone());
            prop_assert!(quote.start <= place.start && quote.end >= place.end);
            prop_assert!(text.get(quote.clone()).is_some());
            prop_assert!(quote.len() <= MAX_QUOTE_BYTES + 4);
        }
    }
}
