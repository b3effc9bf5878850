//! Lines of bounded width.

/// Columns of a common terminal.
const WIDTH: usize = 100;

/// The report so far.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn heading(&mut self, text: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(text);
        self.0.push('\n');
        self.0
            .push_str(&"─".repeat(text.chars().count().min(WIDTH)));
        self.0.push('\n');
    }

    pub(super) fn line(&mut self, text: &str) {
        self.0.push_str(text.trim_end());
        self.0.push('\n');
    }

    /// `text` wrapped at words; the first line begins with `first`, the others with as many spaces.
    pub(super) fn wrapped(&mut self, first: &str, text: &str) {
        let indent = first.chars().count();
        let mut line = first.to_owned();
        let mut width = indent;
        for word in text.split_whitespace() {
            let n_chars = word.chars().count();
            if width > indent && width + 1 + n_chars > WIDTH {
                self.line(&line);
                line = " ".repeat(indent);
                width = indent;
            }
            if width > indent {
                line.push(' ');
                width += 1;
            }
            line.push_str(word);
            width += n_chars;
        }
        self.line(&line);
    }

    pub(super) fn finish(self) -> String {
        self.0.trim_end().to_owned()
    }
}

/// The first `n_chars` of `text`, with an ellipsis when that is not all.
pub(super) fn shortened(text: &str, n_chars: usize) -> String {
    let mut short: String = text.chars().take(n_chars).collect();
    if short.len() < text.len() {
        short.truncate(short.rfind(' ').unwrap_or(short.len()));
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_at_words_and_keeps_every_one() {
        let text = "word ".repeat(60);
        let mut page = Page::default();
        page.wrapped("  1. ", &text);
        let written = page.finish();
        assert!(
            written.lines().all(|line| line.chars().count() <= WIDTH),
            "{written}"
        );
        assert!(
            written
                .lines()
                .skip(1)
                .all(|line| line.starts_with("     w")),
            "{written}"
        );
        assert_eq!(written.split_whitespace().count(), 61);
    }

    #[test]
    fn shortens_at_a_word_and_never_inside_a_character() {
        assert_eq!(shortened("αβγ δεζ ηθι", 8), "αβγ δεζ…");
        assert_eq!(shortened("short", 8), "short");
    }
}
