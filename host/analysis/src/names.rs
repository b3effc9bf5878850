//! Whether a text names a molecule.
//!
//! Evidence that does not name the molecule is not evidence for it. A name is found whatever its
//! case, accents, hyphens and Greek letters. A name of four letters or fewer (Met, ASA, PA), and a
//! name that is an everyday word, counts only case-exact in a document that also holds a longer
//! name; so does no fragment of another word.

use std::collections::HashMap;

use phagen_domain::{evidence::Evidence, molecule::Molecule};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Longest name, in letters and digits, that counts only beside a longer one.
const MAX_SHORT_NAME_CHARS: usize = 4;

/// Names in the drug list that English uses for something else.
const EVERYDAY_WORDS: [&str; 4] = ["chalk", "ecstasy", "eleven", "salts"];

/// Stands, while folding, for the hyphen after a digit until the next character is known.
const LOCANT: char = '-';

/// Attributes that say outright which substances a label or a trial is about.
const SUBJECT_KEYS: [&str; 4] = ["drug", "drugs", "intervention", "interventions"];

/// The names of one molecule, ready to be looked for.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// Folded long names, by their first word.
    long: HashMap<String, Vec<String>>,
    /// Names that count only case-exact, in a document that also holds a long one.
    short: Vec<String>,
}

/// Where a document names the molecule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Naming {
    /// Its title does, or an attribute that says what it is about.
    pub subject: bool,
    /// By passage, in order.
    pub passages: Vec<bool>,
}

impl Names {
    pub(crate) fn of(molecule: &Molecule) -> Self {
        let mut names = Self {
            long: HashMap::new(),
            short: Vec::new(),
        };
        for name in molecule.names() {
            names.add(name);
        }
        names
    }

    /// No name is long enough to find anything by.
    pub(crate) fn has_only_short_names(&self) -> bool {
        self.long.is_empty()
    }

    /// Where `evidence` names the molecule; none when nowhere.
    pub(crate) fn find_in(&self, evidence: &Evidence) -> Option<Naming> {
        let subject = self.is_long_in(&evidence.title)
            || evidence.attributes.iter().any(|attribute| {
                SUBJECT_KEYS.contains(&attribute.key.as_str()) && self.is_long_in(&attribute.value)
            });
        let long: Vec<bool> = evidence
            .passages
            .iter()
            .map(|passage| self.is_long_in(&passage.text))
            .collect();
        if !subject && !long.contains(&true) {
            return None;
        }
        let passages = long
            .into_iter()
            .zip(&evidence.passages)
            .map(|(found, passage)| found || self.is_short_in(&passage.text))
            .collect();
        Some(Naming {
            subject: subject || self.is_short_in(&evidence.title),
            passages,
        })
    }

    /// Whether the evidence is *about* the molecule: its title or a subject attribute names it, or
    /// it says nothing of its subject.
    pub(crate) fn is_subject_of(&self, evidence: &Evidence) -> bool {
        let mut subjects = evidence
            .attributes
            .iter()
            .filter(|attribute| SUBJECT_KEYS.contains(&attribute.key.as_str()))
            .peekable();
        subjects.peek().is_none()
            || self.is_long_in(&evidence.title)
            || subjects.any(|attribute| self.is_in(&attribute.value))
    }

