//! Words that give something away, looked for in one pass over a text.

use aho_corasick::AhoCorasick;

/// Groups of phrases, `|` between them. A phrase that ends in `*` may go on: `randomi*` finds
/// `randomised`.
pub(crate) struct Cues {
    phrases: AhoCorasick,
    /// By phrase: its group, and whether it may go on.
    groups: Vec<(usize, bool)>,
}

/// Which groups a text holds a phrase of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found(u32);

impl Cues {
    /// At most 32 groups.
    pub(crate) fn new(groups: &[&str]) -> Self {
        let flat: Vec<(usize, &str)> = (0..)
            .zip(groups)
            .flat_map(|(group, phrases)| phrases.split('|').map(move |phrase| (group, phrase)))
            .collect();
        Self {
            phrases: AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .build(flat.iter().map(|(_, phrase)| phrase.trim_end_matches('*')))
                .expect("a table of some hundred short phrases fits an automaton"),
            groups: flat
                .iter()
                .map(|(group, phrase)| (*group, phrase.ends_with('*')))
                .collect(),
        }
    }

    /// Looks for every phrase between word borders.
    pub(crate) fn find(&self, text: &str) -> Found {
        let bytes = text.as_bytes();
        let is_word = |index: Option<usize>| {
            index
                .and_then(|index| bytes.get(index))
                .is_some_and(u8::is_ascii_alphanumeric)
        };
        let mut found = 0;
        for place in self.phrases.find_overlapping_iter(text) {
            let (group, goes_on) = self.groups[place.pattern().as_usize()];
            let begins = !is_word(place.start().checked_sub(1));
            if begins && (goes_on || !is_word(Some(place.end()))) {
                found |= 1 << group;
            }
        }
        Found(found)
    }
}

impl Found {
    pub(crate) fn has(self, group: usize) -> bool {
        self.0 & (1 << group) != 0
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_stand_between_word_borders_and_stems_go_on() {
        let cues = Cues::new(&["rat|rats", "randomi*"]);
        let groups = |text: &str| {
            let found = cues.find(text);
            (found.has(0), found.has(1))
        };
        assert_eq!(groups("The rate of RATS"), (true, false));
        assert_eq!(groups("separate rates"), (false, false));
        assert_eq!(groups("Randomised; nonrandomized rat"), (true, true));
        assert_eq!(groups("nonrandomized"), (false, false));
    }
}
