//! What `first-contract`, `second-contract` and `packed-contract` compute alike, each over the records
//! of its own bindings.

use crate::contract::types::{Candidate, Query};

pub(crate) const NAMES: [&str; 4] = ["title_bytes", "names_molecule", "bm25_title", "digest"];

pub(crate) fn row(query: &Query, candidate: &Candidate) -> [f32; NAMES.len()] {
    let evidence = &candidate.evidence;
    let names = std::iter::once(&query.molecule.name).chain(&query.molecule.synonyms);
    let named = names
        .filter(|name| evidence.passages.iter().any(|p| p.text.contains(*name)))
        .count();
    let bm25 = candidate
        .signals
        .iter()
        .find(|signal| signal.name == "bm25_title")
        .map_or(0.0, |signal| signal.value);
    let count = |n: usize| u16::try_from(n).map_or(f32::MAX, f32::from);
    [
        count(evidence.title.len()),
        count(named),
        bm25,
        digest(candidate),
    ]
}

/// Of every field, in twenty-four bits, which are a whole number of an `f32`.
fn digest(candidate: &Candidate) -> f32 {
    let shown = format!("{candidate:?}");
    let fnv = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let [low, middle, high, _] = shown.bytes().fold(0x811c_9dc5, fnv).to_le_bytes();
    f32::from(u16::from_le_bytes([low, middle])) + 65_536.0 * f32::from(high)
}

pub(crate) fn score(bias: f32, weights: &[f32; NAMES.len()], row: &[f32; NAMES.len()]) -> f32 {
    let terms = weights.iter().zip(row);
    terms.fold(bias, |sum, (weight, value)| sum + weight * value)
}