    /// Whether `text`, a part of a document that holds a long name, names the molecule.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.is_long_in(text) || self.is_short_in(text)
    }

    fn add(&mut self, name: &str) {
        let folded = fold(name);
        let n_chars = folded.chars().filter(|c| *c != ' ').count();
        if n_chars == 0 {
            return;
        }
        if n_chars <= MAX_SHORT_NAME_CHARS || EVERYDAY_WORDS.contains(&folded.as_str()) {
            self.short.push(name.trim().to_owned());
            return;
        }
        let first = folded.split(' ').next().unwrap_or_default().to_owned();
        // A plural names the substance too.
        let plural = format!("{folded}s");
        for (first, name) in [
            (first.clone(), folded.clone()),
            (
                plural.split(' ').next().unwrap_or_default().to_owned(),
                plural.clone(),
            ),
        ] {
            let known = self.long.entry(first).or_default();
            if !known.contains(&name) {
                known.push(name);
            }
        }
    }

    fn is_long_in(&self, text: &str) -> bool {
        if self.long.is_empty() {
            return false;
        }
        let folded = fold(text);
        let mut start = 0;
        for word in folded.split(' ') {
            if let Some(names) = self.long.get(word) {
                let rest = &folded[start..];
                let ends_at_word = |name: &String| {
                    rest.strip_prefix(name.as_str())
                        .is_some_and(|after| after.is_empty() || after.starts_with(' '))
                };
                if names.iter().any(ends_at_word) {
                    return true;
                }
            }
            start += word.len() + 1;
        }
        false
    }

    fn is_short_in(&self, text: &str) -> bool {
        self.short.iter().any(|name| {
            text.match_indices(name.as_str()).any(|(start, found)| {
                let before = text[..start].chars().next_back();
                let after = text[start + found.len()..].chars().next();
                !before.is_some_and(continues_a_name) && !after.is_some_and(continues_a_name)
            })
        })
    }
}

/// A text as names are compared: lower case, without accents, Greek letters spelled out, every run
/// of anything but letters and digits one space. A locant stays with its word, since
/// `5-acetylsalicylic acid` is not `acetylsalicylic acid`.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len() + 8);
    if text.is_ascii() {
        for byte in text.bytes() {
            push_folded(&mut folded, char::from(byte));
        }
    } else {
        let letters = text.nfkd().flat_map(char::to_lowercase).nfkd();
        for letter in letters.filter(|c| !is_combining_mark(*c)) {
            match greek_name(letter) {
                Some(name) => folded.push_str(name),
                None => push_folded(&mut folded, letter),
            }
        }
    }
    if folded.ends_with([' ', LOCANT]) {
        folded.pop();
    }
    folded
}

fn push_folded(folded: &mut String, c: char) {
    if c.is_alphabetic() && folded.ends_with(LOCANT) {
        folded.pop();
        folded.push(c.to_ascii_lowercase());
    } else if c.is_alphanumeric() {
        if folded.ends_with(LOCANT) {
            folded.pop();
            folded.push(' ');
        }
        folded.push(c.to_ascii_lowercase());
    } else if folded.ends_with(LOCANT) {
        folded.pop();
        folded.push(' ');
    } else if c == '-' && folded.ends_with(|last: char| last.is_ascii_digit()) {
        folded.push(LOCANT);
    } else if !folded.is_empty() && !folded.ends_with(' ') {
        folded.push(' ');
    }
}

/// `t-PA` does not hold `PA`, nor `ASA404` `ASA`.
fn continues_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '\u{2010}' || c == '\u{2011}'
}

