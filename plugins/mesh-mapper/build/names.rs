//! The forms under which one name of the vocabulary may stand in a text, and the names too dangerous
//! to look for. Build time only.

use crate::fold::Folded;
use crate::token::{self, Kind};

/// Words that stand for one another at the end of a name.
const HEADS: [&[&str]; 3] = [
    &["neoplasm", "cancer", "tumor", "carcinoma", "malignancy"],
    &["disease", "disorder", "syndrome"],
    &["failure", "insufficiency"],
];

/// Words that stand for one another anywhere in a name.
const TWINS: [[&str; 2]; 14] = [
    ["kidney", "renal"],
    ["liver", "hepatic"],
    ["lung", "pulmonary"],
    ["stomach", "gastric"],
    ["heart", "cardiac"],
    ["brain", "cerebral"],
    ["bowel", "intestinal"],
    ["colonic", "colon"],
    ["pancreatic", "pancreas"],
    ["ovarian", "ovary"],
    ["prostatic", "prostate"],
    ["uterine", "uterus"],
    ["esophageal", "esophagus"],
    ["vascular", "vessel"],
];

/// The folded words of a name; a comma is a word of its own, "the" and other marks are left out.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    token::tokenise(name, |_| token::UNKNOWN, &mut tokens);
    let word = |token: &token::Token| match token.kind {
        Kind::Comma => Some(",".to_owned()),
        Kind::Word => {
            let folded = Folded::of(&name[token.start as usize..token.end as usize])?;
            String::from_utf8(folded.as_bytes().to_vec()).ok()
        }
        _ => None,
    };
    tokens
        .iter()
        .filter_map(word)
        .filter(|word| word != "the")
        .collect()
}

/// A name that is an acronym matches capitals only.
pub(crate) fn is_acronym(name: &str) -> bool {
    let n_small = name.bytes().filter(u8::is_ascii_lowercase).count();
    let n_capital = name.bytes().filter(u8::is_ascii_uppercase).count();
    !name.contains(' ') && name.len() <= 8 && n_capital >= 2 && n_small <= 1
}

/// Names of one or two letters, of figures only, and those of three that are no acronyms find
/// everything but their disease.
pub(crate) fn is_dangerous(name: &str, words: &[String]) -> bool {
    let n_letters = words
        .iter()
        .flat_map(|word| word.chars())
        .filter(|letter| letter.is_alphabetic())
        .count();
    n_letters < 3 || (n_letters == 3 && words.len() == 1 && !is_acronym(name))
}

/// All forms of a name, each with whether it was altered beyond order and commas.
pub(crate) fn variants(words: &[String]) -> Vec<(Vec<String>, bool)> {
    let mut forms = vec![words.to_vec()];
    if words.iter().any(|word| word == ",") {
        let parts: Vec<&[String]> = words.split(|word| word == ",").collect();
        // "Diabetes mellitus type 2" is said; "neoplasms gastrointestinal" is not.
        let counted = |part: &[String]| {
            part.iter()
                .any(|word| word == "type" || word.bytes().any(|byte| byte.is_ascii_digit()))
        };
        if parts.last().is_some_and(|part| counted(part)) {
            forms.push(parts.concat());
        }
        forms.push(parts.iter().rev().copied().collect::<Vec<_>>().concat());
    }
    let mut all: Vec<(Vec<String>, bool)> =
        forms.iter().map(|form| (form.clone(), false)).collect();
    for form in forms
        .iter()
        .filter(|form| form.len() > 1 && !form.contains(&",".to_owned()))
    {
        let mut altered = turned(form);
        altered.extend(with_other_heads(form));
        for other in altered.clone().iter().chain([form]) {
            altered.extend(with_twins(other));
        }
        all.extend(altered.into_iter().map(|form| (form, true)));
    }
    all
}

/// "Cancer of breast" says "breast cancer", and the other way round.
fn turned(form: &[String]) -> Vec<Vec<String>> {
    if let Some(at) = form
        .iter()
        .position(|word| word == "of")
        .filter(|at| *at > 0 && at + 1 < form.len())
    {
        return vec![[&form[at + 1..], &form[..at]].concat()];
    }
    let last = form.len() - 1;
    let tumor = HEADS[0].contains(&form[last].as_str());
    if tumor && form.len() == 2 {
        return vec![vec![form[1].clone(), "of".to_owned(), form[0].clone()]];
    }
    Vec::new()
}

fn with_other_heads(form: &[String]) -> Vec<Vec<String>> {
    let last = form.len() - 1;
    let Some(heads) = HEADS
        .iter()
        .find(|heads| heads.contains(&form[last].as_str()))
    else {
        return Vec::new();
    };
    let other = |head: &&str| [&form[..last], &[(*head).to_owned()]].concat();
    heads
        .iter()
        .filter(|head| **head != form[last])
        .map(other)
        .collect()
}

fn with_twins(form: &[String]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for (at, word) in form.iter().enumerate() {
        for [one, other] in TWINS {
            let twin = if word == one {
                other
            } else if word == other {
                one
            } else {
                continue;
            };
            let mut changed = form.to_vec();
            twin.clone_into(&mut changed[at]);
            all.push(changed);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(name: &str) -> Vec<String> {
        variants(&words(name))
            .into_iter()
            .map(|(form, _)| form.join(" "))
            .collect()
    }

    #[test]
    fn inverted_name_is_turned_round() {
        assert!(forms("Fibrosis, Pulmonary").contains(&"pulmonary fibrosis".to_owned()));
        assert!(
            forms("Diabetes Mellitus, Type 2")
                .contains(&words("diabetes mellitus type 2").join(" "))
        );
    }

    #[test]
    fn head_and_organ_are_put_in_other_words() {
        let forms = forms("Lung Neoplasms");
        for form in [
            "lung cancer",
            "pulmonary neoplasm",
            "pulmonary cancer",
            "neoplasm of lung",
        ] {
            assert!(
                forms.contains(&form.to_owned()),
                "{form} is not in {forms:?}"
            );
        }
    }

    #[test]
    fn short_name_is_dangerous_unless_an_acronym() {
        let dangerous = |name: &str| is_dangerous(name, &words(name));
        assert!(dangerous("A-T") && dangerous("C") && dangerous("Tic"));
        assert!(!dangerous("AML") && !dangerous("Gout"));
        assert!(is_acronym("COPD") && !is_acronym("Gout"));
    }
}
