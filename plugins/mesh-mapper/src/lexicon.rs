//! Reads the vocabulary that `build.rs` laid out, in place: a fresh instance pays nothing for it.
//!
//! The image holds a hash table of words and one trie with two roots, names and cues. It is never
//! copied, parsed or checked at start.

use crate::fold::hash;
use crate::token::{UNKNOWN, WordId};

mod layout {
    include!(concat!(env!("OUT_DIR"), "/layout.rs"));
}

static IMAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/vocabulary.bin"));

const TERMINAL: u32 = 1 << 31;
const EXACT_CASE: u32 = 1 << 20;
const TIER_SHIFT: u32 = 16;
const ID_BYTES: usize = 10;

/// A place in the trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node(u32);

/// A name of the vocabulary that was walked to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    pub disease: Disease,
    /// 0 is nearest to the descriptor's own name; see `Tier` in `build/image.rs`.
    pub tier: u8,
    /// An acronym: counts in capitals only.
    pub exact_case: bool,
}

/// A descriptor or supplementary record, by its place in the vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disease(u16);

impl Disease {
    /// What a phrase names that holds a disease's words and means none: "heat shock".
    pub const NONE: Self = Self(0);

    pub fn mesh_id(self) -> &'static str {
        let at = layout::IDS + usize::from(self.0) * ID_BYTES;
        let bytes = IMAGE.get(at..at + ID_BYTES).unwrap_or_default();
        std::str::from_utf8(bytes)
            .unwrap_or_default()
            .trim_end_matches('\0')
    }
}

/// The number of a folded word.
pub fn word(folded: &[u8]) -> WordId {
    let sum = hash(folded);
    let mut slot = sum as usize & (layout::N_SLOTS - 1);
    loop {
        let entry = u32_at(layout::SLOTS, slot);
        if entry == u32::MAX {
            return UNKNOWN;
        }
        if entry >> 16 == sum >> 16 {
            let id = (entry & 0xffff) as WordId;
            if spelling(id) == folded {
                return id;
            }
        }
        slot = (slot + 1) & (layout::N_SLOTS - 1);
    }
}

fn spelling(id: WordId) -> &'static [u8] {
    let from = u32_at(layout::WORD_STARTS, usize::from(id)) as usize;
    let to = u32_at(layout::WORD_STARTS, usize::from(id) + 1) as usize;
    IMAGE
        .get(layout::POOL + from..layout::POOL + to)
        .unwrap_or_default()
}

/// Where names that begin with `word` go on.
pub fn name_root(word: WordId) -> Option<Node> {
    root(layout::NAME_ROOTS, word)
}

/// Where cues that begin with `word` go on.
pub fn cue_root(word: WordId) -> Option<Node> {
    root(layout::CUE_ROOTS, word)
}

fn root(roots: usize, word: WordId) -> Option<Node> {
    if usize::from(word) >= layout::N_WORDS {
        return None;
    }
    let node = u32_at(roots, usize::from(word));
    (node != 0).then_some(Node(node))
}

impl Node {
    /// One word further.
    pub fn child(self, word: WordId) -> Option<Self> {
        let mut from = u32_at(layout::FIRST_CHILDREN, self.0 as usize);
        let mut to = u32_at(layout::FIRST_CHILDREN, self.0 as usize + 1);
        while from < to {
            let middle = from + (to - from) / 2;
            let label = u16_at(layout::LABELS, middle as usize);
            if label == word {
                return Some(Self(middle));
            }
            if label < word {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        None
    }

    /// The name that ends here.
    pub fn name(self) -> Option<Name> {
        let payload = u32_at(layout::PAYLOADS, self.0 as usize);
        (payload & TERMINAL != 0).then_some(Name {
            disease: Disease((payload & 0xffff) as u16),
            tier: ((payload >> TIER_SHIFT) & 0xf) as u8,
            exact_case: payload & EXACT_CASE != 0,
        })
    }

    /// The set of cue classes that end here, as bits; 0 is none.
    pub fn cues(self) -> u64 {
        let set = u32_at(layout::PAYLOADS, self.0 as usize) as usize;
        if set == 0 {
            return 0;
        }
        IMAGE
            .get(layout::CLASS_SETS + set * 8..)
            .and_then(<[u8]>::first_chunk)
            .map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }
}

/// Walks a whole sequence of words.
pub fn name_of(words: impl IntoIterator<Item = WordId>) -> Option<Name> {
    let mut words = words.into_iter();
    let first = name_root(words.next()?)?;
    words.try_fold(first, Node::child)?.name()
}

fn u32_at(section: usize, index: usize) -> u32 {
    IMAGE
        .get(section + index * 4..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn u16_at(section: usize, index: usize) -> u16 {
    IMAGE
        .get(section + index * 2..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |bytes| u16::from_le_bytes(*bytes))
}
