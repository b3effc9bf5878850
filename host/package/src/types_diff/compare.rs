//! Two sides held against each other, in words.

use std::collections::BTreeSet;

use super::{Difference, InterfaceTypes, Side, TypeShape, WorldTypes};

/// What differs between `left` and `right`. Where `left` is the host, `right` may use less of it,
/// and interfaces that are not `phagen:plugin`'s are left to the check of imports.
pub fn diff(left: &WorldTypes, right: &WorldTypes) -> Vec<Difference> {
    let words = Words::of(left, right);
    let mut differences = Vec::new();
    for (name, theirs) in &right.interfaces {
        match counterpart(left, name) {
            Some((known, ours)) => {
                let must_be_whole = left.side != Side::Host || right.exports.contains(name);
                let interface = Pair {
                    name: known,
                    left: ours,
                    right: theirs,
                    must_be_whole,
                };
                interface.compare(&words, &mut differences);
            }
            None if left.side != Side::Host || is_ours(name) => {
                differences.push(unknown_interface(name, left, &words));
            }
            None => {}
        }
    }
    if left.side != Side::Host {
        for name in left.interfaces.keys() {
            if counterpart(right, name).is_none() {
                let message = format!("only {} has it", words.left);
                differences.push(Difference::new(format!("interface {name}"), message));
            }
        }
    }
    differences
}

/// How a message calls the two sides, and what it advises.
struct Words {
    left: &'static str,
    right: &'static str,
    advice: String,
}

impl Words {
    fn of(left: &WorldTypes, right: &WorldTypes) -> Self {
        match (left.side, right.side) {
            (Side::Host, _) => Self {
                left: "host",
                right: "plugin",
                advice: newest_contract(left)
                    .map(|contract| format!("; rebuild with the SDK of contract {contract}"))
                    .unwrap_or_default(),
            },
            (Side::Plugin, _) => Self {
                left: "old",
                right: "new",
                advice: String::new(),
            },
        }
    }
}

fn is_ours(name: &str) -> bool {
    name.starts_with("phagen:plugin/")
}

fn newest_contract(host: &WorldTypes) -> Option<semver::Version> {
    host.interfaces
        .keys()
        .filter(|name| is_ours(name))
        .filter_map(|name| version(name))
        .max()
}

fn version(name: &str) -> Option<semver::Version> {
    semver::Version::parse(name.split_once('@')?.1).ok()
}

fn interface(name: &str) -> &str {
    name.split_once('@')
        .map_or(name, |(interface, _)| interface)
}

/// The interface of that name, else one of the same compatibility track, as the linker joins them.
fn counterpart<'w>(side: &'w WorldTypes, name: &str) -> Option<(&'w str, &'w InterfaceTypes)> {
    if let Some((name, found)) = side.interfaces.get_key_value(name) {
        return Some((name, found));
    }
    let wanted = version(name)?;
    side.interfaces
        .iter()
        .find(|(other, _)| {
            interface(other) == interface(name)
                && version(other).is_some_and(|other| track(&other) == track(&wanted))
        })
        .map(|(name, found)| (name.as_str(), found))
}

/// 1.4.0 and 1.0.2 are compatible, and so are 0.1.0 and 0.1.4.
fn track(version: &semver::Version) -> (u64, Option<u64>, Option<u64>) {
    let minor = (version.major == 0).then_some(version.minor);
    let patch = (version.major == 0 && version.minor == 0).then_some(version.patch);
    (version.major, minor, patch)
}

fn unknown_interface(name: &str, left: &WorldTypes, words: &Words) -> Difference {
    let known: Vec<String> = left
        .interfaces
        .keys()
        .filter(|other| interface(other) == interface(name))
        .filter_map(|other| version(other))
        .map(|version| version.to_string())
        .collect();
    let message = if known.is_empty() {
        format!("{} does not have it{}", words.left, words.advice)
    } else {
        format!(
            "{} has version {}, {} has {}{}",
            words.left,
            known.join(" and "),
            words.right,
            version(name).map_or_else(|| "none".to_owned(), |version| version.to_string()),
            words.advice
        )
    };
    Difference::new(format!("interface {}", interface(name)), message)
}

/// One interface on both sides.
struct Pair<'w> {
    name: &'w str,
    left: &'w InterfaceTypes,
    right: &'w InterfaceTypes,
    /// What the left side has, the right one must have too.
    must_be_whole: bool,
}

