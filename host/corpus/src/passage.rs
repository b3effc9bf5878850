//! Cuts text into passages: spans of whole sentences, small enough to be read and cited.
//!
//! A passage is a slice of the text it came from, trimmed and otherwise untouched: quotes and byte
//! spans of it must hold.

use std::ops::Range;

/// Longest passage, in bytes. A longer sentence is cut between words.
pub(crate) const MAX_PASSAGE_BYTES: usize = 1_000;

/// The passages of one section, in order. Their lengths are evened out, so that no section ends in
/// a passage of three words.
pub(crate) fn split(text: &str) -> Vec<&str> {
    let text = text.trim();
    let n_least = text.len().div_ceil(MAX_PASSAGE_BYTES).max(1);
    let target = text.len().div_ceil(n_least);
    let mut passages = Vec::new();
    let mut open: Option<Range<usize>> = None;
    for sentence in sentences(text) {
        for piece in pieces(text, sentence) {
            open = Some(match open {
                Some(so_far) if piece.end - so_far.start <= MAX_PASSAGE_BYTES => {
                    so_far.start..piece.end
                }
                Some(full) => {
                    passages.push(text[full].trim());
                    piece
                }
                None => piece,
            });
            if let Some(full) = open.take_if(|span| span.len() >= target) {
                passages.push(text[full].trim());
            }
        }
    }
    passages.extend(open.map(|rest| text[rest].trim()));
    passages.retain(|passage| !passage.is_empty());
    passages
}

/// Consecutive spans that cover `text`, each a sentence with the white space after it.
fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut sentences = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(['.', '?', '!', '\n']) {
        if at >= start
            && let Some(end) = sentence_end(text, at)
        {
            sentences.push(start..end);
            start = end;
        }
    }
    if start < text.len() {
        sentences.push(start..text.len());
    }
    sentences
}

/// Where the next sentence begins, when the mark at `at` ends one.
fn sentence_end(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at + 1..];
    if text.as_bytes()[at] == b'\n' {
        let gap = rest.len() - rest.trim_start().len();
        return rest[..gap].contains('\n').then_some(at + 1 + gap);
    }
    let closed = rest.trim_start_matches(['"', '\'', ')', ']', '\u{201d}', '\u{2019}']);
    let next = closed.trim_start();
    let begins = |c: char| {
        c.is_uppercase() || c.is_numeric() || matches!(c, '"' | '(' | '[' | '\u{201c}' | '\u{2018}')
    };
    if next.len() == closed.len() || !next.starts_with(begins) {
        return None;
    }
    let word = text[..at]
        .rsplit(|c: char| c.is_whitespace() || c == '(')
        .next()?;
    (text.as_bytes()[at] != b'.' || !is_abbreviation(word)).then(|| text.len() - next.len())
}

/// `word`, which stood before a full stop, is usually followed by more of its sentence.
fn is_abbreviation(word: &str) -> bool {
    const SHORT: [&str; 16] = [
        "al", "approx", "ca", "cf", "Dr", "e.g", "Fig", "Figs", "i.e", "No", "Nos", "Prof", "resp",
        "St", "subsp", "vs",
    ];
    // One capital is a genus or an initial: `S. aureus`, `J. Smith`.
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    initial || SHORT.contains(&word)
}

/// `sentence` in pieces of at most [`MAX_PASSAGE_BYTES`], cut after white space where there is any.
fn pieces(text: &str, sentence: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut start = sentence.start;
    std::iter::from_fn(move || {
        let rest = text.get(start..sentence.end).filter(|r| !r.is_empty())?;
        let end = if rest.len() <= MAX_PASSAGE_BYTES {
            sentence.end
        } else {
            let fits = &rest[..rest.floor_char_boundary(MAX_PASSAGE_BYTES)];
            let cut = fits
                .char_indices()
                .rfind(|(_, c)| c.is_whitespace())
                .map_or(fits.len(), |(at, c)| at + c.len_utf8());
            start + cut
        };
        let piece = start..end;
        start = end;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences_of(text: &str) -> Vec<&str> {
        sentences(text)
            .into_iter()
            .map(|span| text[span].trim())
            .collect()
    }

    #[test]
    fn sentences_end_where_a_reader_ends_them() {
        assert_eq!(
            sentences_of(
                "S. aureus grew (Fig. 2) at 0.5 mg vs. Placebo. Did it die? \"No.\" It lived, \
                 e.g. In agar.\n\nNew paragraph et al. Said so! 5 survived."
            ),
            [
                "S. aureus grew (Fig. 2) at 0.5 mg vs. Placebo.",
                "Did it die?",
                "\"No.\"",
                "It lived, e.g. In agar.",
                "New paragraph et al. Said so!",
                "5 survived.",
            ]
        );
    }

    #[test]
    fn passages_hold_whole_sentences_and_lose_no_word() {
        let sentences: Vec<_> = (0..60)
            .map(|n| format!("Sentence {n} says something."))
            .collect();
        let text = sentences.join(" ");
        let passages = split(&text);
        assert!(passages.len() > 1);
        for passage in &passages {
            assert!(passage.len() <= MAX_PASSAGE_BYTES);
            assert!(passage.len() > 400, "{passage}");
            assert!(passage.starts_with("Sentence") && passage.ends_with('.'));
        }
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(words(&passages.join(" ")), words(&text));
    }

    #[test]
    fn an_endless_sentence_is_cut_between_words_and_never_in_a_character() {
        for text in [
            "naïve β ".repeat(1_000),
            "é".repeat(5_000),
            "x".repeat(2_500),
        ] {
            let passages = split(&text);
            assert!(passages.len() >= 3);
            assert!(passages.iter().all(|p| p.len() <= MAX_PASSAGE_BYTES));
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
            let kept: usize = passages.iter().map(|p| letters(p)).sum();
            assert_eq!(kept, letters(&text));
        }
    }

    #[test]
    fn nothing_makes_no_passage() {
        assert!(split("").is_empty());
        assert!(split(" \n\t ").is_empty());
    }
}
