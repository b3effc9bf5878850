//! Gathers names and cues in a trie over word numbers and lays it out as flat arrays, which the
//! guest reads in place. Build time only; `src/lexicon.rs` is its reader.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write as _;

use crate::cue::Cue;
use crate::fold::hash;
use crate::token::{UNKNOWN, WordId};

/// How near a name is to the descriptor's own. When one name stands for two ids, the lowest wins;
/// within one tier, the one that came first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    Curated,
    Name,
    EntryTerm,
    SupplementaryName,
    SupplementaryTerm,
    AlteredName,
    AlteredTerm,
    AlteredSupplementary,
}

impl Tier {
    pub fn altered(self) -> Self {
        match self {
            Self::Curated | Self::Name => Self::AlteredName,
            Self::EntryTerm => Self::AlteredTerm,
            _ => Self::AlteredSupplementary,
        }
    }
}

#[derive(Clone, Copy)]
pub struct Name<'a> {
    pub mesh_id: &'a str,
    pub tier: Tier,
    pub exact_case: bool,
}

const TERMINAL: u32 = 1 << 31;
const EXACT_CASE: u32 = 1 << 20;
const TIER_SHIFT: u32 = 16;
const ID_BYTES: usize = 10;

#[derive(Default)]
struct Node {
    children: BTreeMap<WordId, usize>,
    payload: u32,
    /// The cue classes that end here; laid out as the number of their set.
    classes: u64,
}

pub struct Image {
    words: HashMap<String, WordId>,
    ids: Vec<String>,
    id_numbers: HashMap<String, u32>,
    nodes: Vec<Node>,
}

/// The id of names that are looked for only so that nothing inside them is found.
pub const NO_DISEASE: &str = "-";

const NAMES: usize = 0;
const CUES: usize = 1;

impl Image {
    pub fn new() -> Self {
        let mut image = Self {
            words: HashMap::new(),
            ids: Vec::new(),
            id_numbers: HashMap::new(),
            nodes: vec![Node::default(), Node::default()],
        };
        // `lexicon::Disease::NONE` is number 0.
        image.ids.push(NO_DISEASE.to_owned());
        image.id_numbers.insert(NO_DISEASE.to_owned(), 0);
        // The words that `token` knows by number, in its order.
        for word in [",", "the", "and", "or", "of"] {
            image.word(word);
        }
        image
    }

    pub fn add_name(&mut self, words: &[String], name: Name<'_>) {
        let node = self.node(NAMES, words);
        let next = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        let id = *self
            .id_numbers
            .entry(name.mesh_id.to_owned())
            .or_insert(next);
        if id == next {
            self.ids.push(name.mesh_id.to_owned());
        }
        let payload = TERMINAL
            | (u32::from(name.exact_case) * EXACT_CASE)
            | ((name.tier as u32) << TIER_SHIFT)
            | id;
        let old = self.nodes[node].payload;
        let old_tier = (old >> TIER_SHIFT) & 0xf;
        if old == 0 || (name.tier as u32) < old_tier {
            self.nodes[node].payload = payload;
        }
    }

    pub fn add_cue(&mut self, words: &[String], cue: Cue) {
        let node = self.node(CUES, words);
        self.nodes[node].classes |= cue.bit();
    }

    fn word(&mut self, word: &str) -> WordId {
        if let Some(id) = self.words.get(word) {
            return *id;
        }
        let id = WordId::try_from(self.words.len()).unwrap_or(UNKNOWN);
        self.words.insert(word.to_owned(), id);
        id
    }

    fn node(&mut self, root: usize, words: &[String]) -> usize {
        let mut node = root;
        for word in words {
            let word = self.word(word);
            let next = self.nodes.len();
            let child = *self.nodes[node].children.entry(word).or_insert(next);
            if child == next {
                self.nodes.push(Node::default());
            }
            node = child;
        }
        node
    }

    /// The bytes, and the Rust constants that say where each array begins.
    pub fn lay_out(&self) -> Result<(Vec<u8>, String), String> {
        if self.words.len() >= usize::from(UNKNOWN) || self.ids.len() >= 1 << TIER_SHIFT {
            return Err(format!(
                "{} words and {} ids are too many for the image",
                self.words.len(),
                self.ids.len()
            ));
        }
        let mut sections = Sections::default();
        self.lay_out_words(&mut sections)?;
        self.lay_out_nodes(&mut sections);
        let ids: Vec<u8> = self
            .ids
            .iter()
            .flat_map(|id| {
                let mut bytes = id.clone().into_bytes();
                bytes.resize(ID_BYTES, 0);
                bytes
            })
            .collect();
        sections.push("IDS", &ids);
        Ok((sections.bytes, sections.layout))
    }

