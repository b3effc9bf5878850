//! Where a text names the molecule: one pass over its bytes for all names at once, without copying
//! or lowering it.
//!
//! A name counts between word boundaries, whatever the case of its ASCII letters; a name of
//! [`MAX_EXACT_CHARS`] characters or fewer counts only case-exact, for "Met" is not "met".

use phagen_sdk::Molecule;

/// Longest name, in characters, that counts only case-exact.
const MAX_EXACT_CHARS: usize = 4;

/// Classes of a byte: it is an ASCII letter or digit; some name has it first, second, third.
const WORD: u8 = 1;
const FIRST: u8 = 2;
const SECOND: u8 = 4;
const THIRD: u8 = 8;

/// The lowest bit of each byte of a word.
const ONES: u64 = 0x0101_0101_0101_0101;

/// The names of one molecule, ready to be looked for.
pub(crate) struct Names {
    /// The classes of each byte.
    classes: [u8; 256],
    /// By first byte, lowered.
    all: Vec<Name>,
    /// Where in `all` each lowered first byte begins; it ends where the next begins.
    starts: [u16; 257],
    /// The last text group in which each name was seen, so that nothing is cleared in between.
    seen_in: Vec<u32>,
    group: u32,
}

struct Name {
    /// Lowered, unless the name counts only case-exact.
    bytes: Box<[u8]>,
    exact: bool,
}

impl Name {
    fn new(name: &str) -> Self {
        let exact = name.chars().count() <= MAX_EXACT_CHARS;
        let bytes = if exact {
            name.as_bytes().into()
        } else {
            name.to_ascii_lowercase().into_bytes().into()
        };
        Self { bytes, exact }
    }

    fn first(&self) -> u8 {
        self.bytes[0].to_ascii_lowercase()
    }

    fn begins(&self, text: &[u8]) -> bool {
        let Some(head) = text.get(..self.bytes.len()) else {
            return false;
        };
        if self.exact {
            head == &*self.bytes
        } else {
            head.iter()
                .zip(&self.bytes)
                .all(|(a, b)| a.to_ascii_lowercase() == *b)
        }
    }
}

impl Names {
    pub(crate) fn of(molecule: &Molecule) -> Self {
        let mut names: Vec<Name> = molecule
            .names()
            .map(str::trim)
            .filter(|name| name.contains(char::is_alphanumeric))
            .take(usize::from(u16::MAX))
            .map(Name::new)
            .collect();
        names.sort_unstable_by(|a, b| (a.first(), &a.bytes).cmp(&(b.first(), &b.bytes)));
        names.dedup_by(|a, b| a.bytes == b.bytes);
        let mut found = Self {
            classes: [0; 256],
            starts: [0; 257],
            seen_in: vec![0; names.len()],
            all: names,
            group: 1,
        };
        found.fill_tables();
        found
    }

    fn fill_tables(&mut self) {
        for byte in 0..=u8::MAX {
            if byte.is_ascii_alphanumeric() {
                self.classes[usize::from(byte)] |= WORD;
            }
        }
        for name in &self.all {
            for (at, class) in [FIRST, SECOND, THIRD].into_iter().enumerate() {
                match name.bytes.get(at) {
                    Some(byte) => {
                        self.classes[usize::from(byte.to_ascii_lowercase())] |= class;
                        self.classes[usize::from(byte.to_ascii_uppercase())] |= class;
                    }
                    // A shorter name goes with whatever follows it.
                    None => self
                        .classes
                        .iter_mut()
                        .for_each(|classes| *classes |= class),
                }
            }
            self.starts[usize::from(name.first()) + 1] += 1;
        }
        for byte in 0..256 {
            self.starts[byte + 1] += self.starts[byte];
        }
    }

    /// Begins to count names anew.
    pub(crate) fn begin_group(&mut self) {
        self.group += 1;
    }

    /// How many different names the texts since [`Names::begin_group`] held.
    pub(crate) fn n_seen(&self) -> usize {
        let of_group = |group: &&u32| **group == self.group;
        self.seen_in.iter().filter(of_group).count()
    }

    /// The byte at which `text` first names the molecule. Marks every name that it holds.
    pub(crate) fn find(&mut self, text: &str) -> Option<usize> {
        let (chunks, rest) = text.as_bytes().as_chunks();
        let mut last = [[0; 8]; 2];
        last.as_flattened_mut()[..rest.len()].copy_from_slice(rest);
        let mut first = None;
        let mut before = 0;
        for (n, chunk) in chunks.iter().chain(&last).enumerate() {
            let classes = self.classes_of(*chunk);
            let mut thirds = thirds_of_starts(before, classes);
            before = classes;
            while thirds != 0 {
                let third = n * 8 + thirds.trailing_zeros() as usize / 8;
                thirds &= thirds - 1;
                if let Some(at) = third.checked_sub(2).filter(|&at| self.mark_at(text, at)) {
                    first.get_or_insert(at);
                }
            }
        }
        first
    }

    /// The classes of eight bytes, as the eight bytes of a word.
    fn classes_of(&self, bytes: [u8; 8]) -> u64 {
        u64::from_le_bytes(bytes.map(|byte| self.classes[usize::from(byte)]))
    }

    /// Marks the names that stand at byte `at`.
    fn mark_at(&mut self, text: &str, at: usize) -> bool {
        let rest = &text.as_bytes()[at..];
        let Some(first) = rest
            .first()
            .map(|byte| usize::from(byte.to_ascii_lowercase()))
        else {
            return false;
        };
        let bucket = usize::from(self.starts[first])..usize::from(self.starts[first + 1]);
        let mut found = false;
        for name in bucket {
            let bytes = &self.all[name];
            if bytes.begins(rest) && stands_alone(text, at, at + bytes.bytes.len()) {
                self.seen_in[name] = self.group;
                found = true;
            }
        }
        found
    }
}