fn greek_name(c: char) -> Option<&'static str> {
    Some(match c {
        'α' => "alpha",
        'β' => "beta",
        'γ' => "gamma",
        'δ' => "delta",
        'ε' => "epsilon",
        'ζ' => "zeta",
        'η' => "eta",
        'θ' => "theta",
        'κ' => "kappa",
        'λ' => "lambda",
        'μ' => "mu",
        'π' => "pi",
        'σ' | 'ς' => "sigma",
        'τ' => "tau",
        'χ' => "chi",
        'ψ' => "psi",
        'ω' => "omega",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use phagen_domain::evidence::{Attribute, EvidenceId, EvidenceKind, Passage};
    use proptest::prelude::*;

    use super::*;

    fn names(all: &[&str]) -> Names {
        Names::of(&Molecule {
            name: all[0].to_owned(),
            synonyms: all[1..].iter().map(|&s| s.to_owned()).collect(),
            ..Molecule::default()
        })
    }

    fn evidence(title: &str, passages: &[&str]) -> Evidence {
        Evidence {
            evidence_id: EvidenceId::pubmed(1),
            kind: EvidenceKind::Literature,
            title: title.to_owned(),
            citation: String::new(),
            url: None,
            date: None,
            passages: (1..)
                .zip(passages)
                .map(|(ordinal, text)| Passage {
                    ordinal,
                    section: None,
                    text: (*text).to_owned(),
                })
                .collect(),
            attributes: vec![],
        }
    }

    #[test]
    fn case_hyphens_accents_and_greek_letters_do_not_hide_a_name() {
        let names = names(&[
            "aspirin",
            "acide acétylsalicylique",
            "16α-methyl-9α-fluorocortisol",
        ]);
        for text in [
            "Low-dose ASPIRIN-induced asthma",
            "Aspirins compared",
            "acide acetyl-salicylique",
            "l'acide acetylsalicylique",
            "16alpha methyl 9alpha-fluorocortisol",
        ] {
            let found = names.find_in(&evidence(text, &[])).is_some();
            assert_eq!(found, text != "acide acetyl-salicylique", "{text}");
        }
    }

    #[test]
    fn a_part_of_another_word_is_not_the_name() {
        let names = names(&["salicylic acid"]);
        assert!(
            names
                .find_in(&evidence("Acetylsalicylic acid", &[]))
                .is_none()
        );
        assert!(
            names
                .find_in(&evidence("Salicylic acidosis", &[]))
                .is_none()
        );
        assert!(
            names
                .find_in(&evidence("Topical salicylic acid.", &[]))
                .is_some()
        );
    }

    #[test]
    fn a_locant_makes_another_substance() {
        let names = names(&["acetylsalicylic acid", "5-fluorouracil"]);
        for (text, found) in [
            ("5-acetylsalicylic acid (mesalazine)", false),
            ("Day 5 - acetylsalicylic acid", true),
            ("day 5 acetylsalicylic acid", true),
            ("5-Fluorouracil and folate", true),
            ("fluorouracil", false),
        ] {
            assert_eq!(
                names.find_in(&evidence(text, &[])).is_some(),
                found,
                "{text}"
            );
        }
    }

    #[test]
    fn a_short_name_counts_only_case_exact_beside_a_longer_one() {
        let names = names(&["aspirin", "ASA", "PA"]);
        assert!(
            names
                .find_in(&evidence("ASA in stroke", &["ASA again"]))
                .is_none()
        );
        let found = names
            .find_in(&evidence(
                "Stroke",
                &[
                    "Aspirin (ASA).",
                    "ASA helped.",
                    "asa",
                    "t-PA",
                    "ASA404",
                    "none",
                ],
            ))
            .unwrap();
        assert_eq!(
            found,
            Naming {
                subject: false,
                passages: vec![true, true, false, false, false, false]
            }
        );
    }

    #[test]
    fn an_everyday_word_is_treated_as_a_short_name() {
        let names = names(&["Hexachlorophene", "Eleven"]);
        assert!(names.find_in(&evidence("Eleven patients", &[])).is_none());
        assert!(
            names
                .find_in(&evidence("Hexachlorophene soap", &[]))
                .is_some()
        );
    }

    #[test]
    fn a_molecule_with_only_short_names_finds_nothing() {
        let names = names(&["Zinc", "Zn"]);
        assert!(names.has_only_short_names());
        assert!(names.find_in(&evidence("Zinc", &["Zinc and Zn"])).is_none());
    }

    #[test]
    fn a_label_names_its_drug_by_attribute() {
        let names = names(&["aspirin"]);
        let mut label = evidence("Bufferin", &["For pain."]);
        label.attributes.push(Attribute {
            key: "drugs".to_owned(),
            value: "Aspirin".to_owned(),
        });
        assert!(names.find_in(&label).unwrap().subject);
        assert!(names.is_subject_of(&label));
        label.attributes[0].value = "Lisinopril".to_owned();
        label.passages[0].text = "Aspirin may be continued.".to_owned();
        assert!(!names.find_in(&label).unwrap().subject);
        assert!(!names.is_subject_of(&label));
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in "\\PC{0,40}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn a_name_between_spaces_is_always_found(
            before in "\\PC{0,20}",
            after in "\\PC{0,20}",
        ) {
            let text = format!("{before} Metformin {after}");
            prop_assert!(names(&["metformin"]).find_in(&evidence("", &[&text])).is_some());
        }
    }
}