    fn lay_out_words(&self, sections: &mut Sections) -> Result<(), String> {
        let mut words: Vec<(&str, WordId)> = self
            .words
            .iter()
            .map(|(word, id)| (word.as_str(), *id))
            .collect();
        words.sort_unstable_by_key(|(_, id)| *id);
        let n_slots = (words.len() * 2).next_power_of_two();
        let mut slots = vec![u32::MAX; n_slots];
        for (word, id) in &words {
            let sum = hash(word.as_bytes());
            let mut slot = sum as usize & (n_slots - 1);
            while slots[slot] != u32::MAX {
                slot = (slot + 1) & (n_slots - 1);
            }
            slots[slot] = (sum & 0xffff_0000) | u32::from(*id);
        }
        let mut pool = Vec::new();
        let mut starts = vec![0];
        for (word, _) in &words {
            pool.extend_from_slice(word.as_bytes());
            starts.push(u32::try_from(pool.len()).map_err(|err| err.to_string())?);
        }
        sections.constant("N_WORDS", words.len());
        sections.constant("N_SLOTS", n_slots);
        sections.push_u32("SLOTS", &slots);
        sections.push_u32("WORD_STARTS", &starts);
        sections.push("POOL", &pool);
        Ok(())
    }

    /// A name's payload, or the number of a cue's set of classes.
    fn payload(&self, node: usize, class_sets: &mut Vec<u64>) -> u32 {
        let Node {
            payload, classes, ..
        } = self.nodes[node];
        if classes == 0 {
            return payload;
        }
        let number = class_sets
            .iter()
            .position(|set| *set == classes)
            .unwrap_or_else(|| {
                class_sets.push(classes);
                class_sets.len() - 1
            });
        u32::try_from(number).unwrap_or_default()
    }

    /// Numbers the nodes breadth first: the children of one node then follow one another, and an
    /// edge needs only its word.
    fn lay_out_nodes(&self, sections: &mut Sections) {
        let (mut labels, mut firsts, mut payloads) = (vec![UNKNOWN; 2], Vec::new(), Vec::new());
        let mut roots = [vec![0u32; self.words.len()], vec![0u32; self.words.len()]];
        let mut queue = VecDeque::from([NAMES, CUES]);
        let mut n_numbered = 2;
        // Number 0 is the empty set, of which most nodes are.
        let mut class_sets = vec![0u64];
        while let Some(node) = queue.pop_front() {
            let place = firsts.len();
            firsts.push(n_numbered);
            payloads.push(self.payload(node, &mut class_sets));
            for (word, child) in &self.nodes[node].children {
                if let Some(root) = roots.get_mut(place) {
                    root[usize::from(*word)] = n_numbered;
                }
                labels.push(*word);
                queue.push_back(*child);
                n_numbered += 1;
            }
        }
        firsts.push(n_numbered);
        sections.push_u32("NAME_ROOTS", &roots[0]);
        sections.push_u32("CUE_ROOTS", &roots[1]);
        sections.push_u32("FIRST_CHILDREN", &firsts);
        sections.push_u32("PAYLOADS", &payloads);
        sections.push(
            "CLASS_SETS",
            &class_sets
                .iter()
                .flat_map(|set| set.to_le_bytes())
                .collect::<Vec<u8>>(),
        );
        sections.push(
            "LABELS",
            &labels
                .iter()
                .flat_map(|label| label.to_le_bytes())
                .collect::<Vec<u8>>(),
        );
    }
}

#[derive(Default)]
struct Sections {
    bytes: Vec<u8>,
    layout: String,
}

impl Sections {
    fn push(&mut self, name: &str, bytes: &[u8]) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.constant(name, self.bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    fn push_u32(&mut self, name: &str, values: &[u32]) {
        self.push(
            name,
            &values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect::<Vec<u8>>(),
        );
    }

    fn constant(&mut self, name: &str, value: usize) {
        let digits = value.to_string();
        let groups: Vec<&str> = digits
            .as_bytes()
            .rchunks(3)
            .rev()
            .filter_map(|group| std::str::from_utf8(group).ok())
            .collect();
        // Writing to a string cannot fail.
        writeln!(
            self.layout,
            "pub(super) const {name}: usize = {};",
            groups.join("_")
        )
        .unwrap_or_default();
    }
}