impl Pair<'_> {
    fn compare(&self, words: &Words, differences: &mut Vec<Difference>) {
        for (name, right) in &self.right.types {
            let message = match self.left.types.get(name) {
                Some(left) => compare_shapes(left, right, words),
                None => Some(format!("{} does not have it", words.left)),
            };
            if let Some(message) = message {
                let place = format!("{} {}.{name}", word(right), self.name);
                differences.push(Difference::new(place, message + &words.advice));
            }
        }
        for (name, right) in &self.right.functions {
            let message = match self.left.functions.get(name) {
                Some(left) if left == right => continue,
                Some(left) => format!("{} has `{left}`, {} `{right}`", words.left, words.right),
                None => format!("{} does not have it", words.left),
            };
            let place = format!("function {}.{name}", self.name);
            differences.push(Difference::new(place, message + &words.advice));
        }
        if self.must_be_whole {
            self.missing(words, differences);
        }
    }

    fn missing(&self, words: &Words, differences: &mut Vec<Difference>) {
        let functions = self.left.functions.keys().map(|name| ("function", name));
        let missing = functions.filter(|(_, name)| !self.right.functions.contains_key(*name));
        for (kind, name) in missing {
            let place = format!("{kind} {}.{name}", self.name);
            let message = format!("{} does not have it{}", words.right, words.advice);
            differences.push(Difference::new(place, message));
        }
    }
}

fn word(shape: &TypeShape) -> &'static str {
    match shape {
        TypeShape::Record(_) => "record",
        TypeShape::Variant(_) => "variant",
        TypeShape::Enum(_) => "enum",
        TypeShape::Flags(_) => "flags",
        TypeShape::Resource => "resource",
        TypeShape::Alias(_) => "type",
    }
}

fn compare_shapes(left: &TypeShape, right: &TypeShape, words: &Words) -> Option<String> {
    let plain = |names: &[String]| -> Vec<(String, String)> {
        names
            .iter()
            .map(|name| (name.clone(), String::new()))
            .collect()
    };
    match (left, right) {
        (left, right) if left == right => None,
        (TypeShape::Record(left), TypeShape::Record(right)) => {
            Some(compare_parts("field", left, right, words))
        }
        (TypeShape::Variant(left), TypeShape::Variant(right)) => {
            Some(compare_parts("case", left, right, words))
        }
        (TypeShape::Enum(left), TypeShape::Enum(right)) => {
            Some(compare_parts("case", &plain(left), &plain(right), words))
        }
        (TypeShape::Flags(left), TypeShape::Flags(right)) => {
            Some(compare_parts("flag", &plain(left), &plain(right), words))
        }
        (TypeShape::Alias(left), TypeShape::Alias(right)) => Some(format!(
            "{} has `{left}`, {} `{right}`",
            words.left, words.right
        )),
        (left, right) => Some(format!(
            "{} has a {}, {} a {}",
            words.left,
            word(left),
            words.right,
            word(right)
        )),
    }
}

/// Fields, cases or flags that are not the same list.
fn compare_parts(
    kind: &str,
    left: &[(String, String)],
    right: &[(String, String)],
    words: &Words,
) -> String {
    let names = |parts: &[(String, String)]| -> BTreeSet<String> {
        parts.iter().map(|(name, _)| name.clone()).collect()
    };
    let (left_names, right_names) = (names(left), names(right));
    let listed = |names: Vec<&String>| {
        let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        quoted.join(", ")
    };
    let more = listed(right_names.difference(&left_names).collect());
    let fewer = listed(left_names.difference(&right_names).collect());
    let mut messages = Vec::new();
    match (more.is_empty(), fewer.is_empty()) {
        (true, true) => {}
        (false, true) => messages.push(format!(
            "{} has {} {kind}s, {} {}: {more}",
            words.left,
            left.len(),
            words.right,
            right.len()
        )),
        (true, false) => messages.push(format!(
            "{} has {} {kind}s, {} {} without {fewer}",
            words.left,
            left.len(),
            words.right,
            right.len()
        )),
        (false, false) => messages.push(format!(
            "only {} has {fewer}, only {} has {more}",
            words.left, words.right
        )),
    }
    for (name, left) in left {
        if let Some((_, right)) = right.iter().find(|(other, _)| other == name)
            && left != right
        {
            messages.push(format!(
                "{kind} `{name}` is {} in {}, {} in {}",
                carried(left),
                words.left,
                carried(right),
                words.right
            ));
        }
    }
    if messages.is_empty() {
        messages.push(format!("the {kind}s stand in another order"));
    }
    messages.join("; ")
}

fn carried(ty: &str) -> String {
    if ty.is_empty() {
        "nothing".to_owned()
    } else {
        format!("`{ty}`")
    }
}