/// Where a name may begin two bytes ago: its first three bytes fit some name's, and it continues no
/// word. Looks at eight bytes at once, with those before, and so almost never stops in vain.
fn thirds_of_starts(before: u64, classes: u64) -> u64 {
    let shifted = |n_bytes: u32| classes << (8 * n_bytes) | before >> (64 - 8 * n_bytes);
    let is = |class: u8, classes: u64| classes >> class.trailing_zeros();
    let continues = is(WORD, shifted(2)) & is(WORD, shifted(3));
    is(FIRST, shifted(2)) & is(SECOND, shifted(1)) & is(THIRD, classes) & !continues & ONES
}

/// No letter or digit of the text runs on into the name, or out of it.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let parts = (text.get(..start), text.get(start..end), text.get(end..));
    let (Some(before), Some(name), Some(after)) = parts else {
        return false;
    };
    let runs_on = |left: &str, right: &str| {
        let last = left.chars().next_back();
        let first = right.chars().next();
        last.is_some_and(char::is_alphanumeric) && first.is_some_and(char::is_alphanumeric)
    };
    !runs_on(before, name) && !runs_on(name, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> Names {
        Names::of(&Molecule {
            name: all[0].into(),
            synonyms: all[1..].iter().map(|&name| name.into()).collect(),
            ..Molecule::default()
        })
    }

    #[test]
    fn a_name_is_found_in_any_case_at_word_boundaries() {
        let mut aspirin = names(&["Aspirin"]);
        for (text, at) in [
            ("aspirin", Some(0)),
            ("ASPIRIN.", Some(0)),
            ("an aspirin-treated group", Some(3)),
            ("(aspirin)", Some(1)),
            ("50 mg–aspirin", Some(8)),
            ("aspirin® tablets", Some(0)),
            ("", None),
            ("aspirins", None),
            ("preaspirin", None),
            ("éaspirin", None),
            ("aspirinβ", None),
            ("aspiri", None),
            ("aspirin2 aspirin", Some(9)),
        ] {
            assert_eq!(aspirin.find(text), at, "{text}");
        }
    }

    #[test]
    fn a_short_name_counts_only_case_exact() {
        let mut short = names(&["Met", "5-FU", "metformin"]);
        assert_eq!(short.find("we met them"), None);
        assert_eq!(short.find("MET inhibitors"), None);
        assert_eq!(short.find("Met 500 mg"), Some(0));
        assert_eq!(short.find("and 5-FU"), Some(4));
        assert_eq!(short.find("and 5-fu"), None);
        assert_eq!(short.find("METFORMIN"), Some(0));
    }

    #[test]
    fn names_may_begin_and_end_with_anything() {
        let mut odd = names(&["(R)-warfarin", "β-carotene", "vitamin C (ascorbate)"]);
        assert_eq!(odd.find("of (r)-Warfarin"), Some(3));
        assert_eq!(odd.find("x(R)-warfarin"), Some(1));
        assert_eq!(odd.find("a β-Carotene"), Some(2));
        assert_eq!(odd.find("αβ-carotene"), None);
        assert_eq!(odd.find("Vitamin C (ascorbate), daily"), Some(0));
    }

    #[test]
    fn different_names_are_counted_within_a_group() {
        let mut aspirin = names(&["aspirin", "acetylsalicylic acid", "ASA", "Aspirin"]);
        aspirin.begin_group();
        assert_eq!(aspirin.n_seen(), 0);
        aspirin.find("Aspirin, that is acetylsalicylic acid");
        aspirin.find("aspirin again");
        assert_eq!(aspirin.n_seen(), 2);
        aspirin.begin_group();
        assert_eq!(aspirin.n_seen(), 0);
        aspirin.find("ASA");
        assert_eq!(aspirin.n_seen(), 1);
    }

    #[test]
    fn a_name_within_another_counts_too() {
        let mut nested = names(&["aspirin", "aspirin lysine"]);
        nested.begin_group();
        assert_eq!(nested.find("Aspirin lysine"), Some(0));
        assert_eq!(nested.n_seen(), 2);
    }

    /// What [`Names::find`] must say, found byte by byte.
    fn found_slowly(names: &Names, text: &str) -> (Option<usize>, usize) {
        let stands_at = |name: &Name, at: usize| {
            name.begins(&text.as_bytes()[at..]) && stands_alone(text, at, at + name.bytes.len())
        };
        let places = |name: &Name| (0..text.len()).find(|&at| stands_at(name, at));
        let firsts: Vec<usize> = names.all.iter().filter_map(places).collect();
        (firsts.iter().min().copied(), firsts.len())
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_overlooked_at_any_place(
            all in proptest::collection::vec("[aAbBéβ 1-]{1,9}", 1..6),
            text in "[aAbBéβ 1-]{0,60}",
        ) {
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            let mut names = names(&all);
            names.begin_group();
            let expected = found_slowly(&names, &text);
            proptest::prop_assert_eq!((names.find(&text), names.n_seen()), expected);
        }

        #[test]
        fn a_name_is_found_wherever_it_stands(before in "[ab ]{0,20}", after in "[ab ]{0,20}") {
            let text = format!("{before} Aspirin {after}");
            let found = names(&["aspirin"]).find(&text);
            proptest::prop_assert_eq!(found, Some(before.len() + 1));
        }
    }

    #[test]
    fn names_without_a_letter_find_nothing() {
        let mut blank = names(&["", "  ", "--"]);
        assert_eq!(blank.find("-- a text  "), None);
    }
}
